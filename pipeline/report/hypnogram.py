"""One EEG night on one clock axis: hypnogram, spectrogram, the model's probabilities, slow waves, SWA, heart rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS
from pipeline.report.clock_axis import ClockAxis, Int64
from pipeline.report.hypnodensity import HEIGHT, density_panel, has_density
from pipeline.report.rows import border_ns, floats, instants, spectra_of, weekday
from pipeline.report.spectrogram import decibel_limits, image_uri
from pipeline.report.svg import Floats, Markup, broken_path, figure, hatch, line, number, tag, text

STAGES = ("W", "R", "N1", "N2", "N3")
"""Rows from top to bottom; REM next to wake, which it resembles in the EEG."""
LABELS = ("Wake", "REM", "N1", "N2", "N3")
CONSUMER_STAGES = ("W", "R", "S", "L", "N3")
"""The same rows for a night that a device without EEG staged: it tells light sleep, or no more than sleep."""
CONSUMER_LABELS = ("Wake", "REM", "Asleep", "Light", "Deep")
COLOURS = ("#E69F00", "#C1272D", "#88CCEE", "#0072B2", "#1B1F5E")
"""Told apart under normal vision and three kinds of colour blindness; NREM falls in lightness (prints grey)."""
WIDTH, LEFT, RIGHT = 960.0, 64.0, 950.0
ROW = 20.0
BINS, BIN_HZ = 60, 0.5
SPECTROGRAM, TRACE, GAP = 110.0, 52.0, 12.0


def night_figure(night: Mapping[str, Any], epochs: pl.DataFrame, spectra: pl.DataFrame, waves: pl.DataFrame) -> Markup:
    """The panels of one night from its row and the epochs, spectra and slow waves that begin inside it.

    Only the part with EEG or stages is drawn. A panel whose signal was not recorded is left out and said so.
    """
    at = instants(epochs)
    seen = np.isfinite(floats(epochs, "swa_uv2")) | _staged(epochs)
    span = at[seen]
    axis = ClockAxis(int(span.min()), int(span.max()) + EPOCH_NS, LEFT, RIGHT, night["zone"])
    # One id a night: a page holds many nights, and an id may stand in it only once.
    pattern = f"unscored-{night['night']}"
    children: list[Markup] = [hatch(pattern)]
    top = GAP
    second = top + len(STAGES) * ROW + GAP
    for panel, height in (
        (_stage_rows(axis, at, epochs, (top, pattern)), len(STAGES) * ROW),
        (_spectrum(axis, spectra, second), SPECTROGRAM) if spectra.height else (_no_spectrum(second), ROW),
    ):
        children += panel
        top += height + GAP
    if has_density(epochs):
        children += density_panel(axis, at, epochs, top)
        top += HEIGHT + GAP
    traces = [("SW", "per min", wave_rate(at, epochs, waves))] if waves.height else []
    traces += [("SWA", "µV²", floats(epochs, "swa_uv2")), ("Heart rate", "bpm", floats(epochs, "hr_bpm"))]
    for label, unit, values in traces:
        if np.isfinite(values[(at >= axis.start_ns) & (at < axis.end_ns)]).any():
            children += _trace(axis, at, values, (top, label, unit))
            top += TRACE + GAP
    bottom = top - GAP
    children = [*_borders(night, axis, bottom), *axis.drawn(GAP, bottom), *children]
    drawn = "hypnogram, spectrogram and slow-wave activity" if spectra.height else "hypnogram"
    title = f"Night of {weekday(night['night'])}: {drawn}, local time"
    return figure(WIDTH, bottom + 22, title, *children)


def _staged(epochs: pl.DataFrame) -> np.ndarray:
    if "stage" not in epochs.columns:
        return np.zeros(epochs.height, bool)
    return epochs.get_column("stage").is_not_null().to_numpy()


def _stage_rows(axis: ClockAxis, at: Int64, epochs: pl.DataFrame, place: tuple[float, str]) -> list[Markup]:
    """The five labelled rows, one rectangle per run of a stage, joined by a thin step line."""
    top = place[0]
    consumer = _staged(epochs).any() and bool(set(epochs.get_column("stage").cast(pl.String)) & {"L", "S"})
    stages, labels = (CONSUMER_STAGES, CONSUMER_LABELS) if consumer else (STAGES, LABELS)
    out = [
        part
        for k, label in enumerate(labels)
        for part in (
            text(LEFT - 8, top + (k + 0.7) * ROW, label, anchor="end", class_="label"),
            line(LEFT, top + (k + 0.5) * ROW, RIGHT, top + (k + 0.5) * ROW, "rule"),
        )
    ]
    slots = (axis.end_ns - axis.start_ns) // EPOCH_NS
    row = np.full(slots, -1)
    inside = (at >= axis.start_ns) & (at < axis.end_ns)
    slot = (at[inside] - axis.start_ns) // EPOCH_NS
    if "stage" not in epochs.columns or not _staged(epochs).any():
        middle = top + len(STAGES) * ROW / 2
        return [
            *out,
            text((LEFT + RIGHT) / 2, middle + 4, "not scored: the recording holds no hypnogram", anchor="middle"),
        ]
    order = {stage: k for k, stage in enumerate(stages)}
    symbols = epochs.get_column("stage").cast(pl.String).to_list()
    codes = np.array([order.get(s, -2 if s == "M" else -1) for s in symbols])
    row[slot] = codes[inside]
    x = axis.x(axis.start_ns + np.arange(slots + 1, dtype=np.int64) * EPOCH_NS)
    edges = np.flatnonzero(np.concatenate(([True], np.diff(row) != 0, [True])))
    middle_y = np.where(row >= 0, top + (row + 0.5) * ROW, np.nan)
    steps = broken_path(np.repeat(x, 2)[1:-1], np.repeat(middle_y, 2))
    out.append(tag("path", d=steps, class_="steps"))
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        label = labels[row[first]] if row[first] >= 0 else ""
        out.append(_stage_rect(int(row[first]), label, (x[first], x[last] - x[first]), place))
    return out


def _stage_rect(row: int, label: str, across: tuple[float, float], place: tuple[float, str]) -> Markup:
    (x, width), (top, pattern) = across, place
    if row < 0:
        name = "movement" if row == -2 else "unscored"
        return tag(
            "rect",
            x=x,
            y=top,
            width=width,
            height=len(STAGES) * ROW,
            fill=f"url(#{pattern})",
            opacity=0.6,
            data_stage=name,
        )
    return tag(
        "rect",
        x=x,
        y=top + row * ROW + 2,
        width=width,
        height=ROW - 4,
        fill=COLOURS[row],
        class_="stage",
        data_stage=label,
    )


def _spectrum(axis: ClockAxis, spectra: pl.DataFrame, top: float) -> list[Markup]:
    """The spectrogram as an image with its frequency labels and colour scale in words."""
    own = spectra.unique("start_utc", keep="first", maintain_order=True)
    at = instants(own)
    inside = (at >= axis.start_ns) & (at < axis.end_ns)
    power = np.full(((axis.end_ns - axis.start_ns) // EPOCH_NS, BINS), np.nan)
    power[(at[inside] - axis.start_ns) // EPOCH_NS] = spectra_of(own, BINS)[inside]
    limits = decibel_limits(power)
    bottom = top + SPECTROGRAM
    if limits is None:
        return _no_spectrum(top + (SPECTROGRAM - ROW) / 2)
    image = tag(
        "image",
        href=image_uri(power, limits),
        x=LEFT,
        y=top,
        width=RIGHT - LEFT,
        height=SPECTROGRAM,
        preserveAspectRatio="none",
    )
    # The bin of f Hz is the pixel row centred on it: half a bin lies beneath 0.5 Hz and above 30 Hz.
    ticks = [
        text(LEFT - 8, bottom - (hz / BIN_HZ - 0.5) / BINS * SPECTROGRAM + 4, f"{hz} Hz", anchor="end", class_="label")
        for hz in (5, 10, 15, 20, 25)
    ]
    low, high = limits
    scale = text(RIGHT - 4, top + 12, f"{low:.0f} … {high:.0f} dB re 1 µV²/Hz", anchor="end", class_="onimage")
    return [image, *ticks, scale]


def _no_spectrum(top: float) -> list[Markup]:
    words = "no spectrogram: the recording holds no EEG that could be used"
    return [text((LEFT + RIGHT) / 2, top + 0.7 * ROW, words, anchor="middle")]


def _trace(axis: ClockAxis, at: Int64, values: Floats, panel: tuple[float, str, str]) -> list[Markup]:
    """A line of one epoch column, from 0 (SWA) or its lowest value to its 99th percentile; gaps stay gaps."""
    top, label, unit = panel
    inside = (at >= axis.start_ns) & (at < axis.end_ns)
    slots = (axis.end_ns - axis.start_ns) // EPOCH_NS
    course = np.full(slots, np.nan)
    course[(at[inside] - axis.start_ns) // EPOCH_NS] = values[inside]
    high = float(np.nanpercentile(course, 99))
    low = 0.0 if unit in {"µV²", "per min"} else float(np.nanmin(course))
    high = max(high, low + 1e-6)
    middle = axis.start_ns + (np.arange(slots, dtype=np.int64) * EPOCH_NS) + EPOCH_NS // 2
    y = top + TRACE - np.clip((course - low) / (high - low), 0.0, 1.0) * TRACE
    digits = 0 if high >= 10 else 1
    return [
        line(LEFT, top + TRACE, RIGHT, top + TRACE, "rule"),
        text(LEFT - 8, top + TRACE / 2 - 3, label, anchor="end", class_="label"),
        text(LEFT - 8, top + TRACE / 2 + 10, unit, anchor="end", class_="unit"),
        tag("path", d=broken_path(axis.x(middle), y), class_="trace", data_trace=label),
        text(LEFT - 8, top + TRACE / 2 + 23, f"{low:.{digits}f} … {high:.{digits}f}", anchor="end", class_="unit"),
    ]


def wave_rate(at: Int64, epochs: pl.DataFrame, waves: pl.DataFrame) -> Floats:
    """Slow waves per minute around each epoch, over 5 min of which at least half held EEG; NaN elsewhere."""
    if not len(at):
        return np.empty(0)
    slot = (at - at[0]) // EPOCH_NS
    n = int(slot[-1]) + 1
    seen, count = np.zeros(n), np.zeros(n)
    seen[slot] = np.isfinite(floats(epochs, "swa_uv2"))
    begun = (instants(waves, "onset_utc") - at[0]) // EPOCH_NS
    np.add.at(count, begun[(begun >= 0) & (begun < n)], 1.0)
    # What lies in an epoch whose EEG is not counted, is not counted either.
    minutes, inside = _around(seen) / 2.0, _around(np.where(seen > 0.0, count, 0.0))
    rate = inside / np.maximum(minutes, 0.5)
    return np.asarray(np.where(minutes >= 2.5, rate, np.nan)[slot], np.float64)


def _around(values: Floats) -> Floats:
    """Sums over the ten epochs (5 min) from five before to four after each, as far as there are any."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    at = np.arange(len(values))
    return np.asarray(total[np.minimum(at + 5, len(values))] - total[np.maximum(at - 5, 0)], np.float64)


def _borders(night: Mapping[str, Any], axis: ClockAxis, bottom: float) -> list[Markup]:
    """The sleep window as a band behind the panels, where it lies inside the drawn stretch."""
    start, end = border_ns(night, "window_start_utc"), border_ns(night, "window_end_utc")
    if start is None or end is None:
        return []
    left, right = axis.one(start), axis.one(end)
    return [
        tag(
            "rect",
            x=left,
            y=GAP - 4,
            width=right - left,
            height=bottom - GAP + 4,
            class_="window",
            data_hours=number((end - start) / 3.6e12),
        )
    ]


def nights_with_eeg(nights: list[dict[str, Any]], epochs: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of the nights in which at least one epoch was scored or has slow-wave activity."""
    at = instants(epochs)
    seen = np.sort(at[np.isfinite(floats(epochs, "swa_uv2")) | _staged(epochs)]) if epochs.height else at
    count = [
        np.searchsorted(seen, border_ns(n, "end_utc") or 0) - np.searchsorted(seen, border_ns(n, "start_utc") or 0)
        for n in nights
    ]
    return [night for night, n in zip(nights, count, strict=True) if n > 0]
