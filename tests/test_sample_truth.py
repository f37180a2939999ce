"""What was planted in sample_data/ comes out of the pipeline: exports in, features out, against truth.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.align import Aligned, align
from pipeline.dataset.store import sha256_of
from pipeline.errors import Fault, FileFault
from pipeline.extract import take_in
from pipeline.study import exports_of, open_study

pytestmark = pytest.mark.xdist_group("truth")
PEOPLE = ("P01", "P02", "P03")


@pytest.fixture(scope="module")
def truth(root: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((root / "sample_data" / "truth.json").read_text())["participants"]
    return found


@pytest.fixture(scope="module")
def refused() -> dict[str, Fault]:
    return {}


@pytest.fixture(scope="module")
def aligned(root: Path, refused: dict[str, Fault]) -> dict[str, Aligned]:
    study = open_study(root / "sample_data")
    out = {}
    for name, person in study.participants.items():
        parts = []
        for export in exports_of(study, name):
            try:
                parts.append(take_in(study, export, sha256_of(export.path)))
            except FileFault as fault:
                refused[export.relative] = fault.fault
        out[name] = align(person, "Europe/Rome", parts)
    return out


def _nights(aligned: Aligned, truth: Mapping[str, Any]) -> pl.DataFrame:
    """The found nights beside the planted ones, planted columns with the prefix true_."""
    rows = [
        {"night": date.fromisoformat(n["night"]), **{f"true_{k}": v for k, v in n.items() if k != "night"}}
        for n in truth["nights"]
    ]
    return aligned.nights.join(pl.DataFrame(rows), on="night", how="left")


def test_only_the_broken_file_is_refused(aligned: dict[str, Aligned], refused: dict[str, Fault]) -> None:
    assert list(aligned) == list(PEOPLE)
    assert refused == {"P02/eeg_2024-03-20.edf": Fault.TRUNCATED}


@pytest.mark.parametrize("name", PEOPLE)
def test_every_planted_night_is_found_with_its_length(
    name: str, aligned: dict[str, Aligned], truth: Mapping[str, Any]
) -> None:
    found = _nights(aligned[name], truth[name])
    assert found["night"].to_list() == [date.fromisoformat(n["night"]) for n in truth[name]["nights"]]
    for row in found.to_dicts():
        assert row["hours"] == (23.0 if row["night"] == date(2024, 3, 30) else 24.0)
        middle = (
            datetime.fromisoformat(row["true_bed"])
            + (datetime.fromisoformat(row["true_rise"]) - datetime.fromisoformat(row["true_bed"])) / 2
        )
        assert row["window_start_utc"] < middle < row["window_end_utc"], row["night"]


@pytest.mark.parametrize("name", PEOPLE)
def test_the_eeg_night_comes_back_to_the_epoch(
    name: str, aligned: dict[str, Aligned], truth: Mapping[str, Any]
) -> None:
    planted = truth[name]["eeg"][0]
    night = aligned[name].nights.row(by_predicate=pl.col("night") == date.fromisoformat(planted["night"]), named=True)
    assert night["window_source"] == "hypnogram"
    for column in ("tst_min", "n3_min", "rem_min"):
        assert night[column] == planted[column], column
    # The decline over N2 and N3 as planted in the expected power, within three of its own standard errors.
    assert night["swa_decline_ok"]
    error = night["swa_decline_per_h"] + planted["ln_swa_n2_n3_slope_per_h"]
    assert abs(error) < 3 * night["swa_decline_se_per_h"]
    # N3 power is planted to a few percent; 4-s Hann windows leak some of it out of the band.
    assert night["swa_n3_uv2"] == pytest.approx(planted["swa_n3_mean_uv2"], rel=0.10)


@pytest.mark.parametrize("name", PEOPLE)
def test_movement_gives_time_asleep_with_the_bias_that_movement_has(
    name: str, aligned: dict[str, Aligned], truth: Mapping[str, Any]
) -> None:
    found = _nights(aligned[name], truth[name]).filter(pl.col("window_source") == "actigraphy")
    error = (found["tst_min"] - found["true_tst_min"]).drop_nulls()
    assert len(error) >= found.height - 1
    assert -20 < error.median() < 30, "quiet wakefulness looks like sleep: some minutes too many"
    assert error.abs().quantile(0.8) < 60


@pytest.mark.parametrize("name", PEOPLE)
def test_heart_rate_and_rmssd_of_each_night(name: str, aligned: dict[str, Aligned], truth: Mapping[str, Any]) -> None:
    found = _nights(aligned[name], truth[name]).filter(pl.col("autonomic_night_state") == "ok")
    assert found.height >= 12
    # The window holds some wake, in which the heart is faster, so the mean lies a little above sleep's own.
    assert np.median(found["noct_hr_bpm"] - found["true_sleep_hr_bpm"]) == pytest.approx(0.0, abs=1.5)
    ratio = (found["noct_rmssd_ms"] / found["true_sleep_rmssd_ms"]).to_numpy()
    assert np.median(ratio) == pytest.approx(1.0, abs=0.06)
    assert np.corrcoef(np.log(found["noct_rmssd_ms"]), np.log(found["true_sleep_rmssd_ms"]))[0, 1] > 0.8


def test_missing_nights_of_beats_are_not_measured_and_not_zero(aligned: dict[str, Aligned]) -> None:
    lost = aligned["P01"].nights.filter(pl.col("night").is_in([date(2024, 3, 9), date(2024, 3, 16)]))
    assert lost["autonomic_night_state"].to_list() == ["not measured"] * 2
    assert lost["noct_hr_bpm"].null_count() == 2


@pytest.mark.parametrize("name", PEOPLE)
def test_the_rhythm_of_activity(name: str, aligned: dict[str, Aligned], truth: Mapping[str, Any]) -> None:
    row = aligned[name].participants.row(0, named=True)
    # The planted cosine is of counts, the measured one of log counts: their peaks agree to about an hour and a half.
    assert row["cosinor_acrophase_h"] == pytest.approx(truth[name]["rhythm"]["acrophase_h"], abs=1.5)
    assert 0.7 < row["ra"] <= 1.0
    assert 0.3 < row["is_hourly"] < 1.0


def test_the_day_without_the_watch_is_off_wrist_and_not_rest(aligned: dict[str, Aligned]) -> None:
    start, end = (datetime.fromisoformat(f"2024-03-26T{clock}+01:00") for clock in ("10:00", "19:00"))
    epochs = aligned["P03"].epochs.filter(pl.col("start_utc").is_between(start, end, closed="left"))
    assert epochs["wear"].mean() < 0.05
    assert epochs["acti_sleep"].drop_nulls().len() < 0.05 * epochs.height


def test_people_differ_as_planted(aligned: dict[str, Aligned]) -> None:
    def mean(name: str, column: str) -> float:
        return float(aligned[name].nights[column].mean())  # type: ignore[arg-type]

    assert mean("P02", "tst_min") < mean("P01", "tst_min") - 50
    assert mean("P02", "noct_hr_bpm") > mean("P01", "noct_hr_bpm") + 6
    assert mean("P02", "noct_rmssd_ms") < mean("P01", "noct_rmssd_ms") - 10
    assert mean("P02", "waso_min") > mean("P01", "waso_min") + 10


def test_planted_arousal_is_seen_in_additional_heart_rate(
    aligned: dict[str, Aligned], truth: Mapping[str, Any]
) -> None:
    days = aligned["P02"].days.select("day", "additional_hr_bpm").drop_nulls()
    planted = {date.fromisoformat(n["night"]): n["arousal_sd"] for n in truth["P02"]["nights"]}
    pairs = [(value, planted[day]) for day, value in days.iter_rows() if day in planted]
    assert len(pairs) >= 18
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.5
