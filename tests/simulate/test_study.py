"""A study folder: its files, its faults, the same bytes for the same seed, the clock-change night."""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.errors import StudyFault
from pipeline.simulate import LoopStrength, simulate_study

ROME = ZoneInfo("Europe/Rome")
DST = date(2024, 3, 29)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "study"
    return simulate_study(folder, 2, 3, 7, start=DST, missing_share=0.0)


def rr_seconds(path: Path) -> tuple[datetime, float]:
    lines = path.read_text(encoding="ascii").splitlines()
    start = next(line for line in lines if line.startswith("# start: ")).removeprefix("# start: ")
    gaps = sum(float(line.removeprefix("# gap: ")) for line in lines if line.startswith("# gap: "))
    intervals = sum(int(line) for line in lines if not line.startswith("#"))
    return datetime.fromisoformat(start), gaps + intervals / 1000


def test_the_folder_holds_settings_participants_and_every_export(study: Path) -> None:
    told = tomllib.loads((study / "study.toml").read_text(encoding="utf-8"))
    assert set(told) == {"study"}
    assert set(told["study"]) == {"title", "zone"}
    lines = (study / "participants.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "participant_id\tage_y\tsex"
    assert [line.split("\t")[0] for line in lines[1:]] == ["P01", "P02"]
    for name in ("P01", "P02"):
        assert {path.name for path in (study / "inbox" / name).iterdir()} == {
            f"{name}.AWD",
            "eeg_2024-03-29.edf",
            *(f"rr_{DST + timedelta(days=k)}.txt" for k in range(3)),
        }


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(study: Path, tmp_path: Path) -> None:
    again = simulate_study(tmp_path / "again", 2, 3, 7, start=DST, missing_share=0.0)
    assert hashes(again) == hashes(study)
    other = simulate_study(tmp_path / "other", 1, 1, 8, start=DST, missing_share=0.0, eeg_nights=0)
    assert hashes(other)["inbox/P01/rr_2024-03-29.txt"] != hashes(study)["inbox/P01/rr_2024-03-29.txt"]


def test_leaving_out_the_eeg_changes_no_other_export(study: Path, tmp_path: Path) -> None:
    without = hashes(simulate_study(tmp_path / "s", 2, 3, 7, start=DST, missing_share=0.0, eeg_nights=0))
    assert {name: told for name, told in hashes(study).items() if name in without and "truth" not in name} == {
        name: told for name, told in without.items() if "truth" not in name
    }


def test_elapsed_time_of_the_clock_change_night_is_an_hour_short_of_its_wall_clocks(study: Path) -> None:
    truth = json.loads((study / "truth.json").read_text(encoding="utf-8"))["participants"]["P01"]
    (night,) = [one for one in truth["nights"] if one["night"] == "2024-03-30"]
    start, elapsed_s = rr_seconds(study / "inbox" / "P01" / "rr_2024-03-30.txt")
    rise = datetime.fromisoformat(night["rise"])
    worn_on_s = start.replace(tzinfo=ROME).timestamp() + elapsed_s - rise.timestamp()
    assert 29 * 60 < worn_on_s < 46 * 60
    by_wall_s = (start + timedelta(seconds=elapsed_s) - rise.replace(tzinfo=None)).total_seconds()
    assert by_wall_s == pytest.approx(worn_on_s - 3600, abs=1)
    evening_s = datetime.fromisoformat(night["bed"]).timestamp() - start.replace(tzinfo=ROME).timestamp()
    assert evening_s >= 3 * 3600


def test_the_watch_counts_elapsed_minutes_through_the_clock_change(study: Path) -> None:
    lines = (study / "inbox" / "P01" / "P01.AWD").read_text(encoding="ascii").splitlines()
    assert lines[1:4] == ["29-Mar-2024", "12:00", " 4 "]
    assert len(lines) - 7 == (3 * 24 - 1) * 60
    truth = json.loads((study / "truth.json").read_text(encoding="utf-8"))["participants"]["P01"]
    start = datetime(2024, 3, 29, 12, tzinfo=ROME).timestamp()
    beds = [datetime.fromisoformat(night["bed"]).timestamp() for night in truth["nights"]]
    marked = [k for k, line in enumerate(lines[7:]) if line.endswith(" M")]
    assert marked == [int((bed - start) // 60) for bed in beds]


def test_truth_of_beats_is_what_the_file_adds_up_to(study: Path) -> None:
    truth = json.loads((study / "truth.json").read_text(encoding="utf-8"))["participants"]["P02"]
    for told in truth["rr"]:
        _, elapsed_s = rr_seconds(study / "inbox" / "P02" / told["export"])
        assert elapsed_s == pytest.approx(told["elapsed_s"], abs=0.01)


def test_missing_nights_are_absent_from_the_folder_and_off_the_wrist_in_the_counts(tmp_path: Path) -> None:
    folder = simulate_study(tmp_path / "s", 2, 10, 3, missing_share=0.4, eeg_nights=0)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["participants"]
    missed = off = 0
    for name, one in truth.items():
        present = {path.name for path in (folder / "inbox" / name).glob("rr_*.txt")}
        assert not present & {f"rr_{night}.txt" for night in one["rr_missing"]}
        assert len(present) + len(one["rr_missing"]) == 10
        missed += len(one["rr_missing"])
        lines = (folder / "inbox" / name / f"{name}.AWD").read_text(encoding="ascii").splitlines()[7:]
        start = datetime.fromisoformat(one["actigraphy"]["start_utc"]).timestamp()
        for hole in one["actigraphy"]["off_wrist"]:
            off += 1
            edges = [datetime.fromisoformat(hole[end]).timestamp() for end in ("start", "end")]
            # A minute is zero if it begins inside the hole; the edges lie on 30-s epochs.
            low, high = (-int(-(edge - start) // 60) for edge in edges)
            assert high - low > 8 * 60
            assert set(lines[low:high]) == {"0"}
    assert 2 <= missed <= 14
    assert 2 <= off <= 14


def test_the_loop_asked_for_is_the_loop_planted(tmp_path: Path) -> None:
    folder = simulate_study(tmp_path / "s", 1, 1, 3, loop=LoopStrength.STRONG, eeg_nights=0)
    planted = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["participants"]["P01"]["planted"]
    assert planted["loop"]["gain"] == pytest.approx(0.1404)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Australia/Adelaide"])
def test_any_zone_will_do(tmp_path: Path, zone: str) -> None:
    folder = simulate_study(tmp_path / "s", 1, 1, 3, zone=zone, missing_share=0.0, eeg_nights=0)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["participants"]["P01"]
    start, _ = rr_seconds(folder / "inbox" / "P01" / "rr_2024-03-04.txt")
    bed = datetime.fromisoformat(truth["nights"][0]["bed"])
    assert 3 * 3600 <= bed.timestamp() - start.replace(tzinfo=ZoneInfo(zone)).timestamp() < 3.3 * 3600


def test_a_folder_that_holds_a_study_is_left_alone(study: Path) -> None:
    before = hashes(study)
    with pytest.raises(StudyFault, match="already holds a study"):
        simulate_study(study, 1, 1, 1)
    assert hashes(study) == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"participants": 0}, "cannot be simulated"),
        ({"nights": 0}, "cannot be simulated"),
        ({"missing_share": 1.0}, "out of range"),
        ({"eeg_nights": 3}, "out of range"),
        ({"zone": "CET+1"}, "no time zone"),
    ],
)
def test_impossible_studies_are_refused_before_anything_is_written(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    asked = {"participants": 1, "nights": 2, "seed": 1} | changed
    with pytest.raises(StudyFault, match=said):
        simulate_study(tmp_path / "s", **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "s").exists()
