"""The nouns that rooms share: what was measured (`Kind`, with its one unit), a signal, beats, a hypnogram, a recording.

Times are int64 UTC nanoseconds. A gap in a signal is NaN; a stretch that was not scored is `Stage.UNSCORED`.
Arrays are never changed in place once they are inside one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]
Int64 = NDArray[np.int64]


class Kind(StrEnum):
    """A measured thing and, in its value, its canonical unit. Readers convert to it; inland nobody converts."""

    EEG = "eeg_uv"
    EOG = "eog_uv"
    EMG = "emg_uv"
    ECG = "ecg_uv"
    BVP = "bvp_au"
    RR = "rr_s"
    HR = "hr_bpm"
    ACC = "acc_g"
    COUNTS = "activity_counts"
    EDA = "eda_us"
    TEMP = "temp_c"
    LIGHT = "light_lux"
    STEPS = "steps"
    SPO2 = "spo2_pct"
    RMSSD = "rmssd_ms"
    """As a device computed it itself; never mixed with what is computed here from beats."""
    SDNN = "sdnn_ms"
    """As a device computed it itself."""
    STAGES = "stages"
    DIARY = "diary"
    MARKERS = "markers"
    SALIVA = "saliva"
    ANSWERS = "answers"


PLAUSIBLE: dict[Kind, tuple[float, float]] = {
    Kind.EEG: (-20_000.0, 20_000.0),  # DC-coupled headbands drift by millivolts
    Kind.EOG: (-20_000.0, 20_000.0),
    Kind.EMG: (-20_000.0, 20_000.0),
    Kind.ECG: (-50_000.0, 50_000.0),
    Kind.HR: (0.0, 400.0),
    Kind.ACC: (-32.0, 32.0),
    Kind.COUNTS: (0.0, 100_000.0),
    Kind.EDA: (-1.0, 200.0),
    Kind.TEMP: (-40.0, 85.0),
    Kind.LIGHT: (0.0, 250_000.0),
    Kind.STEPS: (0.0, 10_000.0),
    Kind.SPO2: (0.0, 100.0),
    Kind.RMSSD: (0.0, 2_000.0),
    Kind.SDNN: (0.0, 2_000.0),
}
"""What a sensor of each kind can put out at all; outside it, the unit is wrong or the file is corrupt."""


class Stage(IntEnum):
    """AASM stages. R&K stages 3 and 4 are both N3. Movement and not scored are kept apart from wake.

    LIGHT (N1 or N2) and ASLEEP (any sleep) are what consumer devices report: they know no better, and no N1 or N2
    is made of them.
    """

    WAKE = 0
    N1 = 1
    N2 = 2
    N3 = 3
    REM = 4
    LIGHT = 5
    ASLEEP = 6
    UNSCORED = -1
    MOVEMENT = -2

    @property
    def symbol(self) -> str | None:
        """The letters that tables hold: W N1 N2 N3 R L S M; None where nothing was scored."""
        return _SYMBOLS[self]


_SYMBOLS: dict[Stage, str | None] = {
    Stage.WAKE: "W",
    Stage.N1: "N1",
    Stage.N2: "N2",
    Stage.N3: "N3",
    Stage.REM: "R",
    Stage.LIGHT: "L",
    Stage.ASLEEP: "S",
    Stage.MOVEMENT: "M",
    Stage.UNSCORED: None,
}


class ZoneSource(StrEnum):
    """Where a recording's zone comes from; the first that exists wins, and the host is never asked."""

    FILE = "file"
    SIDECAR = "sidecar"
    PARTICIPANT = "participant"
    STUDY = "study"


class ClockKind(StrEnum):
    """What an export's own time stamps are; decides what happens at a clock change and on a journey."""

    UTC = "utc"
    """Instants, usually from a clock that a network sets."""
    OFFSET = "utc offset"
    """Wall clocks with their UTC offset beside each: instants too."""
    DEVICE = "device clock"
    """A wall clock that was set once, in the zone of the computer that set it, and then ran on through everything."""
    LOCAL = "local clock"
    """A wall clock that follows its wearer's zone and its clock changes, as a phone does."""
    ELAPSED = "elapsed"
    """Time since a start that the export does not name: the sidecar does."""


class StageSource(StrEnum):
    """Who scored a hypnogram: what a stage is worth depends on it."""

    EXPERT = "expert"
    """A human on polysomnography or EEG."""
    AUTOMATIC = "automatic"
    """Software on EEG, as the recording came with it."""
    MODEL = "model"
    """Our own model's staging of the EEG, where no hypnogram came with it."""
    CONSUMER = "consumer"
    """A watch, ring, band or phone without EEG."""
    UNKNOWN = "unknown"
    """Scored on EEG, by whom is not told."""


class CountsScale(StrEnum):
    """Whose counts: sleep/wake scorers have thresholds in one maker's counts and mean nothing in another's."""

    ACTIWATCH = "actiwatch"
    ACTIGRAPH = "actigraph"
    UNKNOWN = "unknown"


class BeatSensor(StrEnum):
    """How beats were sensed: norms differ between electrical and optical beats (ln RMSSD by about one SD)."""

    ECG = "ecg"
    PPG = "ppg"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Samples at a constant rate from `start_ns` on, in the unit of `kind`; NaN where nothing was recorded.

    `samples` is float32 of shape (n,), for ACC (n, 3). Sample i covers [start + i/fs, start + (i+1)/fs).
    """

    kind: Kind
    label: str
    fs_hz: float
    start_ns: int
    samples: Samples
    scale: CountsScale = CountsScale.UNKNOWN

    @property
    def end_ns(self) -> int:
        """The end of the last sample's interval."""
        return self.start_ns + round(len(self.samples) / self.fs_hz * NS)

    @property
    def coverage(self) -> float:
        """Share of samples that were measured, 0 … 1 (NaN for an empty signal)."""
        if len(self.samples) == 0:
            return float("nan")
        flat = self.samples.reshape(len(self.samples), -1)
        return float(np.isfinite(flat).all(axis=1).mean())


