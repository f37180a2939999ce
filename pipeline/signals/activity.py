"""Movement on the epoch grid: rates of counts from any device epoch, and 5-s statistics of raw acceleration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.clock import EPOCH_S, NS
from pipeline.recording import Floats, Int64, Kind, Samples, Signal

MIN_SHARE = 0.5
"""Share of an epoch or a 5-s window that must be measured before it has a value (our rule)."""
WINDOW_S = 5
"""Window of MAD and of the z-angle, as in GGIR (its short epoch of 5 s)."""
WINDOWS_PER_EPOCH = EPOCH_S // WINDOW_S
_WINDOW_NS = WINDOW_S * NS
MIN_ACC_HZ = 5.0
"""Slower accelerometers alias the 1 … 3 Hz of wrist movement; nothing is computed from them (our rule)."""
_CHUNK_WINDOWS = 17_280
"""5-s windows worked on at once, a day: bounds memory for recordings of weeks."""
_ON_BORDER = 1e-6
"""Positions nearer than this to a whole sample lie on its border: multiples of 1/300 Hz are not whole in binary."""


@dataclass(frozen=True, slots=True, eq=False)
class AccWindows:
    """Statistics of consecutive 5-s windows of raw acceleration; NaN where less than half of a window was measured.

    `mad_g` has shape (m,); `mean_g`, `var_g2`, `low_g`, `high_g` have shape (m, 3), one column an axis; `share` (m,)
    is the measured share of each window, 0 … 1, never NaN.
    """

    mad_g: Floats
    mean_g: Floats
    var_g2: Floats
    low_g: Floats
    high_g: Floats
    share: Floats


def overlap_mean(samples: Samples, fs_hz: float, start_ns: int, edges_ns: Int64) -> tuple[Floats, Floats]:
    """Mean of the samples between successive edges, weighted by the time they share, and the share measured.

    Parameters
    ----------
    samples
        Shape (n,), NaN where nothing was recorded; sample i covers [start + i/fs, start + (i + 1)/fs).
    edges_ns
        Borders of the m wanted stretches, shape (m + 1,), rising.

    Returns
    -------
    tuple of Floats
        Mean over the measured time, shape (m,), NaN below `MIN_SHARE`; and the share of each stretch that was
        measured, 0 … 1.
    """
    finite = np.isfinite(samples)
    values = np.where(finite, samples, 0.0).astype(np.float64)
    position = (edges_ns - start_ns) / NS * fs_hz
    whole = np.round(position)
    position = np.clip(np.where(np.abs(position - whole) < _ON_BORDER, whole, position), 0.0, len(samples))
    total = np.diff(_integral(values, position))
    measured = np.diff(_integral(finite.astype(np.float64), position))
    share = np.clip(measured / (np.diff(edges_ns) / NS * fs_hz), 0.0, 1.0)
    mean = np.full(len(share), np.nan)
    kept = (share >= MIN_SHARE) & (measured > 0)
    mean[kept] = total[kept] / measured[kept]
    return mean, share


def _integral(values: Floats, position: Floats) -> Floats:
    """Sum of the values before each position, which counts in samples and may lie within one.

    A stretch of zeros gives a difference of exactly 0, which the rule for wear needs.
    """
    before = np.concatenate(([0.0], np.cumsum(values)))
    row = np.minimum(position.astype(np.int64), max(len(values) - 1, 0))
    inside = values[row] if len(values) else np.zeros(len(row))
    return before[row] + (position - row) * inside


def counts_per_minute(counts: Samples, fs_hz: float, start_ns: int, edges_ns: Int64) -> tuple[Floats, Floats]:
    """Activity of each stretch as a rate in counts per minute, and the share of the stretch that was measured.

    Counts are sums over the device's epoch (1 s … 5 min), so the rate is counts / measured seconds × 60: an epoch
    of which only 20 s were stored is not quieter than a whole one. Shapes and NaN as in `overlap_mean`.
    """
    mean, share = overlap_mean(counts, fs_hz, start_ns, edges_ns)
    return np.maximum(mean * (fs_hz * 60.0), 0.0), share


def acc_windows(acc_g: Samples, fs_hz: float, start_ns: int, grid_start_ns: int, n_epochs: int) -> AccWindows:
    """Statistics of the 5-s windows of the epoch grid, six an epoch, from acceleration in g of shape (n, 3).

    As `acc_windows_of`, of one unbroken signal.
    """
    return acc_windows_of([Signal(Kind.ACC, "", fs_hz, start_ns, acc_g)], grid_start_ns, n_epochs)


def acc_windows_of(pieces: Iterable[Signal], grid_start_ns: int, n_epochs: int) -> AccWindows:
    """Statistics of the 5-s windows of the epoch grid, six an epoch, from pieces of acceleration in order of time.

    MAD is the mean of |‖a‖ − mean ‖a‖| within the window (Vähä-Ypyä 2015, doi:10.1111/cpf.12127). It needs no
    calibration of the offset, unlike ENMO. A sample counts only where all three axes were measured. A window that
    pieces part is computed of what each has in it. All NaN below `MIN_ACC_HZ`. Memory is that of one piece and of
    the windows, whatever the length.
    """
    m = n_epochs * WINDOWS_PER_EPOCH
    mean, var, low, high = (np.full((m, 3), np.nan) for _ in range(4))
    out = AccWindows(np.full(m, np.nan), mean, var, low, high, np.zeros(m))
    torn_row, torn = -1, np.empty((0, 3), np.float32)
    for piece in pieces:
        if piece.fs_hz < MIN_ACC_HZ or not len(piece.samples):
            continue
        first = max((piece.start_ns - grid_start_ns) // _WINDOW_NS, 0)
        last = min(-(-(piece.end_ns - grid_start_ns) // _WINDOW_NS), m)
        if last <= first:
            continue
        edges_s = (grid_start_ns - piece.start_ns) / NS + np.arange(first, last + 1) * float(WINDOW_S)
        bounds = np.clip(np.ceil(edges_s * piece.fs_hz - _ON_BORDER), 0, len(piece.samples)).astype(np.int64)
        nominal = piece.fs_hz * WINDOW_S
        for at in range(0, last - first, _CHUNK_WINDOWS):
            _fill_windows(out, piece.samples, bounds[at : at + _CHUNK_WINDOWS + 1], first + at, nominal)
        if first == torn_row and len(torn):
            both = np.concatenate((torn, piece.samples[bounds[0] : bounds[1]]))
            _fill_windows(out, both, np.array([0, len(both)]), first, nominal)
            torn = both if last == first + 1 else piece.samples[bounds[-2] : bounds[-1]]
        else:
            torn = piece.samples[bounds[-2] : bounds[-1]]
        torn_row = last - 1
    return out


def _fill_windows(out: AccWindows, acc_g: Samples, own: Int64, row: int, nominal: float) -> None:
    """Compute the windows between the borders `own` (places in `acc_g`) into the rows of `out` from `row` on."""
    rows = slice(row, row + len(own) - 1)
    block = acc_g[own[0] : own[-1]].astype(np.float64)
    finite = np.isfinite(block).all(axis=1)
    sample_window = np.repeat(np.arange(len(own) - 1), np.diff(own))[finite]
    block = block[finite]
    n = np.bincount(sample_window, minlength=len(own) - 1)
    share = np.minimum(n / nominal, 1.0)
    out.share[rows] = share
    kept = share >= MIN_SHARE
    # reduceat wants windows that hold something; a window without a sample has no start of its own.
    filled = np.flatnonzero(n)
    if not filled.size:
        return
    starts = (np.cumsum(n) - n)[filled]
    count = n[filled]
    size = np.sqrt((block**2).sum(axis=1))
    mean_size = np.add.reduceat(size, starts) / count
    mad = np.add.reduceat(np.abs(size - np.repeat(mean_size, count)), starts) / count
    mean = np.add.reduceat(block, starts, axis=0) / count[:, None]
    # Centred first: the variance of a few mg about 1 g is lost in sums of squares.
    var = np.add.reduceat((block - np.repeat(mean, count, axis=0)) ** 2, starts, axis=0) / count[:, None]
    low, high = np.minimum.reduceat(block, starts, axis=0), np.maximum.reduceat(block, starts, axis=0)
    good = kept[filled]
    at = filled[good] + rows.start
    for target, found in (
        (out.mad_g, mad),
        (out.mean_g, mean),
        (out.var_g2, var),
        (out.low_g, low),
        (out.high_g, high),
    ):
        target[at] = found[good]


def mad_mg(windows: AccWindows) -> tuple[Floats, Floats]:
    """MAD of each 30-s epoch in mg, the mean of its 5-s windows, and the share of the epoch that was measured.

    Shape (n,). NaN where fewer than half of the six windows have a value.
    """
    return epoch_mean(windows.mad_g) * 1000.0, windows.share.reshape(-1, WINDOWS_PER_EPOCH).mean(axis=1)


def epoch_mean(per_window: Floats) -> Floats:
    """Mean of the measured 5-s windows of each epoch, shape (n,); NaN where fewer than half of the six are."""
    six = per_window.reshape(-1, WINDOWS_PER_EPOCH)
    n = np.isfinite(six).sum(axis=1)
    total = np.nansum(six, axis=1)
    return np.where(n >= MIN_SHARE * WINDOWS_PER_EPOCH, total / np.maximum(n, 1), np.nan)
