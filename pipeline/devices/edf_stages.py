"""Sleep stages among the annotations of an EDF+ file, as a hypnogram.

The EDF+ standard texts are 'Sleep stage W', '… 1' to '… 4', '… R', '… ?', '… N1' to '… N3' and 'Movement time'
(https://www.edfplus.info/specs/edftexts.html). A text may end in '@@' and the label of a channel.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.edf_records import Annotation
from pipeline.errors import Fault, FileFault
from pipeline.recording import Hypnogram, Int64, Stage

_STAGES: dict[str, Stage] = {
    **dict.fromkeys(("w", "wake"), Stage.WAKE),
    **dict.fromkeys(("1", "n1", "s1"), Stage.N1),
    **dict.fromkeys(("2", "n2", "s2"), Stage.N2),
    **dict.fromkeys(("3", "n3", "s3", "4", "n4", "s4"), Stage.N3),  # AASM: N3 is R&K 3 and 4
    **dict.fromkeys(("r", "rem"), Stage.REM),
    **dict.fromkeys(("?", "unscored", "unknown"), Stage.UNSCORED),
    **dict.fromkeys(("m", "mt", "movement", "movement time"), Stage.MOVEMENT),
}
_USUAL_MS = (30_000, 20_000)
"""Epochs of the AASM and R&K manuals; the first that fits is taken."""
_SHORTEST_MS = 1000
"""Onsets and durations with no common measure above this are not epochs."""

_Scored = tuple[float, float | None, str, Stage]


def hypnogram(
    annotations: Sequence[Annotation], zero_ns: int, path: Path
) -> tuple[Hypnogram | None, list[Annotation], list[str]]:
    """The hypnogram of the stage annotations (None without any), the other annotations, and repairs.

    Epochs are 30 s unless onsets and durations only fit 20 s or another common measure; time between stages is
    UNSCORED. Stages without a duration last to the next one if the list names changes only, else one epoch each.

    Raises
    ------
    FileFault
        UNKNOWN_CODE for a 'Sleep stage …' that is none of the known; CORRUPT if stages overlap or fit no epoch.
    """
    scored, others, unknown = _sorted_out(annotations)
    if unknown:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"unknown sleep stages: {', '.join(sorted(unknown))}",
            where=path.name,
            known="stages are W, N1 to N3 (or 1 to 4), R, ?, M, written 'Sleep stage …', and 'Movement time'",
            hint="export the hypnogram with AASM or R&K stages",
        )
    if not scored:
        return None, others, []
    onset_ms = np.array([round(1000 * (s[0] - scored[0][0])) for s in scored], np.int64)
    lasts_ms, notes = _durations(scored, onset_ms)
    epoch_ms = _epoch(onset_ms, lasts_ms, path)
    rest_ms = int(lasts_ms[-1] % epoch_ms)
    if rest_ms:
        notes.append(f"the last stage ends {rest_ms / 1000:g} s into an epoch; that part was left")
    begins, n = onset_ms // epoch_ms, lasts_ms // epoch_ms
    clash = np.flatnonzero(begins[1:] < (begins + n)[:-1])
    if len(clash):
        one, two = scored[clash[0]], scored[clash[0] + 1]
        raise FileFault(
            Fault.CORRUPT,
            f"two sleep stages at once: '{one[2]}' from {one[0]:g} s on and '{two[2]}' from {two[0]:g} s on",
            where=path.name,
            hint="export one scorer's hypnogram a file",
        )
    stages = np.full(int((begins + n).max()), Stage.UNSCORED, np.int8)
    within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
    stages[np.repeat(begins, n) + within] = np.repeat(np.array([s[3] for s in scored], np.int8), n)
    start_ns = zero_ns + round(scored[0][0] * NS)
    return Hypnogram(start_ns, epoch_ms / 1000, stages, "EDF+ annotations"), others, notes


def _sorted_out(annotations: Sequence[Annotation]) -> tuple[list[_Scored], list[Annotation], set[str]]:
    """Stages in order of onset and each once, the annotations that are none, and stage texts that are unknown."""
    scored: set[_Scored] = set()
    others: list[Annotation] = []
    unknown: set[str] = set()
    for note in annotations:
        text = note.text.split("@@")[0].strip()
        found = re.fullmatch(r"(sleep[\s_-]*)?stage[\s:_-]*(.+)", text, re.IGNORECASE)
        word = found[2].casefold() if found else text.casefold()
        if (found or word == "movement time") and word in _STAGES:
            scored.add((note.onset_s, note.duration_s or None, text, _STAGES[word]))
        elif found and found[1]:
            unknown.add(f"'{text}'")
        else:
            others.append(note)
    return sorted(scored, key=lambda s: (s[0], s[1] or 0.0, s[2])), others, unknown


def _durations(scored: list[_Scored], onset_ms: Int64) -> tuple[Int64, list[str]]:
    """How long each stage lasts in ms; told for the ones that do not say."""
    lasts_ms = np.array([round(1000 * (s[1] or 0.0)) for s in scored], np.int64)
    bare = lasts_ms == 0
    if not bare.any():
        return lasts_ms, []
    step_ms = np.diff(onset_ms)
    known = lasts_ms[~bare] if not bare.all() else step_ms
    one_ms = int(known.min()) if len(known) else _USUAL_MS[0]
    changes = bare.all() and all(one[3] != two[3] for one, two in itertools.pairwise(scored))
    if changes and len(scored) > 1:
        # A list in which no stage follows itself names changes: each holds until the next, the last one epoch.
        usual = next((e for e in _USUAL_MS if not (step_ms % e).any()), int(np.gcd.reduce(step_ms)))
        return np.append(step_ms, usual), ["stages carry no durations; each was held until the next"]
    lasts_ms[bare] = one_ms
    return lasts_ms, [f"{int(bare.sum())} stage(s) carry no duration; each was given {one_ms / 1000:g} s"]


def _epoch(onset_ms: Int64, lasts_ms: Int64, path: Path) -> int:
    """The epoch in ms that every onset and duration is a multiple of; the last stage may end within one."""
    every = np.concatenate((onset_ms, lasts_ms))
    but_last = every[:-1] if len(onset_ms) > 1 else every
    for values in (every, but_last):
        for epoch in _USUAL_MS:
            if not (values % epoch).any():
                return epoch
    common = int(np.gcd.reduce(every))
    if common < _SHORTEST_MS:
        shown = ", ".join(f"{ms / 1000:g} s" for ms in np.unique(lasts_ms)[:8])
        raise FileFault(
            Fault.CORRUPT,
            "its sleep stages fit no common epoch",
            where=path.name,
            known=f"durations: {shown}; {len(onset_ms)} stages over {onset_ms[-1] / 1000:g} s",
            hint="export the hypnogram in epochs of 30 s",
        )
    return common
