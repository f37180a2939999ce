"""What is wrong with an EEG channel, second by second, and its quality in numbers that need no stages.

Faults of samples come from `artefacts`, hum from `mains`, bursts of muscle and open electrodes from the 4-s windows of
`spectrum`. A second may have several faults; whoever uses the channel decides which of them matter to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Samples, Stage
from pipeline.signals.artefacts import Runs, SampleFaults, muscle_windows
from pipeline.signals.highpass import HighPassVerdict, high_pass_verdict
from pipeline.signals.mains import DOMINATED, Mains, mains_by_second
from pipeline.signals.polarity import PolarityHint, polarity_hint
from pipeline.signals.slow_trace import SlowTrace, slow_trace
from pipeline.signals.spectrum import FREQS_HZ, STEP_S, WINDOW_S, WINDOWS, Density

SLOW_HZ = (2.0, 6.0)
FAST_HZ = (20.0, 30.0)
OPEN_RATIO = 2.0
"""An electrode is open where density at 2–6 Hz is below twice that at 20–30 Hz over 8 s: EEG falls with frequency,
noise does not. A choice of ours. White noise has 1; 4-s windows of eight real channels had medians of 8 to 220, and 1 %
of the windows lay below 4.4 in 84 min of sleep and below 1.7 in the most tense of the waking ones. Drift of an open
electrode falls with frequency too: where it outweighs the noise, amplitude and mains are what gives it away."""
COLLAPSED_UV = 1.0
"""Standard deviation at 0.5–30 Hz below which a window holds the amplifier's noise alone; a choice of ours."""

SD_HZ = (0.5, 30.0)
PLAUSIBLE_SD_UV = (10.0, 60.0)
"""Standard deviation of N2 and N3 at 0.5–30 Hz that makes gain and unit plausible; a choice of ours."""

_STEP_SAMPLES = 1 << 15
_STEP_VALUES = 10


class Fault(IntFlag):
    """Why a second is not sound EEG."""

    MISSING = 1
    FLAT = 2
    CLIPPED = 4
    BRIEF = 8
    """A stretch between other faults too short to be judged."""
    AMPLITUDE = 16
    MAINS = 32
    DISCONNECTED = 64
    MUSCLE = 128


class Gain(StrEnum):
    """Whether amplitudes fit scalp EEG in µV."""

    PLAUSIBLE = "plausible"
    LOW = "low"
    HIGH = "high"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """The quality of one channel. Shares are of the recording, 0–1; None where it could not be looked for.

    `valid_share` counts samples without a fault of their own; the shares of mains, disconnected and muscle count
    seconds. `sd_uv` is the median over sound windows at 0.5–30 Hz, in N2 and N3 where stages are known (`staged`).
    `step_uv` is the resolution of the samples, None where no grid of steps is seen.
    """

    seconds: float
    valid_share: float | None
    missing_share: float | None
    flat_share: float | None
    clipped_share: float | None
    brief_share: float | None
    amplitude_share: float | None
    mains_share: float | None
    disconnected_share: float | None
    muscle_share: float | None
    mains_hz: float | None
    mains_rms_uv: float | None
    high_pass: HighPassVerdict
    polarity: PolarityHint
    sd_uv: float | None
    gain: Gain
    staged: bool
    step_uv: float | None


@dataclass(frozen=True, slots=True)
class WindowGrid:
    """Densities of 4-s windows, shape (n_epochs, 14, 129), and where their grid begins, in s from the first sample."""

    density: Density
    begins_s: float

    def by_second(self, flagged: NDArray[np.bool_], n_seconds: int) -> NDArray[np.bool_]:
        """Seconds whose every measured window is flagged, shape (n_seconds,); those without a window are not.

        A window covers the seconds whose middle lies in it.
        """
        first = self.begins_s + np.arange(len(flagged))[:, None] * EPOCH_S + np.arange(WINDOWS) * STEP_S
        start = np.ceil(first - 0.5).astype(np.int64)
        measured = np.isfinite(self.density[:, :, 0])
        seen = _cover(start[measured], n_seconds)
        return np.asarray((seen > 0) & (_cover(start[measured & flagged], n_seconds) == seen), np.bool_)


