"""Every fault that a user can cause, in words: what happened, where, what is known, what to try.

Three families, because three things can follow: a bad file costs that file (`FileFault` → quarantine, exit 3), a bad
study or command stops before any work (`StudyFault` → exit 2), and a disk that cannot take the result stops the run
(`StorageFault` → exit 1). Anything else that is raised is our bug and shows its traceback.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path


class Fault(StrEnum):
    """The machine-readable name of each fault; stands in `reason.json` and in the failures table."""

    UNKNOWN_FORMAT = "unknown_format"
    AMBIGUOUS_FORMAT = "ambiguous_format"
    EMPTY_FILE = "empty_file"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    HOSTILE = "hostile"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NEEDS_EXTRA = "needs_extra"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_CODE = "unknown_code"
    NO_START_TIME = "no_start_time"
    NO_ZONE = "no_zone"
    UNKNOWN_ZONE = "unknown_zone"
    IMPLAUSIBLE = "implausible"
    NOTHING_USABLE = "nothing_usable"
    OVERLAP = "overlap"
    DUPLICATE = "duplicate"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    SETTINGS = "settings"
    STUDY = "study"
    TABLE = "table"
    STORAGE = "storage"
    BUSY = "busy"
    INTERNAL = "internal"


MOST_WORDS = 20_000
"""Characters of one part of a fault: the list of formats is the longest of ours; what a file quotes may be longer."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, those that end lines or turn the direction of writing, and bytes that are no text."""


def printable(text: str, *, lines: bool = False) -> str:
    r"""A text of strangers as it may be printed, with what steers a terminal written out (`\x1b`).

    Line ends are written out, too, so that no name forges a line; with `lines`, those before a blank are kept.
    """
    parts = re.split(r"(\n(?= ))", text[: MOST_WORDS + 1]) if lines else [text[: MOST_WORDS + 1]]
    shown = "".join(part if part == "\n" and lines else _UNPRINTABLE.sub(_written_out, part) for part in parts)
    return shown if len(shown) <= MOST_WORDS else f"{shown[: MOST_WORDS - 2]} …"


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class SleeploopError(Exception):
    """A fault in words, all of them printable. `str()` gives the whole text, one line a part."""

    def __init__(self, fault: Fault, what: str, *, where: str = "", known: str = "", hint: str = "") -> None:
        self.fault = fault
        self.what = printable(what)
        self.where = printable(where)
        self.known = printable(known, lines=True)
        self.hint = printable(hint)
        super().__init__(self.what)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling; faults cross process borders.
        return _rebuild, (type(self), self.fault, self.what, self.where, self.known, self.hint)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        tail = [f"  known: {self.known}"] if self.known else []
        tail += [f"  try: {self.hint}"] if self.hint else []
        return "\n".join([head, *tail])


def _rebuild(kind: type[SleeploopError], fault: Fault, what: str, where: str, known: str, hint: str) -> SleeploopError:
    return kind(fault, what, where=where, known=known, hint=hint)


class FileFault(SleeploopError):
    """One export cannot be used; it goes to quarantine and everything else goes on."""


class StudyFault(SleeploopError):
    """The study folder, its settings or the command line are wrong; nothing was run."""


class TableFault(SleeploopError):
    """A table breaks its own declaration: a column, a type, a range. A bug of ours, told in words."""


class StorageFault(SleeploopError):
    """The disk would not take a result (full, read-only, no permission); nothing half-written is left."""


def is_panic(bad: BaseException) -> bool:
    """Whether a library written in Rust gave up on what it was given; its exception is no `Exception`."""
    return type(bad).__name__ == "PanicException"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint: the known word nearest to `word`, else the list of known words."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = ", ".join(words[:20]) + (", …" if len(words) > 20 else "")
    return f"known: {shown}" if words else ""


def place_of(bad: BaseException) -> str:
    """What was raised and where in our code. Its own text is left out: it may quote a name from a file."""
    ours = [f for f in traceback.extract_tb(bad.__traceback__) if Path(__file__).parent in Path(f.filename).parents]
    at = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(bad).__name__}{at}"
