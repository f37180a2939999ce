"""MMASH: a folder of tables that together are one day of one person (chest strap, wrist actigraph, diary, saliva).

`RR.csv` and `Actigraph.csv` make the export; `sleep.csv`, `saliva.csv`, `Activity.csv` and `user_info.csv` are read
where they are present. The tables count days from 1 and name neither date nor zone. About every 33 s both sensors
have a hole of some 7 s: instants come from the written clock, never from the running sum of intervals.

Source: Rossi et al. 2020, Data 5(4):91, doi:10.3390/data5040091; data doi:10.13026/cerq-fc86 (ODC-By 1.0).
"""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from pipeline.clock import NS, wall_ns, wall_to_utc
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, nan_gaps, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import (
    Beats,
    BeatSensor,
    CountsScale,
    Floats,
    Int64,
    Kind,
    Marker,
    Recording,
    RestInterval,
    SalivaSample,
    Signal,
)

RUN_BREAK_S = 2.0
"""Where clock and intervals part by more than this there is a hole. The clock is whole seconds, holes are 5 to 9 s;
in the published recordings next to nothing lies between."""
LONGEST_BEAT_S = 3.0
"""A longer interval is no beat (under 20/min) but a stretch that the strap did not see."""
MOST_BAD_SHARE = 0.05
"""Share of unreadable rows above which a table is refused."""
LONGEST_DAYS = 10
"""A recording is one day; a longer span of its clock means a wrong day number."""
LONGEST_ACTIVITY_S = 12 * 3600.0
"""An activity that would last longer past midnight has its end written wrongly."""

ACTIVITIES = {
    0: "unknown",
    1: "sleeping",
    2: "laying down",
    3: "sitting",
    4: "light movement",
    5: "medium movement",
    6: "heavy movement",
    7: "eating",
    8: "small screen",
    9: "large screen",
    10: "caffeinated drink",
    11: "smoking",
    12: "alcohol",
}
"""Codes of Activity.csv as its publication lists them; 0 is in the files and in no list."""
SALIVA_UNIT = "normalised (ug per 100 ug protein)"


def mmash_participant(folder: Path) -> dict[str, str]:
    """What `user_info.csv` says of a participant: sex, age_y, height_cm, weight_kg; zero and blank are left out."""
    names = {"Gender": "sex", "Age": "age_y", "Height": "height_cm", "Weight": "weight_kg"}
    rows = _rows(folder / "user_info.csv", tuple(names))
    first = rows[0] if rows else {}
    return {new: value for old, new in names.items() if (value := first.get(old, "").strip()) not in {"", "0", "0.0"}}


def _recognise(seen: Glimpse) -> bool:
    """Whether this is a folder with both sensors' tables."""
    return seen.is_folder and {"RR.csv", "Actigraph.csv"} <= seen.names


def _read(path: Path, asked: Asked) -> Recording:
    """The whole export of one person."""
    if asked.day_one is None:
        raise FileFault(
            Fault.NO_START_TIME,
            "this export numbers its days and names no date",
            where=path.name,
            known="its tables say 'day 1' and 'day 2'",
            hint="set day_one = 2018-01-01 (the date of day 1) under [study] in study.toml",
        )
    zone, source = asked.zone_for(path)
    beats, beat_notes = _beats(path / "RR.csv", asked.day_one, zone)
    signals, notes = _signals(path / "Actigraph.csv", asked.day_one, zone)
    begin, end = signals[0].start_ns, max(signals[0].end_ns, int(beats.end_ns[-1]))
    rests, rest_notes = _rests(path / "sleep.csv", asked.day_one, zone, begin, end)
    markers, marker_notes = _markers(path / "Activity.csv", asked.day_one, zone)
    return Recording(
        "MMASH (Polar H7, ActiGraph wGT3X-BT)",
        zone,
        source,
        signals=signals,
        beats=beats,
        rests=rests,
        markers=markers,
        saliva=_saliva(path / "saliva.csv"),
        repairs=beat_notes + notes + rest_notes + marker_notes,
    )


