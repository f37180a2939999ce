"""At which phase of the slow wave sigma peaks, and which slow waves carry a spindle.

The phase is the angle of the analytic 0.3–1.5-Hz trace: 0 at its positive peak (the up-state, at the scalp), ±π at its
trough, from −π to 0 while it rises (the convention of YASA and of Staresina et al. 2015, doi:10.1038/nn.4119). Measures
are those of YASA 0.8.1 (BSD-3-Clause, © Raphael Vallat; doi:10.7554/eLife.70092). Inverted polarity turns every phase
by π, and nothing in the signal tells.

What the phases say together (`summaries`) is worked out in `coupling_chance`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.analytic import Analytic, analytic_taps_of, decimation, traces
from pipeline.signals.coupling_chance import Chance, CouplingSummary, Shifts, chances, coupling_summary
from pipeline.signals.fir import Band, Mask
from pipeline.signals.runs import runs_of

LEAST_KEPT_HZ = 50.0
"""Lowest rate the traces are kept at; the complex sigma trace needs 35 Hz. A choice of ours."""
LEAST_STRETCH_S = 3.0
"""Shortest unbroken stretch that is looked at: a wave and the window around it. A choice of ours."""
SURROGATES = 500
"""Shifts of sigma against the slow waves; the least p is 1 / 501. A choice of ours."""


_SLOW_BAND = Band(0.3, 1.5, 0.2, 0.2)


@dataclass(frozen=True, slots=True)
class Preset:
    """Bands and windows; the defaults are YASA's `coupling_params` and `lookaround`."""

    name: str
    source: str
    sigma: Band
    slow: Band = _SLOW_BAND
    reach_s: float = 1.0
    """Sigma is looked for this far on either side of the trough."""
    spindle_reach_s: float = 1.2
    """A spindle whose peak is nearer than this to the trough co-occurs (Kurz et al. 2021, doi:10.1093/sleep/zsaa290),
    as in YASA."""
    p: float = 0.05
    """Level of `Coupling.ndpac_above_chance` (Özkurt 2012, doi:10.1109/TBME.2012.2194783; recalled)."""


YASA = Preset("yasa", "doi:10.7554/eLife.70092, YASA 0.8.1", Band(12.0, 16.0, 1.5, 1.5))
SLOW = Preset("slow", "doi:10.1038/s41598-018-36557-z (recalled), PMC9969071", Band(9.0, 12.5, 1.5, 1.5))
FAST = Preset("fast", "doi:10.1038/s41598-018-36557-z (recalled), PMC9969071", Band(12.5, 16.0, 1.5, 1.5))
PRESETS = (YASA, SLOW, FAST)


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """One row per slow wave, in the order given; every array has shape (n,). NaN where the window meets a gap."""

    preset: str
    trough_s: Floats
    stage: NDArray[np.int8]
    """Stage at the trough; negative waves stand in no summary."""
    sigma_peak_s: Floats
    """When sigma is strongest within `reach_s` of the trough, seconds from the first sample."""
    phase_rad: Floats
    """Phase of the slow wave then, −π to π."""
    ndpac: Floats
    """Normalised direct phase-amplitude coupling in that window, 0 to 1, not thresholded."""
    ndpac_above_chance: NDArray[np.bool_]
    """Where YASA keeps `ndPAC` instead of setting it to 0. It counts every sample of the recording as independent,
    so at a higher rate more waves pass."""
    spindle: NDArray[np.int64]
    """Which spindle co-occurs (the last, if several do); −1 where none does or none was asked for."""
    spindle_delay_s: Floats
    """Peak of that spindle after the trough (negative: before it); NaN without one."""
    spindle_phase_rad: Floats
    """Phase of the slow wave at the peak of that spindle; NaN without one."""
    sigma_chance: tuple[Chance, ...]
    """Per stage: `phase_rad` with sigma shifted in time."""
    spindle_chance: tuple[Chance, ...]
    """Per stage: `spindle_phase_rad` with the spindles shifted in time."""

    def __len__(self) -> int:
        return len(self.trough_s)


