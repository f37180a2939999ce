"""A hypnogram as lines of text, one stage an epoch: YASA, Visbrain, Elan (.hyp), DREAMS and whatever is like them.

    # 1 value per 30 seconds of data      time_base 30.000000      *Duration_sec  21610     [HypnogramAASM]
    # 0: Wake, 1: N1, 2: N2, 4: REM       sampling_period 0.001    Wake  1315               5
    0                                     epoch_nb 720             N1    1975               5
    1                                     epoch_list               N2    3595               3
                                          0

What a file says of itself is believed: a legend of its codes, the length of its epochs, Elan's header. Numbers without
one are read in the dialect that the sidecar names, never in a likely one. Visbrain's lines hold the *end* of each stage
in s. None of these carries a start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.hypnogram_codes import is_number, stage_of, told_stages
from pipeline.devices.hypnogram_epochs import MOST_BYTES, Scored, epoch_told, hypnogram_of, source_of
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Hypnogram, Kind, Recording, Stage

FEWEST = 3
"""Fewer lines are not recognised as a hypnogram: any small file could be one."""
_HEAD_LINE = re.compile(
    r"[#%;*].*|\[[\w .-]+\]|(sleep[ _-]?)?stages?|hypno(gram)?|score|"
    r"time_base\s.*|sampling_period\s.*|epoch_nb\s.*|epoch_list",
    re.IGNORECASE,
)
_LEGEND = re.compile(r"(?<![\d.])(-?\d{1,2})\s*[:=]\s*([A-Za-z][\w /-]*)")
_EPOCH = (
    re.compile(r"per\s+(\d+(?:\.\d+)?)[ -]?s(?:ec(?:ond)?s?)?\b", re.IGNORECASE),
    re.compile(r"epoch[\s_-]*(?:length|duration|s|sec)?\s*[:=]\s*(\d+(?:\.\d+)?)", re.IGNORECASE),
    re.compile(r"^time_base\s+(\d+(?:\.\d+)?)", re.IGNORECASE),
)
_ELAN_COUNT = re.compile(r"^epoch_nb\s+(\d{1,9})\s*$", re.IGNORECASE)
_END = re.compile(r"(?P<word>.*?\S)[\t ]+(?P<end>\d{1,7}(?:\.\d*)?)")


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines before the first stage, and the lines from it on; blank ones left out."""

    head: tuple[str, ...]
    body: tuple[str, ...]

    @property
    def is_elan(self) -> bool:
        """Whether the header is Elan's, whose codes its manual fixes."""
        return any(line.casefold() == "epoch_list" for line in self.head)

    @property
    def gives_ends(self) -> bool:
        """Whether this is Visbrain's list of stages with their ends."""
        return any(line.startswith("*") for line in self.head) and any(" " in x or "\t" in x for x in self.body[:1])


def _page(lines: list[str]) -> _Page:
    filled = [line for line in (raw.strip(" \t\"',;") for raw in lines) if line]
    first = next((k for k, line in enumerate(filled) if not _HEAD_LINE.fullmatch(line)), len(filled))
    return _Page(tuple(filled[:first]), tuple(filled[first:]))


def _recognise(seen: Glimpse) -> bool:
    """Whether every line below the header is one stage word or small number, or a word and an end below stars."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    page = _page(lines_of(text_of(seen.head))[:-1])  # the last line may be cut
    if page.is_elan and page.head[0].casefold().startswith("time_base"):
        return True
    if page.gives_ends:
        rows = [_END.fullmatch(line) for line in page.body]
        return all(row is not None and stage_of(row["word"]) is not None for row in rows)
    return len(page.body) >= FEWEST and all(is_number(line) or stage_of(line) is not None for line in page.body)


def _read(path: Path, asked: Asked) -> Recording:
    """One stage an epoch from the sidecar's start on."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    page = _page(lines_of(text_of(content)))
    if not page.body:
        raise FileFault(Fault.TRUNCATED, "the file ends before its first stage", where=path.name)
    zone, source = asked.zone_for(path)
    hypnogram, more = _with_ends(page, path, asked, zone) if page.gives_ends else _epochs(page, path, asked, zone)
    return Recording(
        "hypnogram (text)",
        zone,
        source,
        hypnogram=hypnogram,
        clock=ClockKind.ELAPSED,
        repairs=(*notes, *more),
    )


def _epochs(page: _Page, path: Path, asked: Asked, zone: str) -> tuple[Hypnogram, list[str]]:
    """A stage a line."""
    notes: list[str] = []
    dialect = asked.dialect or ("elan" if page.is_elan else None)
    stages, named = told_stages(page.body, path, dialect, _legend(page.head))
    promised = next((int(found[1]) for line in page.head if (found := _ELAN_COUNT.match(line))), len(stages))
    if promised != len(stages):
        # More rows than promised are no better: one real file has 1 % too many, and its stages drift by minutes.
        what = "the hypnogram is cut" if promised > len(stages) else "it holds more epochs than its header counts"
        raise FileFault(
            Fault.TRUNCATED if promised > len(stages) else Fault.CORRUPT,
            what,
            where=path.name,
            known=f"its header promises {promised} epochs, {len(stages)} are there",
            hint="export it again with the program that scored it",
        )
    in_file = next((float(found[1]) for line in page.head for p in _EPOCH if (found := p.search(line))), None)
    epoch_s = epoch_told(in_file, asked.epoch_s, named.epoch_s if named else None, path, notes)
    start_ns = utc_from_wall(need_start(path, asked), zone)
    return Hypnogram(start_ns, epoch_s, stages, "text", source_of(stages.tolist())), notes


def _legend(head: tuple[str, ...]) -> dict[int, Stage] | None:
    """What the file itself says of its codes, if it names three or more, each a known stage."""
    told = {int(code): stage_of(word) for line in head for code, word in _LEGEND.findall(line)}
    known = {code: stage for code, stage in told.items() if stage is not None}
    return known if len(known) >= FEWEST and len(known) == len(told) else None


def _with_ends(page: _Page, path: Path, asked: Asked, zone: str) -> tuple[Hypnogram, list[str]]:
    """Visbrain's stages, each from the end of the one before it to its own."""
    rows = [_END.fullmatch(line) for line in page.body]
    cells = [row["word"].strip() if row else "?" for row in rows]
    end_s = np.array([float(row["end"]) if row else np.nan for row in rows])
    if np.isnan(end_s).any() or (np.diff(end_s, prepend=0.0) < 0).any():
        known = "each line holds a stage and the second at which it ends"
        raise FileFault(Fault.CORRUPT, "its stages do not end one after the other", where=path.name, known=known)
    stages, _ = told_stages(cells, path, asked.dialect)
    begin_s = np.concatenate(([0.0], end_s[:-1]))
    rows_s = zip(begin_s.tolist(), (end_s - begin_s).tolist(), cells, stages.tolist(), strict=True)
    scored = [Scored(begin, lasts, word, Stage(code)) for begin, lasts, word, code in rows_s if lasts > 0]
    if not scored:
        raise FileFault(Fault.NOTHING_USABLE, "its stages last no time", where=path.name)
    start_ns = utc_from_wall(need_start(path, asked), zone)
    return hypnogram_of(scored, start_ns, "Visbrain", path, source_of(stages.tolist()))


READER = Reader(
    name="hypnogram_text",
    device="hypnogram (text)",
    looks_like="a hypnogram as text, one stage a line (W, N1 … or numbers with a dialect), Elan .hyp, Visbrain .txt",
    gives=frozenset({Kind.STAGES}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="epochs after a start that the sidecar gives",
)
