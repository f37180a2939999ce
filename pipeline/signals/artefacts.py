"""Which samples and which windows of an EEG can be cerebral at all.

Samples are judged by what no brain does: nothing recorded, a constant value, a value held at the limit of the range,
an amplitude beyond any sleep wave. Windows are judged by what muscles do: a burst of 26–32 Hz power against the
minutes around it. Amplitude and range rules are in µV and meant for scalp EEG; the others do not depend on gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.signals.filters import high_passed
from pipeline.signals.runs import mask_of, runs_of
from pipeline.signals.spectrum import FREQS_HZ, Density, band_power_uv2

FLAT_S = 1.0
"""A value unchanged for this long is a disconnected or held channel. Our choice: the slowest sleep waves (0.5 Hz,
75 µV) move by more than a resolution step of any recorder within 1 s."""

CLIP_S = 0.05
CLIP_SAMPLES = 3
"""Time (and, at low rates, number of samples) at the recording's own extreme that is clipping. Our choice: the crest
of a 1-Hz, 200-µV wave stays within one 2-µV step of its peak for 45 ms."""

MAX_AMPLITUDE_UV = 500.0
"""Largest deviation from the baseline. Our choice: 1000 µV peak to peak is about three times the largest slow wave
that detectors accept (350 µV, doi:10.7554/eLife.70092; number recalled, unverified)."""

BASELINE_HZ = 0.3
"""Corner of the high-pass that defines the baseline: the low corner the AASM manual recommends for EEG."""

MUSCLE_LOW_HZ, MUSCLE_HIGH_HZ = 26.25, 32.0
MUSCLE_FACTOR = 4.0
"""A 4-s window is a muscle artefact if its 26.25–32 Hz power exceeds four times the median of the surrounding
3 min: Brunner et al. 1996, doi:10.1046/j.1365-2869.1996.00009.x (band, window and factor from its abstract)."""
MUSCLE_EPOCHS = 7
"""Epochs in the surrounding stretch: 3.5 min, the odd number of 30-s epochs nearest to 3 min from above."""

Mask = NDArray[np.bool_]


def valid_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True for every sample that is finite, neither flat nor clipped, and within `MAX_AMPLITUDE_UV` of its baseline.

    Shape (n,) as `x_uv`. Stretches of 3.3 s or less between gaps, flat or clipped parts have no baseline and are
    not valid; no 4-s window would fit into them.
    """
    kept = np.isfinite(x_uv) & ~flat_samples(x_uv, fs_hz) & ~clipped_samples(x_uv, fs_hz)
    # Rails and flat parts are taken out first: a step of millivolts would ring into its sound neighbourhood.
    above_baseline = high_passed(np.where(kept, x_uv, np.float32(np.nan)), fs_hz, BASELINE_HZ)
    return np.asarray(np.abs(above_baseline) <= MAX_AMPLITUDE_UV, np.bool_)  # NaN compares false: not valid


def flat_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True where the same value stands for `FLAT_S` or longer; shape (n,). Gaps are not flat."""
    same = runs_of(x_uv[1:] == x_uv[:-1])
    same[:, 1] += 1  # m equal neighbours are m + 1 equal samples
    return mask_of(same[same[:, 1] - same[:, 0] >= FLAT_S * fs_hz], len(x_uv))


def clipped_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True where the signal stays at its own lowest or highest value for `CLIP_S` or longer; shape (n,).

    Only clipping at the extremes of the whole recording is seen: the limits of the recorder are not known here.
    """
    finite = x_uv[np.isfinite(x_uv)]
    if not len(finite):
        return np.zeros(len(x_uv), np.bool_)
    runs = np.concatenate((runs_of(x_uv == finite.min()), runs_of(x_uv == finite.max())))
    long_enough = runs[:, 1] - runs[:, 0] >= max(CLIP_SAMPLES, CLIP_S * fs_hz)
    return mask_of(runs[long_enough], len(x_uv))


def muscle_windows(window_psd: Density) -> Mask:
    """True for windows with a burst of muscle activity, shape (n_epochs, windows).

    `window_psd` is what `window_psd_uv2_hz` returns, shape (n_epochs, windows, 129). Where the rate does not reach
    32 Hz, or the window itself was not measured, the answer is False: nothing was seen.
    """
    power = band_power_uv2(window_psd, FREQS_HZ, MUSCLE_LOW_HZ, MUSCLE_HIGH_HZ)
    if not np.isfinite(power).any():
        return np.zeros(power.shape, np.bool_)
    reach = MUSCLE_EPOCHS // 2
    padded = np.pad(power, ((reach, reach), (0, 0)), constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, MUSCLE_EPOCHS, axis=0).reshape(len(power), -1)
    return np.asarray(power > MUSCLE_FACTOR * _median_of_finite(around)[:, None], np.bool_)


def _median_of_finite(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row's finite values; NaN for rows without any (sorted: NaN stands last)."""
    ordered = np.sort(rows, axis=1)
    n = np.isfinite(rows).sum(axis=1)
    pick = np.arange(len(rows))
    middle = (ordered[pick, np.maximum(n - 1, 0) // 2] + ordered[pick, n // 2]) / 2.0
    return np.where(n > 0, middle, np.nan)
