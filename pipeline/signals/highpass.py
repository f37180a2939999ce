"""Whether a recorder, or the software that exported from it, took slow waves away.

A high-pass leaves a mark that no sleep leaves: power that falls towards 0 Hz below its corner. The low end of the
spectrum, in decibels, is taken as a straight line over octaves (1/f), a hump where slow oscillations may be, drift
that may lift or lower what lies below 0.3 Hz, the first-order coupling of the amplifier (0.3 Hz at most), and one
Butterworth high-pass of unknown corner and order. Everything but the filters is Gaussian with a prior, so that the
posterior of the corner is a sum over a grid.

Suspected or present, of forty simulated hours: unfiltered or 0.1 Hz 0 of 80; 0.5 Hz of first order 23, of second
40; 1 Hz of first order 35, of second 40. Of four channels of waking people, 5 and 6 min long, that had no part in the
choice of thresholds: unfiltered or 0.1 Hz 0 of 8; 0.3 Hz 2 of 8; 0.5 Hz 3 and 4; 1 Hz 4 and 4. A gentle filter of
0.5 Hz is thus missed about as often as it is seen, and put too low; the corner of steep ones is found within 25 % in
simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.slow_trace import SlowTrace

WINDOW_S = 20.0
EDGES_HZ: Floats = np.array([0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.45, 0.55, 0.7, 0.9, 1.1, 1.4, 1.8, 2.4, 3.2])
CENTRES_HZ: Floats = np.sqrt(EDGES_HZ[1:] * EDGES_HZ[:-1])

MIN_WINDOWS = 15
"""Windows of 20 s, half overlapped, below which nothing is said: about 2.5 min. A choice of ours."""

CORNERS_HZ: Floats = np.geomspace(0.02, 2.0, 61)
ORDERS = (1, 2, 4)
COUPLINGS_HZ: Floats = np.array([0.02, 0.05, 0.1, 0.16, 0.2, 0.25, 0.3])
"""Corners of the amplifier's own coupling: time constants of 8 to 0.5 s."""

HARMFUL_HZ = 0.4
"""Corner from which a high-pass counts as taking slow waves away. A choice of ours: zero-phase first-order high-passes
of 0.5 and 1 Hz took 41 and 94 % of the slow waves of an 84-min recording that passed absolute thresholds."""
PRESENT_FROM, SUSPECTED_FROM = 0.8, 0.3
"""Posterior probability of a corner at or above `HARMFUL_HZ`; choices of ours."""

_SLOPE_DB, _SLOPE_SD = -4.5, 1.5
"""Decibels per octave: 1/f to an exponent of 1.5 ± 0.5; a choice that holds what the literature has for sleep."""
_HUMP_HZ, _HUMP_OCTAVES, _HUMP_DB, _HUMP_SD = 0.75, 0.6, 1.0, 2.0
_DRIFT_HZ, _DRIFT_SD = 0.3, 1.5
_MISFIT_SD, _MISFIT_OCTAVES = 1.2, 0.5
"""What such a spectrum fails to describe, in decibels, and over how many octaves such errors stay alike; choices."""


class HighPass(StrEnum):
    """What the low end of a spectrum says about a high-pass that takes slow waves away."""

    NONE_SEEN = "none seen"
    SUSPECTED = "suspected"
    PRESENT = "present"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class HighPassVerdict:
    """Verdict, the corner (−3 dB) in Hz as median of its posterior with a 90 % interval, and its certainty.

    `harmful` is the posterior probability of a corner at or above `HARMFUL_HZ`. All numbers are None where the
    verdict is CANNOT_TELL. A corner at the low end of the grid (0.02 Hz) means: none to be seen.
    """

    verdict: HighPass
    corner_hz: float | None
    corner_low_hz: float | None
    corner_high_hz: float | None
    harmful: float | None
    n_windows: int


def high_pass_verdict(trace: SlowTrace, keep: NDArray[np.bool_] | None = None) -> HighPassVerdict:
    """Whether slow waves were filtered away, from the whole blocks of a slow trace.

    `keep`, shape as the trace, names the blocks of N2 and N3 where stages are known; without it all that is valid
    is used. Gain and polarity do not matter.
    """
    density, n_windows = low_spectrum_uv2_hz(trace, keep)
    if n_windows < MIN_WINDOWS or not (density > 0.0).all():
        return HighPassVerdict(HighPass.CANNOT_TELL, None, None, None, None, n_windows)
    posterior = corner_posterior(10.0 * np.log10(density), n_windows)
    low, middle, high = (float(np.interp(q, np.cumsum(posterior), CORNERS_HZ)) for q in (0.05, 0.5, 0.95))
    harmful = float(posterior[CORNERS_HZ >= HARMFUL_HZ].sum())
    verdict = HighPass.NONE_SEEN
    if harmful >= SUSPECTED_FROM:
        verdict = HighPass.PRESENT if harmful >= PRESENT_FROM else HighPass.SUSPECTED
    return HighPassVerdict(verdict, middle, low, high, harmful, n_windows)