def coupling(
    x_uv: Samples,
    fs_hz: float,
    valid: Mask,
    stage: NDArray[np.int8],
    trough_s: Floats,
    spindle_peak_s: Floats | None = None,
    preset: Preset = YASA,
    surrogates: int = SURROGATES,
    seed: int = 0,
) -> Coupling:
    """The phase of each slow wave at its strongest sigma and at its spindle, and the same by chance.

    Parameters
    ----------
    x_uv, fs_hz, valid
        EEG in µV, its rate (at least `LEAST_KEPT_HZ`), and which samples may be used; shape (n,).
    stage
        A code per sample, shape (n,); negative where nothing counts. Surrogates stay within a code.
    trough_s
        Troughs of the slow waves of this channel, seconds from the first sample.
    spindle_peak_s
        Peaks of the spindles of this channel, in order of time (a NaN among them co-occurs with nothing); None if there
        was no detection.
    surrogates, seed
        How often sigma and spindles are shifted, 0 for never, and what makes the shifts repeatable.

    Raises
    ------
    ValueError
        If the rate is too low, a mask has another shape than the samples, or a trough lies outside of them.
    """
    if not fs_hz >= LEAST_KEPT_HZ:
        raise ValueError(f"coupling needs at least {LEAST_KEPT_HZ:g} samples per second, not {fs_hz:g}")
    if not len(x_uv) == len(valid) == len(stage):
        raise ValueError(f"{len(x_uv)} samples, {len(valid)} of `valid` and {len(stage)} of `stage`")
    if len(trough_s) and not (trough_s.min() >= 0.0 and trough_s.max() <= (len(x_uv) - 1) / fs_hz):
        raise ValueError(f"a trough lies outside the {len(x_uv) / fs_hz:g} s of samples")
    keep_every = decimation(fs_hz, LEAST_KEPT_HZ)
    least = round(LEAST_STRETCH_S * fs_hz)
    runs = runs_of(valid)
    stretches = runs[runs[:, 1] - runs[:, 0] >= least] / keep_every
    taps = (analytic_taps_of(preset.slow, fs_hz), analytic_taps_of(preset.sigma, fs_hz))
    slow, sigma = (np.asarray(trace, np.complex64) for trace in traces(x_uv, valid, taps, keep_every, least))
    kept_hz = fs_hz / keep_every
    trough = np.rint(trough_s * kept_hz).astype(np.int64)
    peak, phase_rad, ndpac = _sigma_peaks(slow, np.abs(sigma), trough, stretches, round(preset.reach_s * kept_hz))
    z = NormalDist().inv_cdf(1.0 - preset.p / 2.0)
    peaks_s = np.zeros(0) if spindle_peak_s is None else spindle_peak_s
    known = np.flatnonzero(np.isfinite(peaks_s))
    last = _last_within(peaks_s[known], trough_s, preset.spindle_reach_s)
    spindle = np.where(last >= 0, known[last] if len(known) else -1, -1).astype(np.int64)
    near = spindle >= 0
    delay_s = np.full(len(trough_s), np.nan)
    delay_s[near] = peaks_s[spindle[near]] - trough_s[near]
    at = np.where(near, trough_s + np.nan_to_num(delay_s), trough_s) * kept_hz
    whole = _whole(trough, stretches, round(preset.spindle_reach_s * kept_hz))
    stages = stage[np.rint(trough_s * fs_hz).astype(np.int64)] if len(trough_s) else np.zeros(0, np.int8)
    shifts = Shifts(slow, np.abs(sigma), stage[::keep_every], stretches, kept_hz, surrogates, seed)
    reaches_s = (preset.reach_s, preset.spindle_reach_s)
    sigma_chance, spindle_chance = chances(
        shifts, trough, stages, None if spindle_peak_s is None else peaks_s[known], reaches_s
    )
    return Coupling(
        preset=preset.name,
        trough_s=trough_s,
        stage=stages,
        sigma_peak_s=peak / kept_hz,
        phase_rad=phase_rad,
        ndpac=ndpac,
        ndpac_above_chance=ndpac > z / np.sqrt(2 * round(preset.reach_s * fs_hz) + 1),
        spindle=spindle,
        spindle_delay_s=delay_s,
        spindle_phase_rad=np.where(near & whole, np.angle(_at(slow, at)).astype(np.float64), np.nan),
        sigma_chance=sigma_chance,
        spindle_chance=spindle_chance,
    )


