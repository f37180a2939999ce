"""Exports of one participant that contradict each other; and how those that overlap are resolved.

The rule for overlap: exports of different formats may overlap as they like, and `align` says which one fills an epoch.
Two exports of one format that measure the same kinds at the same time are either the same recording exported twice, in
parts that overlap (then they say the same, and both stay), or one of them is another person's or has a wrong clock
(then they differ, and the one that begins later is refused). Hypnograms alone may differ: several people scored one
night. They do if they span the same epochs, or agree better than the nights of two people ever would.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from pipeline.errors import Fault, FileFault
from pipeline.extract import Extracted
from pipeline.features.stage_grid import STAGE_CODE
from pipeline.recording import Kind, StageSource
from pipeline.signals.agreement import cohen_kappa, confusion

MAX_SPAN_DAYS = 10 * 366
"""A participant's recordings lie within ten years; one outside has a broken clock."""
LEAST_OVERLAP = timedelta(minutes=1)
SAME_SHARE = 0.99
"""Share of the values of the epochs that both measured from which two exports say the same: the first and the last
epoch of a part are cut otherwise."""
SAME = 1e-4
"""Relative difference up to which two values are the same: exports round."""
SAME_NIGHT_KAPPA = 0.2
"""Least Cohen's kappa of two scorings of one night that span different epochs. In the Dreem Open Datasets 99 % of the
800 pairs of scorers of a night reach it, and 11 % of the pairs of two people's nights laid over each other."""
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_ANYTIME = frozenset({"markers", "saliva", "answers", "diary"})


def find_conflict(parts: Sequence[Extracted]) -> tuple[str, FileFault] | None:
    """The name of the first recording that contradicts another of the participant, and why; None when all agree.

    Contradictions: the same content twice; two exports of one format that differ where they overlap; a clock years
    away from the others.
    """
    held = sorted(((_row(part), part) for part in parts), key=lambda one: _order(one[0]))
    starts = [row["start_utc"] for row, _ in held if row["start_utc"] is not None]
    middle = sorted(starts)[len(starts) // 2] if starts else None
    for index, (row, part) in enumerate(held):
        if middle is not None and row["start_utc"] is not None:
            away = abs(row["start_utc"] - middle)
            if away > timedelta(days=MAX_SPAN_DAYS / 2):
                return row["export"], _far(row)
        for other, other_part in held[:index]:
            if row["sha256"] == other["sha256"]:
                return row["export"], _twice(row, other)
            if _overlap(row, other) <= LEAST_OVERLAP or _say_the_same(part.epochs, other_part.epochs):
                continue
            if not (_only_scored(row, part) and _only_scored(other, other_part) and _one_night(part, other_part)):
                return row["export"], _differ(row, other)
    return None


def _row(part: Extracted) -> dict[str, Any]:
    return part.recordings.row(0, named=True)


def _order(row: dict[str, Any]) -> tuple[bool, datetime, datetime, str]:
    start, end = row["start_utc"] or _NEVER, row["end_utc"] or _NEVER
    return row["start_utc"] is not None, start, end, str(row["export"])


def _overlap(row: dict[str, Any], other: dict[str, Any]) -> timedelta:
    """How long two exports of one format measure the same kinds at once."""
    shared = set(row["kinds"]) & set(other["kinds"]) - _ANYTIME
    if (
        (row["reader"], row["device"]) != (other["reader"], other["device"])
        or not shared
        or row["start_utc"] is None
        or other["start_utc"] is None
    ):
        return timedelta(0)
    shared_s = (min(row["end_utc"], other["end_utc"]) - max(row["start_utc"], other["start_utc"])).total_seconds()
    return timedelta(seconds=shared_s)


def _say_the_same(one: pl.DataFrame, two: pl.DataFrame) -> bool:
    """Whether nearly all values of the epochs that both measured are equal; true where they share no epoch."""
    both = one.join(two, on="start_utc", how="inner", suffix="_two")
    same = total = 0
    for name in one.columns:
        if f"{name}_two" not in both.columns or name == "participant":
            continue
        a, b = both.get_column(name), both.get_column(f"{name}_two")
        known = (a.is_not_null() & b.is_not_null()).to_numpy()
        if isinstance(a.dtype, pl.Enum):
            equal = (a == b).fill_null(value=False).to_numpy()
        else:
            equal = np.isclose(a.cast(pl.Float64).to_numpy(), b.cast(pl.Float64).to_numpy(), rtol=SAME, atol=SAME)
        same, total = same + int((equal & known).sum()), total + int(known.sum())
    return same >= SAME_SHARE * total


def _only_scored(row: dict[str, Any], part: Extracted) -> bool:
    """Whether an export holds nothing but a hypnogram that was not made by a device without EEG."""
    source = part.epochs.get_column("stage_source").drop_nulls()
    return row["kinds"] == [Kind.STAGES.value] and StageSource.CONSUMER.value not in source


def _one_night(part: Extracted, other: Extracted) -> bool:
    """Whether two hypnograms that differ can be two people's scorings of one night."""
    rows = [_row(one) for one in (part, other)]
    if all(rows[0][name] == rows[1][name] for name in ("start_utc", "end_utc")):
        return True
    both = part.epochs.select("start_utc", "stage").join(other.epochs.select("start_utc", "stage"), on="start_utc")
    codes = both.select(pl.col("stage", "stage_right").cast(pl.String).replace_strict(STAGE_CODE, default=None))
    one, two = (codes.get_column(name).cast(pl.Float64).to_numpy() for name in codes.columns)
    kappa = cohen_kappa(confusion(one, two))
    return kappa is not None and kappa >= SAME_NIGHT_KAPPA


def _far(row: dict[str, Any]) -> FileFault:
    return FileFault(
        Fault.IMPLAUSIBLE,
        f"it begins on {row['start_utc']:%Y-%m-%d}, more than five years from the participant's others",
        where=row["export"],
        hint="was the device's clock set? give its true_start in a sidecar",
    )


def _twice(row: dict[str, Any], other: dict[str, Any]) -> FileFault:
    return FileFault(
        Fault.DUPLICATE,
        "the same content was taken in already",
        where=row["export"],
        known=f"it equals {other['export']}",
        hint="remove one of the two",
    )


def _differ(row: dict[str, Any], other: dict[str, Any]) -> FileFault:
    shared = sorted(set(row["kinds"]) & set(other["kinds"]) - _ANYTIME)
    return FileFault(
        Fault.OVERLAP,
        f"it overlaps {other['export']} by {_overlap(row, other).total_seconds() / 60:.0f} min and says otherwise",
        where=row["export"],
        known=f"both hold {', '.join(shared)} and one person wears one such device at a time",
        hint="is it another participant's, or was a clock set wrong? Put it back into inbox/ when mended; if both were "
        'worn, tell them apart in their sidecars: {"device": "ankle"}',
    )