def low_spectrum_uv2_hz(trace: SlowTrace, keep: NDArray[np.bool_] | None = None) -> tuple[Floats, int]:
    """Density in the bands between `EDGES_HZ`, shape (14,), and the number of windows it is the median of.

    Windows of 20 s, Hann, half overlapped, straight line removed. The median over windows stands in each bin, so that
    movements do not count; it lies below the mean by the same factor in every bin. NaN without a window.
    """
    length = round(WINDOW_S * trace.fs_hz)
    windows = trace.windows(length, max(length // 2, 1), keep)
    if not len(windows) or trace.fs_hz / 2.0 <= EDGES_HZ[-1]:
        return np.full(len(CENTRES_HZ), np.nan), 0
    freqs = np.arange(round(EDGES_HZ[0] * WINDOW_S), round(EDGES_HZ[-1] * WINDOW_S)) / WINDOW_S
    windows -= windows.mean(axis=1, keepdims=True)  # before float32: an electrode offset would cost digits
    parts = _basis(freqs, length, trace.fs_hz) @ windows.T.astype(np.float32)
    power = parts[: len(freqs)] ** 2 + parts[len(freqs) :] ** 2
    density = np.median(power, axis=1) / trace.gain(freqs) ** 2
    at = np.rint((EDGES_HZ - EDGES_HZ[0]) * WINDOW_S).astype(np.int64)
    return np.add.reduceat(density, at[:-1]) / np.diff(at), len(windows)


def _basis(freqs_hz: Floats, length: int, fs_hz: float) -> Samples:
    """Rows whose products with a window, squared and added, are density; cosines, then sines.

    The Hann window and the removal of the mean and of the straight line stand in the rows.
    """
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    phase = 2.0 * np.pi * np.outer(freqs_hz, np.arange(length) / fs_hz)
    rows = np.concatenate((np.cos(phase), np.sin(phase))) * hann * np.sqrt(2.0 / (fs_hz * np.sum(hann**2)))
    ramp = np.linspace(-1.0, 1.0, length)
    rows -= rows.mean(axis=1, keepdims=True)
    rows -= np.outer(rows @ ramp / (ramp @ ramp), ramp)
    return np.asarray(rows, np.float32)


def corner_posterior(density_db: Floats, n_windows: int) -> Floats:
    """Posterior probabilities of `CORNERS_HZ`, shape (61,), from the bands' densities in dB, shape (14,).

    The prior is even over the logarithm of the corner and over the orders.
    """
    octave = np.log2(CENTRES_HZ)
    hump = np.exp(-0.5 * ((octave - np.log2(_HUMP_HZ)) / _HUMP_OCTAVES) ** 2)
    drift = np.maximum(np.log2(_DRIFT_HZ / CENTRES_HZ), 0.0)
    design = np.stack((np.ones(len(octave)), octave, hump, drift), axis=1)
    prior_mean, prior_sd = np.array([0.0, _SLOPE_DB, _HUMP_DB, 0.0]), np.array([100.0, _SLOPE_SD, _HUMP_SD, _DRIFT_SD])
    bins = np.diff(EDGES_HZ) * WINDOW_S
    # A median of exponential variates scatters by 1 / sqrt(windows) of itself; half of overlapped windows are news.
    sampling = (10.0 / np.log(10.0) / np.log(2.0)) ** 2 / (bins * max(n_windows / 2.0, 1.0))
    misfit = _MISFIT_SD**2 * np.exp(-np.abs(octave[:, None] - octave) / _MISFIT_OCTAVES)
    covariance = (design * prior_sd**2) @ design.T + misfit + np.diag(sampling)
    rest = density_db - density_db.mean() - design @ prior_mean - _filters_db()  # less its mean: no gain
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), rest.reshape(-1, len(octave)).T)
    log_likelihood = -0.5 * np.sum(whitened**2, axis=0).reshape(rest.shape[:-1])
    weight = np.exp(log_likelihood - log_likelihood.max()).sum(axis=(0, 2))
    return np.asarray(weight / weight.sum(), np.float64)


def _filters_db() -> Floats:
    """What each high-pass and coupling leave of each band, in dB, shape (orders, corners, couplings, bands)."""
    order = np.array(ORDERS)[:, None, None, None]
    loss = 1.0 + (CORNERS_HZ[:, None, None] / CENTRES_HZ) ** (2 * order)
    return np.asarray(-10.0 * np.log10(loss * (1.0 + (COUPLINGS_HZ[:, None] / CENTRES_HZ) ** 2)), np.float64)