def channel_quality(
    x_uv: Samples, fs_hz: float, faults: SampleFaults, grid: WindowGrid, stages: Floats | None = None
) -> ChannelQuality:
    """The quality of a channel.

    Parameters
    ----------
    x_uv, fs_hz, faults
        Samples in µV, shape (n,), their rate, and what `sample_faults` found in them.
    grid
        What `window_psd_uv2_hz` made of the samples `faults.valid()`.
    stages
        `Stage` codes of the grid's epochs, shape (n_epochs,), NaN where not scored; None where nobody staged.
    """
    valid = faults.valid()
    mains = mains_by_second(x_uv, valid, fs_hz)
    reasons = second_faults(fs_hz, faults, grid, mains)
    trace = slow_trace(x_uv, valid, fs_hz)
    deep = None if stages is None else (stages == Stage.N2) | (stages == Stage.N3)
    keep = None if deep is None else _blocks_of(deep, trace, grid.begins_s)
    sd = _sd_uv(grid, deep)
    hum = mains.power_uv2[np.isfinite(mains.power_uv2)]
    by_window = np.isfinite(grid.density[:, :, 0]).any()
    return ChannelQuality(
        seconds=len(x_uv) / fs_hz,
        valid_share=float(valid.mean()) if len(valid) else None,
        missing_share=_share(faults.missing, faults.n),
        flat_share=_share(faults.flat, faults.n),
        clipped_share=_share(faults.clipped, faults.n),
        brief_share=_share(faults.brief, faults.n),
        amplitude_share=_share(faults.amplitude, faults.n),
        mains_share=_seconds_share(reasons, Fault.MAINS) if len(hum) else None,
        disconnected_share=_seconds_share(reasons, Fault.DISCONNECTED) if by_window else None,
        muscle_share=_seconds_share(reasons, Fault.MUSCLE) if _reaches(grid, FREQS_HZ[-1]) else None,
        mains_hz=mains.hz if len(hum) else None,
        mains_rms_uv=float(np.sqrt(np.median(hum))) if len(hum) else None,
        high_pass=high_pass_verdict(trace, keep),
        polarity=polarity_hint(trace, keep),
        sd_uv=sd,
        gain=_gain(sd),
        staged=deep is not None,
        step_uv=step_uv(x_uv, valid),
    )


def second_faults(fs_hz: float, faults: SampleFaults, grid: WindowGrid, mains: Mains) -> NDArray[np.uint8]:
    """`Fault` flags of every second from the first sample on, shape (ceil(n / fs),), 0 where nothing was found.

    A second has a fault of samples if one of its samples has it.
    """
    n_seconds = int(np.ceil(faults.n / fs_hz))
    out = np.zeros(n_seconds, np.uint8)
    by_sample = (
        (Fault.MISSING, faults.missing), (Fault.FLAT, faults.flat), (Fault.CLIPPED, faults.clipped),
        (Fault.BRIEF, faults.brief), (Fault.AMPLITUDE, faults.amplitude),
    )  # fmt: skip
    for fault, runs in by_sample:
        first = np.floor(runs[:, 0] / fs_hz).astype(np.int64)
        last = np.floor((runs[:, 1] - 1) / fs_hz).astype(np.int64)
        for start, stop in zip(first.tolist(), last.tolist(), strict=True):
            out[start : stop + 1] |= np.uint8(fault)
    out[np.flatnonzero(mains.share > DOMINATED)] |= np.uint8(Fault.MAINS)
    out[grid.by_second(disconnected_windows(grid.density), n_seconds)] |= np.uint8(Fault.DISCONNECTED)
    out[grid.by_second(muscle_windows(grid.density), n_seconds)] |= np.uint8(Fault.MUSCLE)
    return out


def disconnected_windows(density: Density) -> NDArray[np.bool_]:
    """True for 4-s windows without EEG: no fall of density with frequency, or next to no variance.

    Shape (n_epochs, 14). The fall is judged over a window and its neighbours in the epoch, 8 s, and only where the
    rate reaches 30 Hz.
    """
    slow, fast = (_smoothed(_power_uv2(density, *band) / (band[1] - band[0])) for band in (SLOW_HZ, FAST_HZ))
    collapsed = _power_uv2(density, SD_HZ[0], min(SD_HZ[1], _top_hz(density))) < COLLAPSED_UV**2
    return np.asarray((slow < OPEN_RATIO * fast) | collapsed, np.bool_)


