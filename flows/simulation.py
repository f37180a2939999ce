"""`sleeploop simulate`: a study folder of simulated people."""

from __future__ import annotations

from pathlib import Path

from pipeline.clock import zone_of
from pipeline.errors import Fault, StudyFault, did_you_mean
from pipeline.simulate import LoopStrength, simulate_study


def simulate_into(
    folder: Path, *, participants: int, nights: int, seed: int, loop: str, missing: float, zone: str
) -> None:
    """Write the study; refuses a folder that is there already.

    Raises
    ------
    StudyFault
        If the folder exists, the zone does not, or the loop strength is not known.
    """
    zone_of(zone)
    if loop not in set(LoopStrength):
        raise StudyFault(
            Fault.SETTINGS,
            f"--loop {loop} is not known",
            hint=did_you_mean(loop, [choice.value for choice in LoopStrength]),
        )
    if folder.exists():
        raise StudyFault(
            Fault.STUDY, "the folder exists already", where=str(folder), hint="choose another: nothing is overwritten"
        )
    simulate_study(
        folder,
        participants=participants,
        nights=nights,
        seed=seed,
        loop=LoopStrength(loop),
        missing_share=missing,
        zone=zone,
    )
