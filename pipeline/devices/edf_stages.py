"""Sleep stages among the annotations of an EDF+ file, as a hypnogram.

The EDF+ standard texts are 'Sleep stage W', '… 1' to '… 4', '… R', '… ?', '… N1' to '… N3' and 'Movement time'
(https://www.edfplus.info/specs/edftexts.html). A text may end in '@@' and the label of a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.devices.edf_records import Annotation
from pipeline.devices.hypnogram_codes import is_sleep_stage_phrase, is_stage_phrase, stage_of
from pipeline.devices.hypnogram_epochs import Scored, hypnogram_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Hypnogram


def hypnogram(
    annotations: Sequence[Annotation], zero_ns: int, path: Path
) -> tuple[Hypnogram | None, list[Annotation], list[str]]:
    """The hypnogram of the stage annotations (None without any), the other annotations, and repairs.

    Raises
    ------
    FileFault
        UNKNOWN_CODE for a 'Sleep stage …' that is none of the known; CORRUPT as `hypnogram_of` says.
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
    found, notes = hypnogram_of(scored, zero_ns, "EDF+ annotations", path)
    return found, others, notes


def _sorted_out(annotations: Sequence[Annotation]) -> tuple[list[Scored], list[Annotation], set[str]]:
    """The stages, the annotations that are none, and stage texts that are unknown."""
    scored: list[Scored] = []
    others: list[Annotation] = []
    unknown: set[str] = set()
    for note in annotations:
        text = note.text.split("@@")[0].strip()
        # A lone 'R' or 'M' may be anybody's note; only the standard's phrases are stages.
        told = is_stage_phrase(text) or text.casefold() == "movement time"
        if told and (stage := stage_of(text)) is not None:
            scored.append(Scored(note.onset_s, note.duration_s or None, text, stage))
        elif is_sleep_stage_phrase(text):
            unknown.add(f"'{text}'")
        else:
            others.append(note)
    return scored, others, unknown
