"""UK Biobank activity time series: one line that says everything, then `acceleration,imputed` an epoch a row.

    acceleration (mg) - 2014-12-08 10:00:00 - 2014-12-15 09:59:55 - sampleRate = 5 seconds,imputed

The values are ENMO in mg, not counts of any device; the label says so. Epochs marked as imputed were filled with the
average of other days at that clock time: nothing was measured there, so they are missing here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.delimited import content_of, lines_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import column_numbers
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording, Signal

_HEAD = re.compile(
    r"acceleration \(mg\) - (?P<start>[\d-]{10} [\d:.]{8,15}) - (?P<end>[\d-]{10} [\d:.]{8,15})"
    r" - sampleRate = (?P<epoch>\d{1,3}) seconds,imputed\s*"
)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line is a time series' of UK Biobank."""
    return not (seen.is_folder or seen.names) and _HEAD.match(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration of each epoch, missing where it was imputed."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    zone, source = asked.zone_for(path)
    rows = "\n".join(lines[1:]).rstrip().split("\n")
    if not all(rows[1:]):  # the place of a row is its time
        raise FileFault(Fault.CORRUPT, "there are blank lines between the rows", where=path.name)
    table = table_of(rows, ["acceleration", "imputed"], ",", path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    ends = pl.Series("ends", [head["start"], head["end"]])
    first, last = instants(ends, asked, zone, path, follows_zone=False).utc_ns.tolist()
    epoch_s = int(head["epoch"])
    if not epoch_s:
        raise FileFault(Fault.CORRUPT, "its epochs last no time", where=path.name)
    values = column_numbers(path, table["c0"], "acceleration", notes)
    imputed = (table["c1"].fill_null("") != "0").to_numpy()
    if imputed.any():
        notes.append(f"{np.count_nonzero(imputed)} epochs were imputed, not measured: missing")
    if (said := (last - first) // (epoch_s * NS) + 1) != table.height:
        notes.append(f"the header announces {said} epochs, the file holds {table.height}")
    samples = np.where(imputed, np.nan, values).astype(np.float32)
    signal = Signal(Kind.COUNTS, "acceleration (mg)", 1.0 / epoch_s, first, samples)
    return Recording("Axivity AX3 (UK Biobank)", zone, source, (signal,), repairs=tuple(notes))


READER = Reader(
    name="biobank_csv",
    device="Axivity AX3 (UK Biobank)",
    looks_like="a UK Biobank time series: first line 'acceleration (mg) - <start> - <end> - sampleRate = 5 seconds,…'",
    gives=frozenset({Kind.COUNTS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
