"""Sleep spindles: where sigma stands out of the EEG, follows it and is strong, all three at once.

A re-implementation for NumPy alone of the detector of YASA 0.8.1 (`spindles_detect`; Vallat & Walker 2021,
doi:10.7554/eLife.70092; BSD-3-Clause, © Raphael Vallat), which simplifies Lacourse et al. 2019
(doi:10.1016/j.jneumeth.2018.08.014). A moment counts when the share of sigma in the power around it, the correlation of
the sigma trace with the EEG, and the moving amplitude of the sigma trace each reach their threshold. What differs:
nothing reaches across a gap, the grid is 10 ms at every sampling rate, traces are kept at 100–200 Hz, peaks are placed
between samples.

The rules are in `spindle_rules`, the measures of an event in `spindle_measures`. The number of spindles depends on
the preset, the derivation and the gain (except `YASA_RELATIVE`); there is no norm across definitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.analytic import analytic_taps_of, decimation, traces
from pipeline.signals.fir import Band, Mask, taps_of, usual_band
from pipeline.signals.runs import runs_of
from pipeline.signals.spindle_measures import measured
from pipeline.signals.spindle_rules import Rules, Traces, decided

LEAST_STRETCH_S = 2.0
"""Shortest unbroken stretch that is looked at: the window of the relative power."""
LEAST_KEPT_HZ = 100.0
"""Lowest rate the traces are kept at: three times the top of the broad band (33.75 Hz at −6 dB). A choice of ours."""
LEAST_FS_HZ = 75.0
"""Lowest sampling rate: twice the upper stop edge (37.5 Hz) of the 1–30-Hz band, so that every rate gets the same
filter."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One published definition of a spindle; the defaults are YASA's."""

    name: str
    source: str
    low_hz: float = 12.0
    high_hz: float = 15.0
    transition_hz: float = 1.5
    broad_low_hz: float = 1.0
    broad_high_hz: float = 30.0
    rules: Rules = field(default_factory=Rules)

    @property
    def band(self) -> Band:
        """The sigma band with its transitions."""
        return Band(self.low_hz, self.high_hz, self.transition_hz, self.transition_hz)


YASA = Preset("yasa", "doi:10.7554/eLife.70092, YASA 0.8.1")
YASA_RELATIVE = Preset(
    "yasa_relative",
    "doi:10.7554/eLife.70092; without YASA's 10-µV cap, so that gain does not matter (a choice of ours)",
    rules=Rules(rms_cap_uv=None),
)
SLOW = Preset("slow", "9–12.5 Hz: doi:10.1038/s41598-018-36557-z (recalled), PMC9969071", low_hz=9.0, high_hz=12.5)
FAST = Preset("fast", "12.5–16 Hz: doi:10.1038/s41598-018-36557-z (recalled), PMC9969071", low_hz=12.5, high_hz=16.0)
PRESETS = (YASA, YASA_RELATIVE, SLOW, FAST)


@dataclass(frozen=True, slots=True, eq=False)
class Spindles:
    """One row per spindle, in order of time; every array has shape (n,). Times are seconds from the first sample."""

    preset: str
    looked_s: float
    """Time that was valid, included and far enough from a gap; with 0 s "no spindle" says nothing."""
    rms_threshold_uv: float
    """What the moving RMS had to reach; NaN where nothing could be looked at."""
    start_s: Floats
    peak_s: Floats
    """The most prominent positive peak of the broad-band trace."""
    end_s: Floats
    duration_s: Floats
    amplitude_uv: Floats
    """Peak to peak of the 1–30-Hz trace, its linear trend removed."""
    sigma_ptp_uv: Floats
    """Peak to peak of the sigma trace."""
    rms_uv: Floats
    """Root mean square of the 1–30-Hz trace, its linear trend removed."""
    frequency_hz: Floats
    """Median of the instantaneous frequency of the sigma trace."""
    oscillations_n: NDArray[np.int64]
    """Positive peaks of the broad-band trace at least 60 ms apart."""
    symmetry: Floats
    """Where `peak_s` lies, from 0 (start) to 1 (end); NaN in the rare event without a peak."""
    relative_power: Floats
    """Median share of sigma in the power of the broad band, 0 to 1."""
    sigma_power_log10_uv2: Floats
    """Median decadic logarithm of the squared envelope of the sigma trace."""

    def __len__(self) -> int:
        return len(self.start_s)


def spindles(x_uv: Samples, fs_hz: float, valid: Mask, included: Mask, preset: Preset = YASA) -> Spindles:
    """The spindles of one channel.

    Parameters
    ----------
    x_uv, fs_hz
        EEG in µV, shape (n,), and its rate, at least `LEAST_FS_HZ`.
    valid
        Samples that may be used, shape (n,). What is not valid parts the channel: no filter, window or event reaches
        across it. Stretches shorter than `LEAST_STRETCH_S` are not looked at.
    included
        Samples whose stage counts (usually N2 and N3), shape (n,): the amplitude threshold is set on them, and
        spindles are found in them.
    preset
        One of `PRESETS`.

    Raises
    ------
    ValueError
        If the rate is too low for the bands, or a mask has another shape than the samples.
    """
    if not fs_hz >= LEAST_FS_HZ:
        raise ValueError(f"spindles need at least {LEAST_FS_HZ:g} samples per second, not {fs_hz:g}")
    if not len(x_uv) == len(valid) == len(included):
        raise ValueError(f"{len(x_uv)} samples, {len(valid)} of `valid` and {len(included)} of `included`")
    stretches = runs_of(valid)
    stretches = stretches[stretches[:, 1] - stretches[:, 0] >= LEAST_STRETCH_S * fs_hz]
    found = _traces(x_uv, fs_hz, valid, preset)
    decision = decided(found, stretches / fs_hz, runs_of(included) / fs_hz, preset.rules, preset.low_hz, preset.high_hz)
    start_s, end_s = decision.events_s.T
    values = measured(found, start_s, end_s)
    return Spindles(
        preset=preset.name,
        looked_s=decision.looked_s,
        rms_threshold_uv=decision.rms_threshold_uv,
        start_s=start_s,
        end_s=end_s,
        duration_s=end_s - start_s,
        relative_power=decision.relative_power,
        **values,
    )


def _traces(x_uv: Samples, fs_hz: float, valid: Mask, preset: Preset) -> Traces:
    """The broad-band and the analytic sigma trace at the lower rate."""
    keep_every = decimation(fs_hz, LEAST_KEPT_HZ)
    taps = (
        taps_of(usual_band(preset.broad_low_hz, preset.broad_high_hz, fs_hz), fs_hz),
        analytic_taps_of(preset.band, fs_hz),
    )
    broad, sigma = traces(x_uv, valid, taps, keep_every, round(LEAST_STRETCH_S * fs_hz))
    return Traces(np.asarray(broad, np.float32), np.asarray(sigma, np.complex64), fs_hz / keep_every)
