"""Automatic stagers: each a file that defines `STAGER`, listed here; the contract is `stager.py`."""

from __future__ import annotations

from pipeline.signals.stagers import yasa_model
from pipeline.signals.stagers.stager import Stager

STAGERS: tuple[Stager, ...] = (yasa_model.STAGER,)
"""In order of preference: the first that is installed and does not refuse stages a recording."""