def _table(path: Path, columns: list[str], day_one: date) -> tuple[pl.DataFrame, Int64, tuple[str, ...]]:
    """Named columns as numbers, the wall clock of each row, and notes; rows without a clock are left out."""
    content = path.read_bytes()
    content = content[: content.rfind(b"\n") + 1]  # a last line without line end may be cut
    try:
        text = pl.read_csv(
            io.BytesIO(content),
            infer_schema=False,
            truncate_ragged_lines=True,
            quote_char=None,
            encoding="utf8-lossy",
        )
        numbers = text.select(*(pl.col(c).cast(pl.Float64, strict=False) for c in columns))
        day = text["day"].cast(pl.Int64, strict=False)
        clock = text["time"].str.to_time("%H:%M:%S", strict=False).cast(pl.Int64)
    except pl.exceptions.PolarsError as bad:
        raise FileFault(
            Fault.CORRUPT,
            f"{path.name} has not the columns {', '.join([*columns, 'day', 'time'])}",
            where=path.parent.name,
            known=str(bad).splitlines()[0],
            hint="copy the table from the published data set again",
        ) from bad
    good = (day.is_not_null() & clock.is_not_null()).to_numpy()
    if not good.any() or np.mean(~good) > MOST_BAD_SHARE:
        what = f"{np.count_nonzero(~good)} of {len(good)} rows of {path.name} have no readable clock"
        raise FileFault(Fault.CORRUPT, what, where=path.parent.name)
    notes = [] if good.all() else [f"{path.name}: {np.count_nonzero(~good)} rows without a clock left out"]
    number = day.to_numpy()[good].astype(np.int64)
    if (number < 1).any():  # day 2 fell on the first of a month: 1 − 31 + 1
        notes.append(f"{path.name}: day {number.min()} is day 2")
    since = np.where(number < 1, 2, number) - 1
    wall = wall_ns(datetime(day_one.year, day_one.month, day_one.day)) + since * 86_400 * NS  # noqa: DTZ001
    return numbers.filter(pl.Series(good)), wall + clock.to_numpy()[good].astype(np.int64), tuple(notes)


def _beats(path: Path, day_one: date, zone: str) -> tuple[Beats, tuple[str, ...]]:
    """The intervals, each ending where its row's clock says, to the beat within a run between holes."""
    table, wall, notes = _table(path, ["ibi_s"], day_one)
    rr_s = table["ibi_s"].fill_null(float("nan")).to_numpy()
    stamp_ns = wall_to_utc(wall, zone)
    if np.diff(stamp_ns).min(initial=0) < -RUN_BREAK_S * NS:
        hint = f"if clocks change in {zone} in the night after day_one, that is not its true date: choose another"
        raise FileFault(Fault.CORRUPT, f"the clock of {path.name} runs backwards", where=path.parent.name, hint=hint)
    beat = np.isfinite(rr_s) & (np.nan_to_num(rr_s) > 0) & (np.nan_to_num(rr_s) <= LONGEST_BEAT_S)
    if not beat.any():
        raise FileFault(Fault.NOTHING_USABLE, f"{path.name} holds no interval", where=path.parent.name)
    if not beat.all():
        notes += (f"{path.name}: {np.count_nonzero(~beat)} rows hold no interval up to {LONGEST_BEAT_S:g} s: gaps",)
    evidence = "the column is named ibi_s: seconds"
    ends = _ends(stamp_ns[beat], rr_s[beat])
    return Beats(ends, rr_s[beat], "Polar H7", evidence, BeatSensor.ECG), notes


def _ends(stamp_ns: Int64, rr_s: Floats) -> Int64:
    """Ends that follow the intervals within each run and lie on the 1-s clock (to half a second) as a whole."""
    elapsed_ns = np.rint(np.cumsum(rr_s) * NS).astype(np.int64)
    lead_ns = stamp_ns - elapsed_ns
    run = np.cumsum(np.abs(np.diff(lead_ns, prepend=lead_ns[:1])) > RUN_BREAK_S * NS)
    runs = pl.DataFrame({"lead": lead_ns, "run": run})
    middle = runs.select(pl.col("lead").median().over("run").cast(pl.Int64))["lead"].to_numpy()
    return np.maximum.accumulate(elapsed_ns + middle)


