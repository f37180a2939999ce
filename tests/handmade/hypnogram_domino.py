"""A small export of `hypnogram_domino`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample, clock
from pipeline.recording import Kind

HEAD = """Signal ID: SchlafProfil\\profil
Start Time: 01.03.2024 22:00:00
Unit:
Signal Type: Discret
Events list: N3,N2,N1,Rem,Wake,Artifact
Rate: 30 s

"""


def write_profile(folder: Path) -> Path:
    path = folder / "Sleep profile.txt"
    words = ("Wake", "N1", "N2", "N3", "Rem")
    rows = [f"{clock(30 * k)},000; {'A' if 20 <= k < 30 else words[k % 5]}\n" for k in range(300)]
    path.write_text(HEAD + "".join(rows))
    return path


SAMPLE = Sample(write_profile, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True)
