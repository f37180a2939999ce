"""A whole study folder made from people whose truth is known: settings, participants, inbox, and `truth.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from pipeline.clock import zone_of
from pipeline.errors import Fault, StudyFault
from pipeline.simulate.participant import Plan, write_participant
from pipeline.simulate.person import LoopStrength, Person, cohort
from pipeline.simulate.truth import Json

PLANS_STREAM = 1_000_000
"""Sets the random stream of the plans apart from those of participants, which are numbered from 0."""


def simulate_study(
    folder: Path,
    participants: int,
    nights: int,
    seed: int,
    *,
    loop: LoopStrength = LoopStrength.REALISTIC,
    missing_share: float = 0.1,
    zone: str = "Europe/Rome",
    start: date = date(2024, 3, 4),
    eeg_nights: int = 1,
) -> Path:
    """The folder, filled with a study of simulated participants; the same arguments give the same bytes.

    Each has minute counts of the whole period, RR intervals of every night and EEG of the first `eeg_nights`
    nights. `missing_share` of the nights lack RR, and as many, drawn apart, have the watch off the wrist.

    Raises
    ------
    StudyFault
        If a number is out of range, the zone does not exist, or the folder already holds a study.
    """
    if participants < 1 or nights < 1:
        raise StudyFault(
            Fault.STUDY,
            f"a study of {participants} participants and {nights} nights cannot be simulated",
            hint="give at least one participant and one night",
        )
    if not 0 <= missing_share < 1 or not 0 <= eeg_nights <= nights:
        raise StudyFault(
            Fault.STUDY,
            f"missing share {missing_share} or EEG nights {eeg_nights} out of range",
            known=f"the share lies in 0 … 1 (1 excluded), EEG nights in 0 … {nights}",
        )
    zone_of(zone)
    if (folder / "study.toml").exists():
        raise StudyFault(
            Fault.STUDY,
            "the folder already holds a study",
            where=str(folder),
            hint="name a new folder; a simulation never writes over recordings",
        )
    rng = np.random.default_rng([seed, PLANS_STREAM])
    people = [
        (person, _plan(start, nights, missing_share, eeg_nights, rng)) for person in cohort(participants, seed, loop)
    ]
    return write_study(folder, f"Simulated study, loop {loop}, seed {seed}", zone, people, seed)


def _plan(start: date, nights: int, missing_share: float, eeg_nights: int, rng: np.random.Generator) -> Plan:
    """What is recorded of one participant, with a share of nights missing at random in each of strap and watch."""
    dates = [date.fromordinal(start.toordinal() + k) for k in range(nights)]
    strap, watch = rng.random((2, nights)) < missing_share
    return Plan(
        first=start,
        nights=nights,
        rr_missing=frozenset(day for day, missed in zip(dates, strap, strict=True) if missed),
        watch_off=frozenset(day for day, missed in zip(dates, watch, strict=True) if missed),
        eeg=tuple(dates[:eeg_nights]),
    )


def write_study(folder: Path, title: str, zone: str, people: Sequence[tuple[Person, Plan]], seed: int) -> Path:
    """The folder with `study.toml`, `participants.tsv`, `inbox/` and `truth.json`; existing files are written over."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_text(folder / "study.toml", f'[study]\ntitle = "{title}"\nzone = "{zone}"\n')
    rows = [f"{person.participant}\t{person.age_y}\t{person.sex}" for person, _ in people]
    _write_text(folder / "participants.tsv", "\n".join(["participant_id\tage_y\tsex", *rows]) + "\n")
    truth: dict[str, Json] = {
        person.participant: write_participant(folder / "inbox", person, plan, zone=zone, seed=(seed, k))
        for k, (person, plan) in enumerate(people)
    }
    told: dict[str, Json] = {"title": title, "zone": zone, "seed": seed, "participants": truth}
    _write_text(folder / "truth.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return folder


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