def _signals(path: Path, day_one: date, zone: str) -> tuple[tuple[Signal, ...], tuple[str, ...]]:
    """Counts, heart rate and steps at 1 Hz, NaN where no row was written."""
    table, wall, notes = _table(path, ["Axis1", "HR", "Steps"], day_one)
    utc = wall_to_utc(wall, zone)
    start = int(utc.min())
    second = (utc - start) // NS
    if second.max() > LONGEST_DAYS * 86_400:
        what = f"the clock of {path.name} spans {second.max() / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, what, where=path.parent.name, hint="look at its day column")
    place, first = np.unique(second, return_index=True)
    if len(place) < len(second):
        notes += (f"{path.name}: {len(second) - len(place)} rows repeat a second: the first is kept",)
    signals = []
    for kind, name in ((Kind.COUNTS, "Axis1"), (Kind.HR, "HR"), (Kind.STEPS, "Steps")):
        values = np.full(int(place[-1]) + 1, np.nan)
        values[place] = table[name].fill_null(float("nan")).to_numpy()[first]
        unseen = (values == 0) & (kind is Kind.HR)
        if unseen.any():
            notes += (f"{path.name}: heart rate 0 for {np.count_nonzero(unseen)} s is no heart rate: left out",)
        scale = CountsScale.ACTIGRAPH if kind is Kind.COUNTS else CountsScale.UNKNOWN
        signals.append(Signal(kind, name, 1.0, start, nan_gaps(values, unseen), scale))
    return tuple(signals), notes


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The complete rows of a small table; none if it is absent or empty."""
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.exists() else ""
    table = csv.DictReader(text.splitlines())
    if text.strip() and (absent := set(columns) - set(table.fieldnames or ())):
        what = f"{path.name} has no column {', '.join(sorted(absent))}"
        raise FileFault(Fault.CORRUPT, what, where=path.parent.name, hint="copy the published table again")
    return [row for row in table if None not in row.values() and None not in row]


def _moment(day_one: date, day: str, clock: str) -> datetime | None:
    """The wall clock of a day number and 'HH:MM' ('24:00' too); None if either is unreadable."""
    hour, _, minute = clock.strip().partition(":")
    if not (hour.isdecimal() and len(minute) == 2 and minute.isdecimal() and day.strip().lstrip("-").isdecimal()):
        return None
    try:
        since = timedelta(days=(number - 1 if (number := int(day)) >= 1 else 1), hours=int(hour), minutes=int(minute))
        return datetime(day_one.year, day_one.month, day_one.day) + since  # noqa: DTZ001  a wall clock
    except (ValueError, OverflowError):  # beyond any calendar
        return None


def _rests(
    path: Path, day_one: date, zone: str, begin: int, end: int
) -> tuple[tuple[RestInterval, ...], tuple[str, ...]]:
    """The stretches in bed. Their dates are wrong around midnight in some tables; the clocks are right."""
    rests, notes, day = [], [], timedelta(days=1)
    columns = tuple(f"{what} {part}" for what in ("In Bed", "Out Bed", "Onset") for part in ("Date", "Time"))
    for number, row in enumerate(_rows(path, columns), start=1):
        into, out, onset = (
            _moment(day_one, row[f"{w} Date"], row[f"{w} Time"]) for w in ("In Bed", "Out Bed", "Onset")
        )
        if into is None or out is None:
            notes.append(f"{path.name}: row {number} has no readable clock: left out")
            continue
        written = into, out
        into += day if utc_from_wall(into, zone) < begin else -day if utc_from_wall(into, zone) > end else 0 * day
        out += day * max(0, -((out - into) // day))
        if written != (into, out):
            notes.append(
                f"{path.name}: row {number} read as {into:%d %b %H:%M} to {out:%d %b %H:%M}, its dates were wrong"
            )
        if onset is not None:
            onset += day * -((onset - into) // day)
        onset_ns = utc_from_wall(onset, zone) if onset is not None and onset < out else None
        rests.append(RestInterval(utc_from_wall(into, zone), utc_from_wall(out, zone), onset_ns, f"MMASH {path.name}"))
    return tuple(rests), tuple(notes)


def _markers(path: Path, day_one: date, zone: str) -> tuple[tuple[Marker, ...], tuple[str, ...]]:
    """The diary of activities; duration 0 where the end is missing or cannot be right."""
    markers, notes = [], []
    for number, row in enumerate(_rows(path, ("Activity", "Start", "End", "Day")), start=1):
        begin, end = (_moment(day_one, row["Day"], row[name]) for name in ("Start", "End"))
        code = row["Activity"].strip()
        if begin is None or not code.isdecimal() or len(code) > 4:
            notes.append(f"{path.name}: row {number} has no readable clock or code: left out")
            continue
        length = 0.0 if end is None else (end - begin).total_seconds() % 86_400
        if length > LONGEST_ACTIVITY_S and end is not None and end < begin:
            notes.append(f"{path.name}: row {number} ends before it begins: its length is unknown")
            length = 0.0
        label = ACTIVITIES.get(int(code), f"code {code}")
        markers.append(Marker(utc_from_wall(begin, zone), length, label))
    return tuple(markers), tuple(notes)


def _saliva(path: Path) -> tuple[SalivaSample, ...]:
    """Cortisol and melatonin by occasion; the table has no clock."""
    samples = []
    for row in _rows(path, ("SAMPLES", "Cortisol NORM", "Melatonin NORM")):
        for analyte, column in (("cortisol", "Cortisol NORM"), ("melatonin", "Melatonin NORM")):
            text = row[column].strip()
            if not text:
                continue
            try:
                value = float(text)
            except ValueError as bad:
                what = f"{path.name} holds '{text}' where {analyte} is expected"
                raise FileFault(Fault.CORRUPT, what, where=path.parent.name) from bad
            samples.append(SalivaSample(row["SAMPLES"].strip(), None, analyte, value, SALIVA_UNIT))
    return tuple(samples)


READER = Reader(
    name="mmash",
    device="MMASH (Polar H7, ActiGraph wGT3X-BT)",
    looks_like="a MMASH folder: RR.csv and Actigraph.csv of one person, with sleep.csv, saliva.csv, Activity.csv",
    gives=frozenset({Kind.RR, Kind.COUNTS, Kind.HR, Kind.STEPS, Kind.DIARY, Kind.MARKERS, Kind.SALIVA}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="wall clock with numbered days",
)
