"""The records of an Apple Health export, collected in compact columns as its XML goes by; nothing that names a person.

A record's stamps carry the offset of the phone at the time of the *export*: they are true instants, and say nothing of
where they were recorded. Sources (a watch, a phone, an app, all named by their owner) are kept as numbers with a rank.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Kind, Samples

SLEEP, SDNN = "HKCategoryTypeIdentifierSleepAnalysis", "HKQuantityTypeIdentifierHeartRateVariabilitySDNN"
QUANTITIES = {
    "HKQuantityTypeIdentifierHeartRate": Kind.HR,
    SDNN: Kind.SDNN,
    "HKQuantityTypeIdentifierHeartRateVariabilityRMSSD": Kind.RMSSD,
    "HKQuantityTypeIdentifierOxygenSaturation": Kind.SPO2,
    "HKQuantityTypeIdentifierStepCount": Kind.STEPS,
}
TYPES = {**QUANTITIES, SLEEP: Kind.STAGES}
FACTORS = {
    (Kind.HR, "count/min"): 1.0,
    (Kind.HR, "count/s"): 60.0,
    (Kind.SDNN, "ms"): 1.0,
    (Kind.RMSSD, "ms"): 1.0,
    (Kind.SPO2, "%"): 100.0,  # a share of 0 to 1, whatever the unit's name
    (Kind.STEPS, "count"): 1.0,
}
"""What takes a value to the unit of its kind; another unit is left out, and told."""
SLEEP_PREFIX = "HKCategoryValueSleepAnalysis"
WATCH, PHONE, APP = 0, 1, 2
_BEAT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,6}))?")


Seconds = NDArray[np.uint32]
"""Since 1970 UTC: half the memory of nanoseconds, of which a record tells nothing."""
LAST_S = (1 << 32) - 86_400
"""In 2106; a day below what `Seconds` hold, so that an hour can be added."""
Timed = tuple[Seconds, Seconds, Samples]
"""Begin, end and value of records, shape (n,) each."""


@dataclass(slots=True)
class Columns:
    """Records of one kind from one source: seconds since 1970 UTC at which each begins and ends, and its value."""

    begin: array[int] = field(default_factory=lambda: array("I"))
    end: array[int] = field(default_factory=lambda: array("I"))
    value: array[float] = field(default_factory=lambda: array("f"))

    def in_time(self) -> Timed:
        """Begin, end and value in order of time, each record once."""
        begin, end = (np.frombuffer(part, np.uint32) for part in (self.begin, self.end))
        value = np.frombuffer(self.value, np.float32)
        if (begin[1:] < begin[:-1]).any():
            order = np.lexsort((value, end, begin)).astype(np.uint32)
            begin, end, value = begin[order], end[order], value[order]
        new = np.ones(len(begin), np.bool_)
        new[1:] = (begin[1:] != begin[:-1]) | (end[1:] != end[:-1]) | (value[1:] != value[:-1])
        return begin[new], end[new], value[new]


@dataclass(slots=True)
class BeatColumns:
    """Beats of one source: the second at which the record of each begins, its second of the quarter hour, its rate."""

    record: array[int] = field(default_factory=lambda: array("I"))
    second: array[float] = field(default_factory=lambda: array("f"))
    rate: array[float] = field(default_factory=lambda: array("f"))


class Records:
    """What `xml_text.each_start` is given; afterwards, the columns by kind and source."""

    def __init__(self) -> None:
        self.columns: dict[tuple[Kind, int], Columns] = {}
        self.ranks: list[int] = []
        self.beats: dict[int, BeatColumns] = {}
        """By source."""
        self.zones: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.stages: list[str] = []
        """Names of sleep values, in the order of the numbers that stand for them."""
        self._sources: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._days: dict[str, int] = {}
        self._open: tuple[int, int] | None = None
        self._wanted = False

    def take(self, tag: str, attributes: dict[str, str]) -> None:
        """One element."""
        if tag == "Record":
            kind = TYPES.get(attributes.get("type", ""))
            self._open, self._wanted = None, kind is not None
            if kind is not None:
                self._record(kind, attributes)
        elif tag == "InstantaneousBeatsPerMinute":
            self._beat(attributes)
        elif tag == "MetadataEntry" and self._wanted and attributes.get("key") == "HKTimeZone":
            self.zones[attributes.get("value", "")] += 1

    def _record(self, kind: Kind, attributes: dict[str, str]) -> None:
        try:
            begin, end = self._second(attributes["startDate"]), self._second(attributes["endDate"])
            if kind is Kind.STAGES:
                value = float(self._code(attributes["value"]))
            else:
                value = float(attributes["value"]) * FACTORS[kind, attributes.get("unit", "")]
        except KeyError:
            self.left_out[f"{kind.name} records without a value in a unit that is known"] += 1
            return
        except ValueError:
            self.left_out[f"{kind.name} records whose stamps or value cannot be read"] += 1
            return
        source = self._source(attributes)
        columns = self.columns.get((kind, source))
        if columns is None:
            columns = self.columns[kind, source] = Columns()
        columns.begin.append(begin)
        columns.end.append(end)
        columns.value.append(value)
        if kind is Kind.SDNN:
            self._open = (source, begin)

    def _beat(self, attributes: dict[str, str]) -> None:
        """A beat of the record that is open: its clock shows no date, and not the offset of the record's stamps."""
        clock = _BEAT.search(attributes.get("time", ""))
        rate = attributes.get("bpm", "")
        if self._open is None or clock is None or not rate.isdecimal() or rate == "0":
            self.left_out["beats without a clock or a rate"] += 1
            return
        source, begin = self._open
        beats = self.beats.get(source)
        if beats is None:
            beats = self.beats[source] = BeatColumns()
        # Every zone differs from UTC by whole quarters of an hour, and a record lasts a minute: hours, AM and PM in
        # any tongue, and the offset need not be known.
        second = (int(clock[2]) * 60 + int(clock[3]) + float(f"0.{clock[4] or 0}")) % 900
        beats.record.append(begin)
        beats.second.append(second)
        beats.rate.append(float(rate))

    def _second(self, stamp: str) -> int:
        """Seconds since 1970 UTC of '2024-03-10 23:58:00 +0100'; ValueError if it is none, or not of 1970 to 2105."""
        day = self._days.get(stamp[:10])
        if day is None:
            day = self._days[stamp[:10]] = (date.fromisoformat(stamp[:10]).toordinal() - 719_163) * 86_400
        offset = int(stamp[20:23]) * 3600 + int(stamp[20] + stamp[23:25]) * 60
        second = day + int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + int(stamp[17:19]) - offset
        if not 0 <= second < LAST_S:
            raise ValueError(stamp)
        return second

    def _code(self, value: str) -> int:
        """The number that stands for a sleep value."""
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = len(self.stages)
            self.stages.append(value.removeprefix(SLEEP_PREFIX))
        return code

    def _source(self, attributes: dict[str, str]) -> int:
        """The number of a source; its name is its owner's and is forgotten with this object."""
        name = attributes.get("sourceName", "")
        found = self._sources.get(name)
        if found is None:
            found = self._sources[name] = len(self.ranks)
            words = (name + attributes.get("device", "")).casefold()
            self.ranks.append(WATCH if "watch" in words else PHONE if "iphone" in words else APP)
        return found
