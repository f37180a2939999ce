"""A small export of `hypnogram_json`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from handmade.sample import ASKED, Sample
from pipeline.recording import Kind


def write_list(folder: Path) -> Path:
    path = folder / "095d6e40.json"
    path.write_text(json.dumps([-1 if 20 <= k < 30 else (0, 1, 2, 3, 4)[k % 5] for k in range(300)], indent=2))
    return path


SAMPLE = Sample(write_list, (600.0, 900.0), frozenset({Kind.STAGES}), asked=dataclasses.replace(ASKED, dialect="dod"))
