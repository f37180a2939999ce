"""The probabilities of the stages over a night, stacked: where the model is sure, one colour fills the height."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS
from pipeline.report.clock_axis import ClockAxis, Int64
from pipeline.report.rows import floats
from pipeline.report.svg import Floats, Markup, number, runs, tag, text

ORDER = ("p_n3", "p_n2", "p_n1", "p_rem", "p_wake")
"""From the bottom up: deep sleep on the ground."""
COLOURS = ("#1B1F5E", "#0072B2", "#88CCEE", "#C1272D", "#E69F00")
HEIGHT = 46.0


def has_density(epochs: pl.DataFrame) -> bool:
    """Whether a model staged any of the epochs."""
    return "p_n3" in epochs.columns and epochs.get_column("p_n3").count() > 0


def density_panel(axis: ClockAxis, at: Int64, epochs: pl.DataFrame, top: float) -> list[Markup]:
    """Five stacked areas, labelled; nothing is drawn where the model said nothing."""
    slots = (axis.end_ns - axis.start_ns) // EPOCH_NS
    inside = (at >= axis.start_ns) & (at < axis.end_ns)
    share = np.full((len(ORDER), slots), np.nan)
    share[:, (at[inside] - axis.start_ns) // EPOCH_NS] = [floats(epochs, name)[inside] for name in ORDER]
    edges = axis.x(axis.start_ns + np.arange(slots + 1, dtype=np.int64) * EPOCH_NS)
    stacked = np.concatenate((np.zeros((1, slots)), np.cumsum(share, axis=0)))
    known = np.isfinite(stacked).all(axis=0)
    out = [
        text(axis.left - 8, top + HEIGHT / 2 - 3, "Model", anchor="end", class_="label"),
        text(axis.left - 8, top + HEIGHT / 2 + 10, "p(stage)", anchor="end", class_="unit"),
    ]
    for k, (name, colour) in enumerate(zip(ORDER, COLOURS, strict=True)):
        low, high = (top + HEIGHT * (1.0 - stacked[row]) for row in (k, k + 1))
        path = "".join(_area(edges, low, high, first, last) for first, last in runs(known).tolist())
        out.append(tag("path", d=path, fill=colour, data_density=name.removeprefix("p_")))
    return out


def _area(edges: Floats, low: Floats, high: Floats, first: int, last: int) -> str:
    """The outline between two step lines over the slots [first, last)."""
    x = np.repeat(edges[first : last + 1], 2)[1:-1]
    x = np.concatenate((x, x[::-1]))
    y = np.concatenate((np.repeat(high[first:last], 2), np.repeat(low[first:last], 2)[::-1])).round(1)
    return f"M{'L'.join(f'{number(a)},{number(b)}' for a, b in zip(x, y, strict=True))}Z"
