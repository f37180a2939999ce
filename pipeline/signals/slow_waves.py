"""Slow waves of one EEG channel: half waves between zero crossings, each with what a sleep laboratory measures.

The channel is averaged over blocks to 25–50 Hz, filtered to the preset's band without delay (`fir.py`), and cut at its
zero crossings. A wave is a negative half wave and the positive one behind it. Crossings are interpolated between
samples and extrema are tops of parabolas, so that durations and sizes do not step with the rate. Where a half wave has
two troughs or two peaks, the larger one counts and the wave stays one wave. Events that touch a stretch which was not
measured are not reported, and nothing is ever filtered across one.

The criteria and the filter of the preset `yasa` are those of YASA (BSD-3-Clause, © Raphael Vallat), written anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.recording import Floats, Int64, Samples
from pipeline.signals.fir import Band, Mask, block_means, filtered, taps_of
from pipeline.signals.mains import MAINS_HZ
from pipeline.signals.runs import runs_of
from pipeline.signals.slow_wave_presets import YASA, Range, SlowWavePreset

LEAST_RATE_HZ = 25.0
"""Averaged to fewer samples a second, a 1.5-Hz wave loses its place: at 10 Hz one event in twenty changes."""
SAMPLES_PER_CYCLE = 10.0
"""Samples in a cycle of the band's upper edge that interpolation needs; a choice of ours (4 Hz: 40 Hz)."""
MAINS_LEAK = 0.005
"""The most of a mains hum that averaging may fold into the band; a choice of ours (200 µV of hum: 1 µV)."""
LEAST_RANKED = 50
"""Waves from which a relative preset takes its thresholds, at least; a choice of ours (2 or 3 min of N2)."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowWaves:
    """Slow waves of a channel in order of time, one a row: arrays of shape (waves,), times in s from the first sample.

    Sizes are those of the trace in the preset's band. The further measures are properties of the same shape.
    """

    preset: str
    judged_s: Floats
    """Where waves were looked for: stretches as rows [start, stop) in s, shape (m, 2); (0, 2) if nowhere."""
    least_negative_uv: float
    """The trough that was asked for, as a positive number; NaN where a relative preset had too few waves to rank."""
    least_ptp_uv: float
    start_s: Floats
    """Crossing zero downwards."""
    trough_s: Floats
    zero_s: Floats
    """Crossing zero upwards, between trough and peak."""
    peak_s: Floats
    end_s: Floats
    """Crossing zero downwards again."""
    neg_uv: Floats
    """At the trough; negative."""
    pos_uv: Floats

    def __len__(self) -> int:
        return len(self.trough_s)

    @property
    def ptp_uv(self) -> Floats:
        """Size from trough to peak."""
        return self.pos_uv - self.neg_uv

    @property
    def negative_s(self) -> Floats:
        """Duration of the negative half wave."""
        return self.zero_s - self.start_s

    @property
    def positive_s(self) -> Floats:
        """Duration of the positive half wave."""
        return self.end_s - self.zero_s

    @property
    def duration_s(self) -> Floats:
        """Duration of the wave."""
        return self.end_s - self.start_s

    @property
    def frequency_hz(self) -> Floats:
        """1 / duration."""
        return 1.0 / self.duration_s

    @property
    def slope_uv_per_s(self) -> Floats:
        """Mean slope up from the trough to zero: size of the trough over the time it takes; positive."""
        return -self.neg_uv / (self.zero_s - self.trough_s)

    @property
    def down_slope_uv_per_s(self) -> Floats:
        """Mean slope down from zero to the trough; negative."""
        return self.neg_uv / (self.trough_s - self.start_s)

    @property
    def transition_uv_per_s(self) -> Floats:
        """Mean slope from trough to peak: the only one with the peak-to-peak size above the line; positive."""
        return self.ptp_uv / (self.peak_s - self.trough_s)

    @property
    def transition_hz(self) -> Floats:
        """1 / (2 x time from trough to peak): Bouchard et al. 2021, doi:10.7554/eLife.64337."""
        return 0.5 / (self.peak_s - self.trough_s)

    @property
    def fall_slope_uv_per_s(self) -> Floats:
        """Mean slope down from the peak to the end; negative."""
        return -self.pos_uv / (self.end_s - self.peak_s)


def slow_waves(x_uv: Samples, fs_hz: float, valid: Mask, included: Mask, preset: SlowWavePreset = YASA) -> SlowWaves:
    """The slow waves of a channel whose trough and peak lie where `included` is true.

    Parameters
    ----------
    x_uv
        One channel in µV, float32 of shape (n,); surface negativity is negative.
    fs_hz
        Its rate; twice the upper edge of the preset's band at least.
    valid
        Bool (n,): false where there is no EEG. Stretches shorter than half the filter (8 s for `yasa`, 17 s for
        `massimini_2004`) are not judged.
    included
        Bool (n,): where waves may lie, and which waves a relative preset ranks; usually N2 and N3.
    preset
        What counts as a slow wave.

    Raises
    ------
    ValueError
        If the masks do not fit the samples, or the band does not fit the rate.
    """
    if not len(x_uv) == len(valid) == len(included):
        raise ValueError(f"{len(x_uv)} samples have {len(valid)} flags of validity and {len(included)} of inclusion")
    size = block_size(fs_hz, preset.band)
    means, whole = block_means(x_uv, valid, size)
    taps = _without_droop(taps_of(preset.band, fs_hz / size), size)
    y = filtered(means, whole, taps, least=len(taps) // 2 + 1)
    judged = runs_of(np.isfinite(y))
    y[judged[:, 0]] = y[judged[:, 1] - 1] = np.nan  # its odd continuation makes a stretch end on zero: no crossing
    marks, neg_uv, pos_uv = _whole_waves(y)
    marks_s = (marks * size + (size - 1) / 2.0) / fs_hz
    kept = _measured(marks_s, neg_uv, pos_uv, preset)
    kept[kept] = included[np.rint(marks_s[1:4:2, kept] * fs_hz).astype(np.int64)].all(axis=0)
    least_neg, least_ptp = _thresholds(-neg_uv[kept], (pos_uv - neg_uv)[kept], preset)
    kept &= (-neg_uv >= least_neg) & (pos_uv - neg_uv >= least_ptp)
    judged_s: Floats = judged.astype(np.float64) * (size / fs_hz)
    known = np.isfinite(least_neg + least_ptp)
    start_s, trough_s, zero_s, peak_s, end_s = (np.asarray(mark_s, np.float64) for mark_s in marks_s[:, kept])
    return SlowWaves(
        preset=preset.name,
        judged_s=judged_s if known else judged_s[:0],
        least_negative_uv=least_neg,
        least_ptp_uv=least_ptp,
        start_s=start_s,
        trough_s=trough_s,
        zero_s=zero_s,
        peak_s=peak_s,
        end_s=end_s,
        neg_uv=neg_uv[kept],
        pos_uv=pos_uv[kept],
    )


def block_size(fs_hz: float, band: Band) -> int:
    """How many samples to average: as many as leave the band its samples and fold no mains hum into it.

    At 256 Hz, blocks of ten would bring 50 Hz to 1.2 Hz at a fortieth of its size, in the middle of the band.
    """
    most = int(fs_hz / max(LEAST_RATE_HZ, SAMPLES_PER_CYCLE * band.high_hz))
    sizes = range(most, 1, -1)
    return next((size for size in sizes if not any(_leaks(hz, fs_hz, size, band) for hz in MAINS_HZ)), 1)


def _leaks(hz: float, fs_hz: float, size: int, band: Band) -> bool:
    """Whether averaging `size` samples folds a hum into the band."""
    rate_hz = fs_hz / size
    folded = abs(hz - rate_hz * round(hz / rate_hz))
    inside = band.low_hz - band.low_transition_hz < folded < band.high_hz + band.high_transition_hz
    angle = np.pi * hz / fs_hz
    return hz < fs_hz / 2.0 and inside and abs(np.sin(size * angle) / (size * np.sin(angle))) > MAINS_LEAK


def _without_droop(taps: Floats, size: int) -> Floats:
    """The filter with the gain put back that a mean over `size` samples takes: 0.6 % at 1.5 Hz, 1.6 % at 4 Hz.

    Three taps of gain 1 + 2a(1 - cos w) undo 1 - w²(1 - 1/size²) / 24, the droop up to w⁴.
    """
    a = (1.0 - 1.0 / size**2) / 24.0
    return np.convolve(taps, [-a, 1.0 + 2.0 * a, -a])


def _whole_waves(y: Samples) -> tuple[Floats, Floats, Floats]:
    """Every negative half wave with the positive one behind it; NaN in whatever touches a gap.

    Its five marks (start, trough, zero, peak, end) in samples, shape (5, waves), and trough and peak in µV.
    """
    below = y < 0.0
    first = np.flatnonzero(below[1:] != below[:-1]) + 1  # of each half wave
    if len(first) < 3:
        return np.empty((5, 0)), np.empty(0), np.empty(0)
    before, after = y[first - 1].astype(np.float64), y[first].astype(np.float64)
    crossing = first - after / (after - before)
    top, top_uv = _extrema(y, first)
    k = np.flatnonzero(below[first[:-2]])
    return np.stack((crossing[k], top[k], crossing[k + 1], top[k + 1], crossing[k + 2])), top_uv[k], top_uv[k + 1]


def _extrema(y: Samples, first: Int64) -> tuple[Floats, Floats]:
    """Place and value of each half wave's lowest or highest point, tops of parabolas; NaN beside a gap."""
    size = np.abs(y)
    whole = np.maximum.reduceat(size, first)
    hits = first[0] + np.flatnonzero(size[first[0] :] == np.repeat(whole, np.diff(first, append=len(y))))
    at = np.zeros(len(first), np.int64)  # stays 0 where a gap lies inside: y[0], the end of a stretch, is NaN
    at[np.searchsorted(first, hits, "right") - 1] = hits  # of equal samples the last
    inner = np.clip(at, 1, len(y) - 2)
    left, middle, right = (y[inner + step].astype(np.float64) for step in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    shift = np.divide(0.5 * (left - right), bend, out=np.zeros(len(at)), where=bend != 0.0)
    return np.asarray(inner + shift, np.float64), middle - 0.25 * (left - right) * shift


def _measured(marks_s: Floats, neg_uv: Floats, pos_uv: Floats, preset: SlowWavePreset) -> Mask:
    """True for waves without NaN that have the preset's durations and absolute sizes."""
    start_s, _, zero_s, _, end_s = marks_s
    rules: tuple[tuple[Floats, Range], ...] = (
        (zero_s - start_s, preset.negative_s),
        (end_s - zero_s, preset.positive_s),
        (end_s - start_s, preset.duration_s),
        (-neg_uv, preset.negative_uv),
        (pos_uv, preset.positive_uv),
        (pos_uv - neg_uv, preset.ptp_uv),
    )
    kept: Mask = np.asarray(np.isfinite(marks_s).all(axis=0), np.bool_)
    for value, (least, greatest) in rules:
        kept &= (value >= least) & (value <= greatest)  # NaN is neither
    return kept


def _thresholds(size_uv: Floats, ptp_uv: Floats, preset: SlowWavePreset) -> tuple[float, float]:
    """The trough and the peak-to-peak size that are asked for; NaN where too few waves can be ranked."""
    if preset.relative and len(size_uv) < LEAST_RANKED:
        return float("nan"), float("nan")
    least_neg, least_ptp = preset.negative_uv[0], preset.ptp_uv[0]
    if preset.negative_factor is not None:
        least_neg = max(least_neg, preset.negative_factor * float(size_uv.mean()))
    if preset.ptp_quantile is not None:
        least_ptp = max(least_ptp, float(np.quantile(ptp_uv, preset.ptp_quantile)))
    return least_neg, least_ptp
