"""Skin conductance and temperature on the 30-s grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.features.family import RecordingView
from pipeline.features.skin_epochs import FAMILY
from pipeline.recording import Floats, Kind, Recording, Signal, ZoneSource

START_NS = 1_704_060_000 * NS


def columns(n: int, *signals: Signal) -> dict[str, NDArray[np.floating]]:
    recording = Recording("wrist", "Europe/Rome", ZoneSource.STUDY, signals=signals)
    return dict(FAMILY.compute(RecordingView(recording, START_NS, n)))


def eda(samples: Floats, fs_hz: float = 4.0) -> Signal:
    return Signal(Kind.EDA, "eda", fs_hz, START_NS, samples.astype(np.float32))


def temp(samples: Floats, fs_hz: float = 4.0) -> Signal:
    return Signal(Kind.TEMP, "temp", fs_hz, START_NS, samples.astype(np.float32))


def skin(level_us: float, seconds: int, fs_hz: float = 4.0) -> Floats:
    """A level with the noise of a converter."""
    return level_us + 0.002 * np.sin(np.arange(round(seconds * fs_hz)) / fs_hz)


def test_every_declared_column_is_filled() -> None:
    found = columns(2)
    assert set(found) == {c.name for c in FAMILY.columns}
    assert all(np.isnan(values).all() and values.shape == (2,) for values in found.values())


def test_the_median_of_the_epoch_and_one_spike_per_second() -> None:
    samples = np.concatenate([skin(0.4, 30), skin(0.9, 30)])
    samples[::8] += 20.0  # one sample of every other second: the 1-s median does not see it
    found = columns(2, eda(samples))
    assert found["eda_tonic_us"] == pytest.approx([0.4, 0.9], abs=0.003)
    assert found["eda_valid"].tolist() == [1.0, 1.0]


def test_off_the_skin_is_missing_and_counted() -> None:
    samples = skin(0.4, 90)
    samples[:48] = 0.02  # 12 s of the first epoch
    samples[120:188] = 0.0  # 17 s of the second
    found = columns(3, eda(samples))
    assert found["eda_valid"] == pytest.approx([18 / 30, 13 / 30, 1.0])
    assert np.isnan(found["eda_tonic_us"]).tolist() == [False, True, False]
    assert found["eda_tonic_us"][0] == pytest.approx(0.4, abs=0.003)


def test_contact_begins_at_0_05_microsiemens() -> None:
    low, high = columns(1, eda(skin(0.047, 30))), columns(1, eda(skin(0.053, 30)))
    assert (low["eda_valid"][0], high["eda_valid"][0]) == (0.0, 1.0)


def test_a_stuck_sensor_is_not_skin() -> None:
    found = columns(2, eda(np.concatenate([np.full(120, 0.4), skin(0.4, 30)])))
    assert found["eda_valid"].tolist() == [0.0, 1.0]
    assert np.isnan(found["eda_tonic_us"][0])


def test_a_value_per_minute_is_not_called_stuck() -> None:
    found = columns(4, eda(np.array([0.4, 0.6]), 1 / 60))
    assert found["eda_tonic_us"] == pytest.approx([0.4, 0.4, 0.6, 0.6])


def test_the_rate_does_not_matter() -> None:
    slow, fast = columns(4, eda(skin(1.2, 120, 4.0), 4.0)), columns(4, eda(skin(1.2, 120, 32.0), 32.0))
    assert slow["eda_tonic_us"] == pytest.approx(fast["eda_tonic_us"], abs=0.001)


def test_epochs_without_a_recording_are_unknown() -> None:
    samples = skin(0.4, 60)
    samples[120:] = np.nan
    found = columns(3, eda(samples), temp(np.full(120, 33.0)))
    assert np.isnan(found["eda_valid"]).tolist() == [False, True, True]
    assert np.isnan(found["temp_c"]).tolist() == [False, True, True]


def test_temperature_of_a_room_is_not_of_skin() -> None:
    samples = np.concatenate([np.full(120, 33.5), np.full(120, 19.0), np.full(80, 34.0), np.full(40, 50.0)])
    found = columns(3, temp(samples))
    assert found["temp_c"][[0, 2]].tolist() == [33.5, 34.0]
    assert np.isnan(found["temp_c"][1])


def test_an_even_number_of_seconds_has_the_mean_of_the_middle_two() -> None:
    assert columns(1, temp(np.repeat([30.0, 34.0], 60)))["temp_c"].tolist() == [32.0]
    assert columns(1, temp(np.repeat([30.0, 34.0, np.nan], [60, 56, 4])))["temp_c"].tolist() == [30.0]


@pytest.mark.realdata
def test_a_wrist_export_in_a_laboratory_has_contact_nearly_throughout(real_data: Path) -> None:
    folder = real_data / "stress_predict" / "S02"
    read = {name: np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("EDA", "TEMP")}
    n = len(read["EDA"]) // 120
    found = columns(n, eda(read["EDA"][2:]), temp(read["TEMP"][2:]))
    assert found["eda_valid"].mean() > 0.95
    assert np.isfinite(found["temp_c"]).all()
    assert 0.3 < np.nanmedian(found["eda_tonic_us"]) < 1.5