def summaries(found: Coupling, stages: Collection[int]) -> tuple[CouplingSummary, CouplingSummary]:
    """What the waves of these stages say together: of sigma, and of the co-occurring spindles.

    No surrogate p where one of the stages is too short for shifts: those of the others alone are not its chance.
    """
    own = np.isin(found.stage, list(stages))
    present = set(found.stage[own].tolist())
    said = []
    for phases, chance in ((found.phase_rad, found.sigma_chance), (found.spindle_phase_rad, found.spindle_chance)):
        some = [one for one in chance if one.stage in present]
        said.append(coupling_summary(phases[own], some if len(some) == len(present) else ()))
    return said[0], said[1]


def _whole(at: NDArray[np.int64], stretches: Floats, reach: int) -> Mask:
    """Whether everything within `reach` of `at` lies in one stretch; all in kept samples."""
    if not len(stretches):
        return np.zeros(len(at), np.bool_)
    row = np.maximum(np.searchsorted(stretches[:, 0], at, side="right") - 1, 0)
    return np.asarray((at - reach >= stretches[row, 0]) & (at + reach <= stretches[row, 1] - 1.0), np.bool_)


def _sigma_peaks(
    slow: Analytic, envelope: Samples, trough: NDArray[np.int64], stretches: Floats, reach: int
) -> tuple[Floats, Floats, Floats]:
    """Place of the strongest sigma (in kept samples), phase there, and ndPAC; NaN where the window meets a gap."""
    peak, phase, ndpac = np.full((3, len(trough)), np.nan)
    whole = np.flatnonzero(_whole(trough, stretches, reach))
    if not len(whole):
        return peak, phase, ndpac
    around = trough[whole, None] + np.arange(-reach, reach + 1)
    amplitude = envelope[around].astype(np.float64)
    top = amplitude.argmax(axis=1)
    inner = np.clip(top, 1, 2 * reach - 1)
    row = np.arange(len(whole))
    before, middle, after = amplitude[row, inner - 1], amplitude[row, inner], amplitude[row, inner + 1]
    bend = before - 2.0 * middle + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(len(row)), where=(top == inner) & (bend < 0.0))
    peak[whole] = trough[whole] - reach + top + shift
    phase[whole] = np.angle(_at(slow, peak[whole]))
    amplitude -= amplitude.mean(axis=1, keepdims=True)
    spread = amplitude.std(axis=1, ddof=1)
    turned = slow[around]
    length = np.abs(turned)
    unit = np.divide(turned, length, out=np.zeros_like(turned), where=length > 0.0)
    product = np.abs((amplitude * unit).mean(axis=1))
    ndpac[whole] = np.divide(product, spread, out=np.full(len(row), np.nan), where=spread > 0.0)
    return peak, phase, ndpac


def _at(trace: Analytic, place: Floats) -> Analytic:
    """The trace between its samples, along straight lines; places inside the trace."""
    low = np.clip(place.astype(np.int64), 0, max(len(trace) - 2, 0))
    share = (place - low).astype(np.float32)
    return np.asarray(trace[low] * (1.0 - share) + trace[low + 1] * share, np.complex64) if len(low) else trace[:0]


def _last_within(peaks_s: Floats, trough_s: Floats, reach_s: float) -> NDArray[np.int64]:
    """The last peak nearer than `reach_s` to each trough, −1 where there is none; shape as `trough_s`."""
    last = np.searchsorted(peaks_s, trough_s + reach_s, side="left") - 1
    if not len(peaks_s):
        return np.full(len(trough_s), -1, np.int64)
    near = (last >= 0) & (peaks_s[np.maximum(last, 0)] > trough_s - reach_s)
    return np.where(near, last, -1).astype(np.int64)
