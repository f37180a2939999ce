"""The sample study in the checkout: what its README and truth promise is in its files, and its seed remakes it."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.simulate import sample_study

LARGEST_MB = 20.0


@pytest.fixture(scope="module")
def sample(root: Path) -> Path:
    return root / "sample_data"


@pytest.fixture(scope="module")
def people(sample: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["participants"]
    return told


def made_files(folder: Path) -> list[Path]:
    loose = [folder / name for name in ("README.md", "study.toml", "participants.tsv", "truth.json")]
    return [*loose, *sorted(path for path in (folder / "inbox").rglob("*") if path.is_file())]


def test_the_seed_remakes_the_sample_study(sample: Path, people: dict[str, Any], tmp_path: Path) -> None:
    again = sample_study(tmp_path / "again")
    names = [str(path.relative_to(sample)) for path in made_files(sample)]
    assert names == [str(path.relative_to(again)) for path in made_files(again)]
    remade = json.loads((again / "truth.json").read_text(encoding="utf-8"))["participants"]
    for name, one in people.items():
        # Bytes may differ in a last digit between processors; what was planted may not.
        assert remade[name]["planted"] == one["planted"]
        assert [night["n3_min"] for night in remade[name]["nights"]] == [night["n3_min"] for night in one["nights"]]
    assert (again / "README.md").read_text(encoding="utf-8") == (sample / "README.md").read_text(encoding="utf-8")
    for ours, other in zip(made_files(sample), made_files(again), strict=True):
        assert ours.stat().st_size == pytest.approx(other.stat().st_size, rel=1e-3), ours.name


def test_the_sample_study_is_small(sample: Path) -> None:
    assert sum(path.stat().st_size for path in made_files(sample)) / 1e6 < LARGEST_MB


def test_everyone_has_fourteen_nights_of_counts_and_beats_and_one_of_eeg(people: dict[str, Any]) -> None:
    assert {name: len(one["nights"]) for name, one in people.items()} == {"P01": 16, "P02": 22, "P03": 14}
    assert all(len(one["rr"]) >= 14 for one in people.values())
    assert all(len(one["eeg"]) == 1 for one in people.values())
    assert [name for name, one in people.items() if one["e4"]] == ["P01"]


def test_every_export_named_in_the_truth_is_in_the_inbox_and_no_other(sample: Path, people: dict[str, Any]) -> None:
    for name, one in people.items():
        told = {entry["export"] for part in ("rr", "eeg", "broken", "e4") for entry in one[part]}
        told.add(one["actigraphy"]["export"])
        assert told == {path.name for path in (sample / "inbox" / name).iterdir()}


def test_the_readme_states_the_truth(sample: Path, people: dict[str, Any]) -> None:
    text = (sample / "README.md").read_text(encoding="utf-8")
    n3 = " | ".join(f"{one['eeg'][0]['n3_min']:g}" for one in people.values())
    assert f"| N3 of the EEG night, min | {n3} |" in text
    rmssd = " | ".join(f"{one['planted']['sleep_rmssd_ms']:g}" for one in people.values())
    assert f"| RMSSD asleep, ms | {rmssd} |" in text


@pytest.mark.parametrize("name", ["P01", "P02", "P03"])
def test_stages_of_the_eeg_night_add_up_to_the_stated_minutes(sample: Path, people: dict[str, Any], name: str) -> None:
    from edfio import read_edf

    (told,) = people[name]["eeg"]
    edf = read_edf(sample / "inbox" / name / told["export"])
    stages = [note.text.removeprefix("Sleep stage ") for note in edf.annotations]
    assert stages.count("N3") / 2 == told["n3_min"]
    assert (len(stages) - stages.count("W")) / 2 == told["tst_min"]
    assert len(edf.signals[0].data) == len(stages) * 30 * 64


def test_the_cut_file_announces_twice_what_it_holds(sample: Path, people: dict[str, Any]) -> None:
    (broken,) = people["P02"]["broken"]
    raw = (sample / "inbox" / "P02" / broken["export"]).read_bytes()
    head, records = int(raw[184:192]), int(raw[236:244])
    per_record = 2 * sum(int(raw[256 + 216 * 2 + 8 * k : 256 + 216 * 2 + 8 * (k + 1)]) for k in range(2))
    assert records == 120
    assert 0.45 < (len(raw) - head) / (per_record * records) < 0.55
    assert (len(raw) - head) % per_record


def test_the_heart_of_the_shallow_sleeper_beats_at_the_planted_rate(sample: Path, people: dict[str, Any]) -> None:
    night = people["P02"]["nights"][4]
    lines = (sample / "inbox" / "P02" / f"rr_{night['night']}.txt").read_text(encoding="ascii").splitlines()
    start = datetime.fromisoformat(lines[1].removeprefix("# start: ") + night["bed"][-6:]).timestamp()
    step_s = np.array([float(x[7:]) if x[0] == "#" else int(x) / 1000 for x in lines[3:]])
    is_beat = np.array([x[0] != "#" for x in lines[3:]])
    at = start + np.cumsum(step_s)
    bed, rise = (datetime.fromisoformat(night[end]).timestamp() for end in ("bed", "rise"))
    inside = is_beat & (at > bed) & (at < rise)
    # Wake in bed, a quarter of this night at most, beats some 7 bpm faster than sleep.
    assert 60 / step_s[inside].mean() == pytest.approx(night["sleep_hr_bpm"] + 1, abs=1.5)


def test_the_day_without_the_watch_is_nine_hours_of_zeros(sample: Path, people: dict[str, Any]) -> None:
    (hole,) = people["P03"]["actigraphy"]["off_wrist"]
    assert hole["hours"] == 9
    start = datetime.fromisoformat(people["P03"]["actigraphy"]["start_utc"])
    low = int((datetime.fromisoformat(hole["start"]) - start).total_seconds() // 60)
    values = (sample / "inbox" / "P03" / "P03.AWD").read_text(encoding="ascii").splitlines()[7:]
    assert set(values[low : low + 540]) == {"0"}
    assert "0" not in {values[low - 1], values[low + 540]}


def test_the_eeg_of_the_irregular_sleeper_is_of_the_clock_change_night(people: dict[str, Any]) -> None:
    (eeg,) = people["P03"]["eeg"]
    (night,) = [one for one in people["P03"]["nights"] if one["night"] == eeg["night"] == "2024-03-30"]
    assert (night["bed"][-6:], night["rise"][-6:]) == ("+01:00", "+02:00")


def test_one_night_loses_hours_of_beats_and_no_other(people: dict[str, Any]) -> None:
    lost_h = {rr["night"]: rr["lost_s"] / 3600 for one in people.values() for rr in one["rr"]}
    assert [night for night, hours in lost_h.items() if hours > 0.2] == ["2024-03-27"]
    assert lost_h["2024-03-27"] > 2


def test_the_wristband_zip_is_whole(sample: Path, people: dict[str, Any]) -> None:
    (told,) = people["P01"]["e4"]
    with zipfile.ZipFile(sample / "inbox" / "P01" / told["export"]) as archive:
        assert archive.testzip() is None
        assert {"ACC.csv", "BVP.csv", "EDA.csv", "HR.csv", "IBI.csv", "TEMP.csv", "tags.csv"} <= set(archive.namelist())
