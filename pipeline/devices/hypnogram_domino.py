r"""SOMNOmedics DOMINO text exports: a sleep profile (one stage an epoch) or a list of scored events.

    Signal ID: SchlafProfil\profil         Signal ID: FlowD\flow
    Start Time: 30.05.2024 20:59:00       Start Time: 5/30/2024 8:59:00 PM
    Unit:                                 Unit: s
    Signal Type: Discret                  Signal Type: Impuls
    Events list: N3,N2,N1,Rem,Wake,…
    Rate: 30 s
                                          00:41:31,513-00:41:42,736; 11;Hypopnea
    20:59:00,000; Wake

Rows carry the time of day; newer versions put the date before it. The start is in the language of Windows: dots are
day first, AM and PM month first, and slashes without them may be either.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.hypnogram_codes import told_stages
from pipeline.devices.hypnogram_epochs import MOST_BYTES
from pipeline.devices.hypnogram_rows import (
    Rows,
    readable,
    scored_night,
    seconds_of_day,
    walls_of,
    written_start,
)
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Kind, Recording, Stage

HEAD_LINES = 30
_FIRST_LINES = re.compile(r"\ufeff?\s*Signal ID:.*[\r\n]+\s*Start Time:")
PROFILES = ("schlafprofil", "sleepprofile", "sleep profile")
"""Signals whose rows are stages; all others are events."""
_TIME = r"(?:\S+ )?\d{1,2}:\d{2}:\d{2}[,.]\d{3}"
_ROW = rf"^(?P<from>{_TIME})(?:-(?P<to>{_TIME}))?; *(?P<rest>.*)$"


def _recognise(seen: Glimpse) -> bool:
    """Whether the first lines are a signal's name and its start."""
    return not seen.is_folder and _FIRST_LINES.match(text_of(seen.head)) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """The stages of a sleep profile, or the events of any other signal as markers."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    lines = lines_of(text_of(content))
    says = dict(line.split(":", 1) for line in lines[:HEAD_LINES] if re.match(r"[A-Za-z ]+:", line))
    is_profile = says.get("Signal ID", "").strip().casefold().startswith(PROFILES)
    filled = pl.Series("line", lines, dtype=pl.String).str.strip_chars()
    cells = filled.filter(filled.str.contains(r"^\d")).str.extract_groups(_ROW).struct.unnest()
    if not cells.height:
        raise FileFault(Fault.TRUNCATED, "the file holds a header and no row", where=path.name)
    begin_s = seconds_of_day(cells["from"])
    has = readable(begin_s, path, notes)
    cells, begin_s = cells.filter(pl.Series(has)), begin_s[has]
    start = _start(says.get("Start Time", "").strip(), path, asked)
    walls = walls_of(start, begin_s)
    if is_profile:
        texts = cells["rest"].fill_null("").str.strip_chars().to_list()
        lasts_s = np.full(len(walls), _epoch_s(says, path))
        # 'A' is what DOMINO writes for an epoch that it could not score.
        words = ["artefact" if text.casefold() == "a" else text for text in texts]
        rows = Rows(walls, lasts_s, texts, [Stage(code) for code in told_stages(words, path, asked.dialect)[0]])
    else:
        texts = [rest.split(";")[1].strip() if ";" in rest else rest.strip() for rest in cells["rest"].fill_null("")]
        lasts_s = _between(begin_s, seconds_of_day(cells["to"]))
        rows = Rows(walls, lasts_s, texts, [None] * len(texts))
    return scored_night(rows, path, asked, "DOMINO", notes)


def _between(begin_s: Floats, end_s: Floats) -> Floats:
    """Seconds from one time of day to the next."""
    out: Floats = np.mod(end_s - begin_s, 86_400)
    return out


def _epoch_s(says: dict[str, str], path: Path) -> float:
    """The epoch that the header's rate gives."""
    found = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*(s|sec|ms)?\s*", says.get("Rate", ""))
    if found is None or float(found[1].replace(",", ".")) <= 0:
        known = "the header has a line such as 'Rate: 30 s'"
        raise FileFault(Fault.CORRUPT, "the header tells no epoch length", where=path.name, known=known)
    return float(found[1].replace(",", ".")) / (1000 if found[2] == "ms" else 1)


def _start(told: str, path: Path, asked: Asked) -> datetime:
    """The wall clock of the header's start, else the sidecar's."""
    return written_start(told, path, asked) if told else need_start(path, asked)


READER = Reader(
    name="hypnogram_domino",
    device="DOMINO",
    looks_like="a text of SOMNOmedics DOMINO: 'Signal ID: SchlafProfil', 'Start Time: …', 'Rate: 30 s', then rows",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="times of day from the recorder's clock, with the recording's start in the header",
)
