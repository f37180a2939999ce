"""A small export of `hypnogram_xml`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def event(kind: str, concept: str, start: float, lasts: float) -> str:
    """One event as NSRR writes it."""
    return (
        f"<ScoredEvent>\n<EventType>{kind}</EventType>\n<EventConcept>{concept}</EventConcept>\n"
        f"<Start>{start:.1f}</Start>\n<Duration>{lasts:.1f}</Duration>\n</ScoredEvent>\n"
    )


def psg(*events: str, clock: str = "00.00.00 22.00.00") -> str:
    """A document of NSRR annotations."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<PSGAnnotation>\n'
        "<SoftwareVersion>Compumedics</SoftwareVersion>\n<EpochLength>30</EpochLength>\n<ScoredEvents>\n"
        "<ScoredEvent>\n<EventType/>\n<EventConcept>Recording Start Time</EventConcept>\n<Start>0</Start>\n"
        f"<Duration>9000.0</Duration>\n<ClockTime>{clock}</ClockTime>\n</ScoredEvent>\n"
        + "".join(events)
        + "</ScoredEvents>\n</PSGAnnotation>\n"
    )


def write_annotations(folder: Path) -> Path:
    path = folder / "night-nsrr.xml"
    stretches = [
        (0, 600, "Wake|0"),
        (900, 1200, "Stage 2 sleep|2"),
        (2100, 6000, "Stage 4 sleep|4"),
        (8100, 900, "REM sleep|5"),
    ]
    events = [event("Stages|Stages", concept, at, lasts) for at, lasts, concept in stretches]
    path.write_text(psg(*events, event("Respiratory|Respiratory", "Hypopnea|Hypopnea", 1000.5, 14.2)))
    return path


SAMPLE = Sample(write_annotations, (600.0, 900.0), frozenset({Kind.STAGES}), kinds=frozenset({Kind.MARKERS}))