@dataclass(frozen=True, slots=True, eq=False)
class SignalStream:
    """A signal too long for memory, as pieces in order of time; where two pieces leave time between them is a gap.

    `pieces()` begins anew at each call and yields `Signal`s of this kind and label, each without NaN inside unless
    the sensor itself marked a sample as missing, and of at most a few million samples. A piece's own `fs_hz` is the
    rate that the device's time stamps show over it; `fs_hz` here is the nominal one. Pieces never overlap.
    """

    kind: Kind
    label: str
    fs_hz: float
    start_ns: int
    end_ns: int
    measured_s: float
    """Seconds that the pieces cover in all."""
    pieces: Callable[[], Iterator[Signal]]

    @property
    def coverage(self) -> float:
        """Share of the span that was measured, 0 … 1 (NaN for an empty stream)."""
        span_s = (self.end_ns - self.start_ns) / NS
        return min(self.measured_s / span_s, 1.0) if span_s > 0 else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Inter-beat intervals with the UTC instant at which each *ends*; shape (n,) each, ends not decreasing.

    Two neighbours in the array need not be neighbours in time: `pipeline.signals.beats` finds the holes from the
    instants, never from the running sum. `unit_evidence` says how seconds and milliseconds were told apart.
    """

    end_ns: Int64
    rr_s: Floats
    label: str
    unit_evidence: str
    sensor: BeatSensor = BeatSensor.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Hypnogram:
    """Stages (int8 of `Stage`) of consecutive epochs of `epoch_s` seconds from `start_ns` on; holes are UNSCORED."""

    start_ns: int
    epoch_s: float
    stages: NDArray[np.int8]
    scorer: str
    source: StageSource = StageSource.UNKNOWN

    @property
    def end_ns(self) -> int:
        """The end of the last epoch."""
        return self.start_ns + round(len(self.stages) * self.epoch_s * NS)


@dataclass(frozen=True, slots=True)
class RestInterval:
    """One stretch in bed, from a diary or a device's own sleep report; None where it does not say."""

    in_bed_ns: int
    out_bed_ns: int
    onset_ns: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened: a button press, a task, a note."""

    time_ns: int
    duration_s: float
    label: str


@dataclass(frozen=True, slots=True)
class SalivaSample:
    """One saliva value in nmol/L where its unit can be converted, else in the unit as exported.

    `time_ns` is None where the export names the occasion but no clock; `after_waking_min` (negative before waking) is
    None where awakening is not told. `series` names the day or session that the sample belongs to, "" if there is one.
    """

    occasion: str
    time_ns: int | None
    analyte: str
    value: float
    unit: str
    series: str = ""
    after_waking_min: float | None = None
    flag: str = ""
    """What the laboratory says of the value (below detection, high CV, …), in its words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a questionnaire or daily self-report; `value` is None where the answer is text.

    `time_ns` is when it was given, None where only its `day` or nothing is known.
    """

    instrument: str
    item: str
    value: float | None
    text: str
    time_ns: int | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What one export holds, in canonical units and UTC. `repairs` tells in words whatever was put right on the way."""

    device: str
    zone: str
    zone_source: ZoneSource
    signals: tuple[Signal, ...] = ()
    beats: Beats | None = None
    hypnogram: Hypnogram | None = None
    rests: tuple[RestInterval, ...] = ()
    markers: tuple[Marker, ...] = ()
    saliva: tuple[SalivaSample, ...] = ()
    answers: tuple[Answer, ...] = ()
    streams: tuple[SignalStream, ...] = ()
    clock: ClockKind = ClockKind.DEVICE
    repairs: tuple[str, ...] = field(default=())

    @property
    def kinds(self) -> frozenset[Kind]:
        """What was measured."""
        found = {signal.kind for signal in self.signals} | {stream.kind for stream in self.streams}
        parts: tuple[tuple[object, Kind], ...] = (
            (self.beats, Kind.RR),
            (self.hypnogram, Kind.STAGES),
            (self.rests, Kind.DIARY),
            (self.markers, Kind.MARKERS),
            (self.saliva, Kind.SALIVA),
            (self.answers, Kind.ANSWERS),
        )
        return frozenset(found | {kind for part, kind in parts if part})

    @property
    def span_ns(self) -> tuple[int, int]:
        """Start and end of everything that carries a clock (start of the first RR interval included)."""
        series: list[Signal | SignalStream] = [*self.signals, *self.streams]
        begins, ends = [s.start_ns for s in series], [s.end_ns for s in series]
        if self.beats is not None and len(self.beats.end_ns):
            begins.append(int(self.beats.end_ns[0]) - round(float(self.beats.rr_s[0]) * NS))
            ends.append(int(self.beats.end_ns[-1]))
        if self.hypnogram is not None:
            begins.append(self.hypnogram.start_ns)
            ends.append(self.hypnogram.end_ns)
        if not begins:
            told = [s.time_ns for s in self.saliva if s.time_ns is not None]
            told += [a.time_ns for a in self.answers if a.time_ns is not None]
            begins = [r.in_bed_ns for r in self.rests] + [m.time_ns for m in self.markers] + told
            ends = [r.out_bed_ns for r in self.rests] + [m.time_ns for m in self.markers] + told
        return (min(begins), max(ends)) if begins else (0, 0)

    def of(self, kind: Kind) -> tuple[Signal, ...]:
        """The signals of one kind, in the file's order."""
        return tuple(signal for signal in self.signals if signal.kind is kind)
