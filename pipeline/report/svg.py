"""Escaped SVG and HTML elements as text: nothing enters a page unescaped, whatever a device or a file is called."""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Markup(str):
    """Text that is already escaped; templates insert it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """The text itself: the mark by which a template knows that it is escaped."""
        return self


def number(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def tag(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """One element. `stroke_width` becomes `stroke-width`, `class_` becomes `class`; attributes of None are left out.

    Children that are `Markup` are taken as they are, any other text is escaped; so is every attribute.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="'
        f'{html.escape(value) if isinstance(value, str) else number(float(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(child if isinstance(child, Markup) else html.escape(child) for child in children)
    return Markup(f"<{name}{words}>{inner}</{name}>" if inner else f"<{name}{words}/>")


def figure(width: float, height: float, title: str, *children: str, class_: str = "figure") -> Markup:
    """A whole SVG with its text alternative."""
    return tag(
        "svg",
        tag("title", title),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=title,
        class_=class_,
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", class_: str | None = None) -> Markup:
    """A line of text at its baseline."""
    return tag("text", words, x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def broken_path(x: Floats, y: Floats) -> str:
    """Path data through the points of two (n,) arrays; a NaN in y ends the line, the next number begins a new one.

    A point without neighbours becomes a dot of no length, which a round line cap shows.
    """
    known = np.isfinite(y)
    words: list[str] = []
    for first, last in runs(known):
        points = [f"{number(a)},{number(b)}" for a, b in zip(x[first:last], y[first:last], strict=True)]
        words.append("M" + "L".join(points) + ("h0" if len(points) == 1 else ""))
    return "".join(words)


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and past-the-last index of every run of True, shape (n, 2)."""
    steps = np.diff(np.concatenate(([0], np.asarray(mask, np.int8), [0])))
    return np.flatnonzero(steps).reshape(-1, 2).astype(np.int64)


def hatch(name: str, colour: str = "#777") -> Markup:
    """A pattern of diagonal lines, to be used as `fill="url(#name)"`."""
    stroke = tag("path", d="M-1,1l2,-2M0,6l6,-6M5,7l2,-2", stroke=colour, stroke_width=0.8)
    back = tag("rect", width=6, height=6, fill="#f3f3f3")
    pattern = tag("pattern", back, stroke, id=name, width=6, height=6, patternUnits="userSpaceOnUse")
    return tag("defs", pattern)
