"""Slow waves of real sleep: YASA's, and how many there are by every definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from slow_wave_trains import FS, both, f1, found

from pipeline.signals.slow_wave_presets import PRESETS


def segment(real_data: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    folder = real_data / "dynamo_eeg_segment"
    x = np.loadtxt(folder / "segment_data.csv", dtype=np.float32)
    change_s, code = np.loadtxt(folder / "segment_stages.csv", delimiter=",", skiprows=1).T
    stage = code[np.searchsorted(change_s, np.arange(len(x)) / FS, "right") - 1]
    return x, np.isin(stage, (1, 2))  # 1 = N3, 2 = N2


@pytest.mark.realdata
def test_every_wave_of_yasa_is_found_on_real_sleep(real_data: Path) -> None:
    """Troughs and sizes of YASA 0.8.1 on 83.5 min; ten waves more are ours, which YASA deletes or cuts by a sample."""
    x, included = segment(real_data)
    theirs = np.loadtxt(Path(__file__).with_name("slow_waves_yasa.csv"), delimiter=",", skiprows=1)
    waves = found(x, included=included)
    assert both(waves.trough_s, theirs[:, 0], 0.02) == len(theirs) == 256
    assert len(waves) == pytest.approx(266, abs=2)
    assert f1(waves.trough_s, theirs[:, 0], 0.02) > 0.975
    at = np.abs(waves.trough_s[:, None] - theirs[:, 0]).argmin(axis=0)
    apart_s, apart_uv = waves.trough_s[at] - theirs[:, 0], waves.ptp_uv[at] - theirs[:, 1]
    assert np.std(apart_s) < 4e-3  # YASA's samples are 10 ms apart: 2.9 ms
    assert np.median(np.abs(apart_uv)) < 0.2
    # YASA's crossing is the sample before it, half a sample early: its slopes are 2 % too steep at 100 Hz.
    assert np.median(waves.slope_uv_per_s[at] / theirs[:, 2]) == pytest.approx(0.98, abs=0.006)
    early_s = np.floor(waves.zero_s[at] * FS) / FS - theirs[:, 0]
    assert np.median(-waves.neg_uv[at] / early_s / theirs[:, 2]) == pytest.approx(1.0, abs=0.002)


@pytest.mark.realdata
def test_real_waves_by_every_definition(real_data: Path) -> None:
    x, included = segment(real_data)
    number = {preset.name: len(found(x, preset=preset, included=included)) for preset in PRESETS}
    assert number == pytest.approx(
        {"yasa": 266, "massimini_2004": 95, "staresina_2015": 499, "ngo_2013": 464, "aasm": 568}, abs=3
    )
    for preset in (preset for preset in PRESETS if preset.relative):
        louder = found(3.0 * x, preset=preset, included=included)
        assert len(louder) == pytest.approx(number[preset.name], abs=1)
