"""Power by time and frequency as an image inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from pipeline.report.svg import Floats

ANCHORS = (
    (68, 1, 84), (72, 26, 108), (71, 47, 125), (65, 68, 135), (57, 86, 140), (49, 104, 142), (42, 120, 142),
    (35, 136, 142), (31, 152, 139), (34, 168, 132), (53, 183, 121), (84, 197, 104), (122, 209, 81), (165, 219, 54),
    (210, 226, 27), (253, 231, 37),
)  # fmt: skip
"""The viridis map (van der Walt & Smith, CC0) at 16 equal steps; colours between are interpolated."""
MISSING_GREY = 225
"""Grey of a stretch without power: a colour that the map does not hold."""
LIMITS_PCT = (5.0, 95.0)


def decibel_limits(power: Floats) -> tuple[float, float] | None:
    """The 5th and 95th percentile in dB (re 1 µV²/Hz) of power (n, bins); None without a positive value."""
    known = power[np.isfinite(power) & (power > 0)]
    if not known.size:
        return None
    low, high = np.percentile(10 * np.log10(known), LIMITS_PCT)
    return float(low), float(max(high, low + 1.0))


def coloured(share: Floats) -> NDArray[np.uint8]:
    """RGB of shares 0 … 1 of the map, shape (…, 3); NaN is grey."""
    anchors = np.asarray(ANCHORS, np.float64)
    at = np.clip(np.nan_to_num(share), 0.0, 1.0) * (len(anchors) - 1)
    low = np.minimum(at.astype(np.int64), len(anchors) - 2)
    rgb = anchors[low] + (at - low)[..., None] * (anchors[low + 1] - anchors[low])
    rgb[np.isnan(share)] = MISSING_GREY
    return np.asarray(rgb.round(), np.uint8)


def image_uri(power: Floats, limits: tuple[float, float]) -> str:
    """Power (epochs, bins) in µV²/Hz as a WebP data URI: time to the right, frequency upwards, one pixel a value."""
    from PIL import Image

    low, high = limits
    with np.errstate(divide="ignore", invalid="ignore"):
        decibel = np.where(power > 0, 10 * np.log10(power), np.nan)
    rgb = coloured((decibel.T[::-1] - low) / (high - low))
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb), "RGB").save(stream, "WEBP", quality=85, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
