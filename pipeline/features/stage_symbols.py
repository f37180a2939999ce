"""Stages as tables hold them: letters in an enum, null where nothing was scored."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.stage_grid import STAGE_CODE
from pipeline.recording import Floats

STAGE = Column(
    "stage", pl.Enum(list(STAGE_CODE)), "",
    "sleep stage in which it began, as far as it was known when the recording was looked at", "sleeploop",
    null_when="the epoch was not scored and no model staged it",
)  # fmt: skip
_SYMBOL_OF = {code: symbol for symbol, code in STAGE_CODE.items()}


def symbols_of(codes: Floats) -> list[str | None]:
    """The letters of `Stage` codes; None for NaN and unscored."""
    return [_SYMBOL_OF.get(code) for code in codes.tolist()]


def codes_of(symbols: pl.Series) -> Floats:
    """`Stage` codes of the letters, shape (n,); NaN where they are null."""
    codes = symbols.cast(pl.String).replace_strict(STAGE_CODE, return_dtype=pl.Float64)
    return np.asarray(codes.to_numpy(), np.float64)
