"""Which samples and which windows of an EEG can be cerebral at all.

Samples are judged by what no brain does: nothing recorded, a constant value, a value held at the limit of the range,
an amplitude beyond any sleep wave. Windows are judged by what muscles do: a burst of 26–32 Hz power against the
minutes around it. Amplitude and range rules are in µV and meant for scalp EEG; the others do not depend on gain.

A night has millions of samples and few faults: the extremes of half-second blocks tell where a fault can be at all,
and only there are samples looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.signals.baseline import beyond_baseline, block_extremes
from pipeline.signals.runs import runs_of
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

MIN_STRETCH_S = 1.0 / 0.3
"""Stretches between faults of this length or less have no baseline: one period of the baseline's corner frequency."""

MUSCLE_LOW_HZ, MUSCLE_HIGH_HZ = 26.25, 32.0
MUSCLE_FACTOR = 4.0
"""A 4-s window is a muscle artefact if its 26.25–32 Hz power exceeds four times the median of the surrounding
3 min: Brunner et al. 1996, doi:10.1046/j.1365-2869.1996.00009.x (band, window and factor from its abstract)."""
MUSCLE_EPOCHS = 7
"""Epochs in the surrounding stretch: 3.5 min, the odd number of 30-s epochs nearest to 3 min from above."""

Mask = NDArray[np.bool_]
Runs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SampleFaults:
    """Where an EEG of `n` samples cannot be cerebral, each fault as half-open rows [start, stop), shape (m, 2).

    A sample may be flat and clipped at once. `brief` are stretches between other faults too short to be judged.
    """

    n: int
    missing: Runs
    flat: Runs
    clipped: Runs
    brief: Runs
    amplitude: Runs

    def valid(self) -> Mask:
        """True for every sample without a fault, shape (n,)."""
        return _without((self.missing, self.flat, self.clipped, self.brief, self.amplitude), self.n)


def valid_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True for every sample that is finite, neither flat nor clipped, and within `MAX_AMPLITUDE_UV` of its baseline.

    Shape (n,) as `x_uv`. Stretches of 3.3 s or less between gaps, flat or clipped parts have no baseline and are
    not valid; no 4-s window would fit into them.
    """
    return sample_faults(x_uv, fs_hz).valid()


def sample_faults(x_uv: NDArray[np.float32], fs_hz: float) -> SampleFaults:
    """Every fault of every sample; rules as in `valid_samples`."""
    blocks = _Blocks.of(x_uv, fs_hz)
    missing, flat, clipped = _missing(blocks), _flat(blocks, fs_hz), _clipped(blocks, fs_hz)
    # Rails and flat parts are taken out first: a step of millivolts would bend the baseline of its sound neighbours.
    if len(missing) or len(flat) or len(clipped):
        stretches = runs_of(_without((missing, flat, clipped), len(x_uv)))
    else:
        stretches = np.array([[0, len(x_uv)]], np.int64)
    long_enough = stretches[:, 1] - stretches[:, 0] > MIN_STRETCH_S * fs_hz
    amplitude = [np.empty((0, 2), np.int64)]
    for start, stop in stretches[long_enough]:
        beyond = beyond_baseline(x_uv[start:stop], fs_hz, MAX_AMPLITUDE_UV)
        if beyond is not None:
            amplitude.append(runs_of(beyond) + start)
    brief = stretches[~long_enough & (stretches[:, 1] > stretches[:, 0])]
    return SampleFaults(len(x_uv), missing, flat, clipped, brief, np.concatenate(amplitude))


def flat_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True where the same value stands for `FLAT_S` or longer; shape (n,). Gaps are not flat."""
    return ~_without((_flat(_Blocks.of(x_uv, fs_hz), fs_hz),), len(x_uv))


def clipped_samples(x_uv: NDArray[np.float32], fs_hz: float) -> Mask:
    """True where the signal stays at its own lowest or highest value for `CLIP_S` or longer; shape (n,).

    Only clipping at the extremes of the whole recording is seen: the limits of the recorder are not known here.
    """
    return ~_without((_clipped(_Blocks.of(x_uv, fs_hz), fs_hz),), len(x_uv))


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Samples and the extremes of their half-second blocks: any flat run of `FLAT_S` holds one of them whole."""

    x: NDArray[np.float32]
    size: int
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    finite: Mask

    @classmethod
    def of(cls, x: NDArray[np.float32], fs_hz: float) -> _Blocks:
        size = max((int(np.ceil(FLAT_S * fs_hz)) + 1) // 2, 1)
        low, high = block_extremes(x, size)
        return cls(x, size, low, high, np.asarray(np.isfinite(low) & np.isfinite(high), np.bool_))

    def pieces(self, which: Mask, reach: int = 0) -> list[tuple[int, NDArray[np.float32]]]:
        """First sample and samples of each run of the named blocks, with `reach` more blocks on either side."""
        rows = (runs_of(which) * self.size).tolist()
        wider = reach * self.size
        return [(max(start - wider, 0), self.x[max(start - wider, 0) : stop + wider]) for start, stop in rows]


def _missing(blocks: _Blocks) -> Runs:
    return _joined([runs_of(~np.isfinite(piece)) + start for start, piece in blocks.pieces(~blocks.finite)])


def _flat(blocks: _Blocks, fs_hz: float) -> Runs:
    found = []
    for start, piece in blocks.pieces(blocks.finite & (blocks.low == blocks.high), reach=1):
        same = runs_of(piece[1:] == piece[:-1]) + start
        same[:, 1] += 1  # m equal neighbours are m + 1 equal samples
        found.append(same[same[:, 1] - same[:, 0] >= FLAT_S * fs_hz])
    return _joined(found)


def _clipped(blocks: _Blocks, fs_hz: float) -> Runs:
    broken = [piece[np.isfinite(piece)] for _, piece in blocks.pieces(~blocks.finite)]
    finite = np.concatenate((blocks.low[blocks.finite], blocks.high[blocks.finite], *broken))
    if not len(finite):
        return np.empty((0, 2), np.int64)
    found = []
    limits = [(finite.min(), blocks.low), (finite.max(), blocks.high)]
    # A recording of one value has one limit: its samples are clipped once.
    for limit, extremes in limits[: 1 + int(finite.min() < finite.max())]:
        for start, piece in blocks.pieces(~blocks.finite | (extremes == limit)):
            held = runs_of(piece == limit) + start
            found.append(held[held[:, 1] - held[:, 0] >= max(CLIP_SAMPLES, CLIP_S * fs_hz)])
    return _joined(found)


def _joined(parts: list[Runs]) -> Runs:
    return np.concatenate((np.empty((0, 2), np.int64), *parts))


def _without(faults: tuple[Runs, ...], n: int) -> Mask:
    """True for the samples in none of the rows."""
    out = np.ones(n, np.bool_)
    for start, stop in np.concatenate(faults).tolist():
        out[start:stop] = False
    return out


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
