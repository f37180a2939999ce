"""Tables that labs keep by hand, opened: the header found, the rows of one participant picked, clocks and dates read.

One table often holds everybody. Only the rows of the participant under whose name the export lies are read; nobody
else's reach a recording, and no id is quoted in a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from pipeline.clock import NS, to_ns
from pipeline.devices.lab_words import PERSON, LabKind, lab_table, place_of, plain
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, utc_from_wall
from pipeline.devices.sheets import Row, Sheet, numbered_sheets
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault

DAY_S = 86_400
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})\s*[:.h]\s*(?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?\s*(?:uhr)?"
    r"\s*(?P<half>[ap]\.?m\.?)?",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?P<hour>\d{1,2})(?P<minute>\d{2})|(?P<whole>\d{1,2})\s*(?:(?P<half>[ap]\.?m\.?)|h|uhr)", re.IGNORECASE
)
_DATED = re.compile(r"\s*\d{1,4}[-/. ]\s?(\d{1,2}|[A-Za-z]{3})[-/. ]\s?\d{1,4}(?!\d)")
_SHOWN = re.compile(r"[\d:.,h apmAPM+-]{1,12}")


@dataclass(frozen=True, slots=True)
class LabTable:
    """A sheet below its header: titles as written and as `plain`, rows, and the number of each row in the file."""

    titles: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    numbers: tuple[int, ...]

    def place(self, known: Iterable[str]) -> int | None:
        """Where the first known name stands."""
        return place_of(self.names, known)

    def cells(self, place: int | None) -> list[str]:
        """One column as text; blank where a row is short, or where there is no such column."""
        return [row[place] if place is not None and place < len(row) else "" for row in self.rows]

    def column(self, known: Iterable[str]) -> list[str]:
        """The first column with a known name; blanks if there is none."""
        return self.cells(self.place(known))

    def only(self, kept: Sequence[bool]) -> LabTable:
        """The table with some of its rows."""
        pairs = [(row, number) for row, number, keep in zip(self.rows, self.numbers, kept, strict=True) if keep]
        return LabTable(self.titles, self.names, tuple(r for r, _ in pairs), tuple(n for _, n in pairs))


def open_tables(path: Path, kind: LabKind) -> tuple[list[tuple[LabTable, Sheet]], list[str]]:
    """Every sheet that is a table of this kind, with the sheet from its header on; and what was left out.

    Raises
    ------
    FileFault
        CORRUPT for a workbook that cannot be opened; TRUNCATED if no sheet has its header whole.
    """
    sheets, notes = numbered_sheets(path)
    found = []
    for sheet in sheets.values():
        told = lab_table(sheet.rows)
        if told is None or told[0] is not kind:
            continue
        rows, numbers = sheet.rows[told[1] :], sheet.numbers[told[1] :]
        titles = tuple(rows[0])
        table = LabTable(titles, tuple(map(plain, titles)), rows[1:], numbers[1:])
        found.append((table, Sheet(rows, numbers)))
    if not found:
        raise FileFault(Fault.TRUNCATED, "the file ends before its first row does", where=path.name)
    if left := len(sheets) - len(found):
        notes.append(f"{left} other sheet{'s' * (left > 1)} of the workbook: left out")
    return found, notes


def own_rows(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> LabTable:
    """The rows of the participant under whose name the export lies; every row of a table without ids.

    Raises
    ------
    FileFault
        UNKNOWN_PARTICIPANT if the table holds several people and none was asked for, or not the one that was; STUDY if
        it is shared by all and does not say whose its rows are.
    """
    place = table.place(PERSON)
    if place is None and asked.shared:
        raise FileFault(
            Fault.STUDY, "the table does not say whose its rows are", where=path.name,
            known="it lies in inbox/shared/ and would be given to every participant",
            hint="add a column participant_id, or put it into the participant's own folder",
        )  # fmt: skip
    if place is None:
        return table
    ids = [plain_id(text) for text in table.cells(place)]
    if blank := ids.count(""):
        notes.append(f"{blank} rows without an id: left out")
    people = set(ids) - {""}
    if asked.participant is None and len(people) == 1:
        return table.only([name != "" for name in ids])
    return table.only([name == own_id(people, asked, path) and name != "" for name in ids])


def own_id(people: set[str], asked: Asked, path: Path) -> str:
    """Which of the people in a table is the one under whose name the export lies.

    Raises
    ------
    FileFault
        UNKNOWN_PARTICIPANT if nobody was asked for, or nobody in the table is the one that was.
    """
    if asked.participant is None:
        raise FileFault(
            Fault.UNKNOWN_PARTICIPANT, f"the table holds {len(people)} participants", where=path.name,
            known="whose rows are wanted is told by the folder under inbox/ in which it lies",
            hint="put it into inbox/shared/, with ids as in participants.tsv",
        )  # fmt: skip
    wanted = plain_id(asked.participant)
    if wanted not in people:
        raise FileFault(
            Fault.UNKNOWN_PARTICIPANT, "the table holds no row of this participant", where=path.name,
            known=f"it holds {len(people)} other{'s' * (len(people) != 1)}",
            hint="write its ids as in participants.tsv; or leave that column out, if all rows are this participant's",
        )  # fmt: skip
    return wanted


def plain_id(text: str) -> str:
    """An id for comparison: case, blanks, the prefix `sub-` and the `.0` of a number do not matter."""
    text = text.strip().casefold().removeprefix("sub-")
    return text.removesuffix(".0") if re.fullmatch(r"\d+\.0", text) else text


def clock_s(text: str) -> int | None:
    """A time of day in s since midnight: `23:15`, `23.15 Uhr`, `23h15`, `2315`, `11:15 PM`, `24:10`; else None.

    24:xx is after the midnight that ends the day: 86,400 and more.
    """
    text = text.strip()
    found = _CLOCK.fullmatch(text) or _BARE.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    hour = int(parts.get("whole") or hour)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half[0] in "pP")
    return (hour * 60 + minute) * 60 + second if hour < 25 and minute < 60 and second < 60 else None


def moments_of(cells: Sequence[str], asked: Asked, path: Path, notes: list[str]) -> list[datetime | None]:
    """The wall clock (midnight for a date alone) of each cell that holds a date, aware if it bears an offset.

    None for every other cell: what to make of a row without a date is its reader's affair.

    Raises
    ------
    FileFault
        NO_START_TIME if day and month cannot be told apart.
    """
    text = [re.sub(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3", cell.strip()) for cell in cells]
    text = [re.sub(r"(?<=\d)\. (?=\d)", ".", cell) for cell in text]
    dated = [index for index, cell in enumerate(text) if _DATED.match(cell)]
    out: list[datetime | None] = [None] * len(text)
    if not dated:
        return out
    full = [text[k] if re.search(r"\d[ T]+\d{1,2}[:.]\d{2}", text[k]) else f"{text[k]} 00:00" for k in dated]
    walls = wall_clocks(pl.Series(full, dtype=pl.String), asked, path, most_bad_share=1.0)
    notes += [note for note in walls.notes if note not in notes]
    for place, index in enumerate(dated):
        if walls.good[place]:
            moment = datetime(1970, 1, 1) + timedelta(microseconds=int(walls.wall_ns[place]) // 1000)  # noqa: DTZ001
            zone = None if walls.offset_ns is None else timezone(timedelta(seconds=int(walls.offset_ns[place]) // NS))
            out[index] = moment.replace(tzinfo=zone)
    return out


def utc_of(moment: datetime, zone: str) -> int:
    """The instant of a moment: by its own offset, else as a wall clock of `zone`."""
    return utc_from_wall(moment, zone) if moment.tzinfo is None else to_ns(moment)


def number_of(text: str) -> float | None:
    """A number with a decimal point or comma; None if it is none."""
    bare = text.strip().replace("\u2212", "-")
    if re.fullmatch(r"[-+]?\d+,\d+", bare):
        bare = bare.replace(",", ".")
    return float(bare) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", bare) else None


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether a column of times counts something: bare numbers, of which one at least cannot be a clock like 07.30."""
    filled = [text for text in cells if text]
    if not filled or any(number_of(text) is None for text in filled):
        return False
    return not all(re.fullmatch(r"\d{1,2}\.\d{2}", text) and clock_s(text) is not None for text in filled)


def shown(text: str) -> str:
    """A cell as a fault or note may quote it: only what looks like a number or clock, for words may name someone."""
    return f"'{text}'" if _SHOWN.fullmatch(text) else "text"


def at(day: date, seconds: int) -> datetime:
    """The wall clock so many seconds after the midnight that begins a day."""
    return datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001  a wall clock
