"""Clocks that were set once: elapsed time from the first reading, and a header's offset beside the zone's."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.devices.set_once import from_first_stamp, tell_other_offset

SPRING_NS = 1_711_836_000 * NS  # 2024-03-30 23:00 in Rome, three hours before the clocks go forward
HOUR_NS = 3600 * NS


def test_readings_after_a_clock_change_are_elapsed_time() -> None:
    wall = SPRING_NS + HOUR_NS + np.arange(0, 12, 2) * HOUR_NS
    assert (from_first_stamp(wall, "Europe/Rome") - SPRING_NS).tolist() == (np.arange(0, 12, 2) * HOUR_NS).tolist()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("GMT +01:00", ""),
        ("+01:00:00", ""),
        ("GMT +02:00", "UTC+02:00"),
        ("-04:00:00", "UTC-04:00"),
        ("GMT -03:30", "UTC-03:30"),
        ("", ""),
        ("Rome", ""),
    ],
)
def test_only_another_offset_than_that_of_the_start_is_told(text: str, told: str) -> None:
    notes: list[str] = []
    tell_other_offset(text, "Europe/Rome", SPRING_NS, notes)
    assert len(notes) == bool(told)
    assert told in "".join(notes)
    assert not notes or "Europe/Rome was at UTC+01:00" in notes[0]