def step_uv(x_uv: Samples, valid: NDArray[np.bool_]) -> float | None:
    """The step of the grid on which the samples' values lie, µV; None where they lie on none that can be seen.

    Looks at the valid ones of 32768 samples in the middle of the recording; fewer than 10 different values show none.
    """
    begin = max((len(x_uv) - _STEP_SAMPLES) // 2, 0)
    around = slice(begin, begin + _STEP_SAMPLES)
    values = np.unique(x_uv[around][valid[around]]).astype(np.float64)
    if len(values) < _STEP_VALUES:
        return None
    blur = 4.0 * float(np.finfo(np.float32).eps) * float(np.abs(values).max())
    gaps = np.diff(values)
    gaps = gaps[gaps > blur]
    if not len(gaps):
        return None
    step = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    for _ in range(2):  # the first estimate is rounded; wide gaps hold more digits
        near = gaps[gaps < 20.0 * step]
        step = float(near.sum() / np.rint(near / step).sum())
    off = np.abs(gaps / step - np.rint(gaps / step))
    return step if float((off < 0.1).mean()) > 0.99 else None


def _power_uv2(density: Density, low_hz: float, high_hz: float) -> Floats:
    """Power of each window between two frequencies of the grid, trapezoidal; NaN where the band is not all measured.

    One matrix product without a copy: there are ten thousand windows a night.
    """
    first, last = np.searchsorted(FREQS_HZ, (low_hz, high_hz)).tolist()
    if last <= first:
        return np.full(density.shape[:2], np.nan)
    weights = np.full(last - first + 1, FREQS_HZ[1], np.float32)
    weights[[0, -1]] *= np.float32(0.5)
    power = density.reshape(-1, density.shape[2])[:, first : last + 1] @ weights
    return power.reshape(density.shape[:2]).astype(np.float64)


def _top_hz(density: Density) -> float:
    """Highest frequency measured anywhere; 0 where nothing is."""
    measured = np.isfinite(density[:, :, 0]).ravel()
    if not measured.any():
        return 0.0
    window = density.reshape(len(measured), -1)[np.argmax(measured)]  # any will do: the rate decides
    return float(FREQS_HZ[np.isfinite(window)].max())


def _smoothed(rows: Floats) -> Floats:
    """Sums of each value and its measured neighbours in the row; NaN where the value itself is."""
    padded = np.pad(np.nan_to_num(rows), ((0, 0), (1, 1)))
    return np.where(np.isfinite(rows), padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:], np.nan)


def _cover(starts: NDArray[np.int64], n_seconds: int) -> NDArray[np.int64]:
    """How many windows that begin with these seconds cover each second."""
    steps = np.zeros(n_seconds + 1, np.int64)
    np.add.at(steps, np.clip(starts, 0, n_seconds), 1)
    np.add.at(steps, np.clip(starts + int(WINDOW_S), 0, n_seconds), -1)
    return np.cumsum(steps)[:n_seconds]


def _blocks_of(epochs: NDArray[np.bool_], trace: SlowTrace, begins_s: float) -> NDArray[np.bool_]:
    """Which blocks of a slow trace lie in the named epochs of the grid."""
    if not len(epochs):
        return np.zeros(len(trace.x_uv), np.bool_)
    middle = (np.arange(len(trace.x_uv)) + 0.5) / trace.fs_hz
    epoch = np.floor((middle - begins_s) / EPOCH_S).astype(np.int64)
    inside = (epoch >= 0) & (epoch < len(epochs))
    return np.asarray(inside & epochs[np.clip(epoch, 0, len(epochs) - 1)], np.bool_)


def _sd_uv(grid: WindowGrid, epochs: NDArray[np.bool_] | None) -> float | None:
    sound = np.isfinite(grid.density[:, :, 0]) & ~muscle_windows(grid.density)
    if epochs is not None:
        sound &= epochs[:, None]
    power = _power_uv2(grid.density, SD_HZ[0], min(SD_HZ[1], _top_hz(grid.density)))[sound]
    # Where the rate does not reach the band, there is no power.
    return float(np.sqrt(np.median(power))) if np.isfinite(power).any() else None


def _gain(sd_uv: float | None) -> Gain:
    if sd_uv is None:
        return Gain.CANNOT_TELL
    low, high = PLAUSIBLE_SD_UV
    return Gain.LOW if sd_uv < low else Gain.HIGH if sd_uv > high else Gain.PLAUSIBLE


def _reaches(grid: WindowGrid, hz: float) -> bool:
    return _top_hz(grid.density) >= hz


def _share(runs: Runs, n: int) -> float | None:
    return float((runs[:, 1] - runs[:, 0]).sum() / n) if n else None


def _seconds_share(reasons: NDArray[np.uint8], fault: Fault) -> float | None:
    return float(((reasons & np.uint8(fault)) > 0).mean()) if len(reasons) else None
