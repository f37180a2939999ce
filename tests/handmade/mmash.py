"""A small export of `mmash`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample, clock
from pipeline.recording import Kind


def write_mmash(folder: Path) -> Path:
    path = folder / "user_1"
    path.mkdir()
    seen = [k for k in range(1, 200) if not 30 < k < 40]
    beats = "".join(f"{k},1.0,1,{clock(k)}\n" for k in seen)
    (path / "RR.csv").write_text(",ibi_s,day,time\n" + beats)
    counts = "".join(f"{k},{k % 9},1,{60 + k % 3},1,{clock(k)}\n" for k in [0, *seen])
    (path / "Actigraph.csv").write_text(",Axis1,Steps,HR,day,time\n" + counts)
    head = ",In Bed Date,In Bed Time,Out Bed Date,Out Bed Time,Onset Date,Onset Time,Latency\n"
    (path / "sleep.csv").write_text(head + "0,1,23:50,1,06:42,1,23:56,0\n")
    (path / "saliva.csv").write_text(",SAMPLES,Cortisol NORM,Melatonin NORM\n1,before sleep,0.03,1e-08\n")
    (path / "Activity.csv").write_text(",Activity,Start,End,Day\n0,9,22:37,22:40,1\n")
    return path


SAMPLE = Sample(write_mmash, (31.0, 40.0), frozenset({Kind.RR, Kind.COUNTS, Kind.HR, Kind.STEPS}))
