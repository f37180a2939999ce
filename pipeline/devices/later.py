"""Polars, loaded when it is first used: loading it takes longer than reading most exports, and many hold no table."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
else:

    class _Later(ModuleType):
        """A module that becomes another when something in it is asked for."""

        def __getattr__(self, name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)  # what inspects modules needs no table
            loaded = importlib.import_module(self.__name__)
            self.__dict__.update(vars(loaded))  # from now on names are found without this method
            return getattr(loaded, name)

    pl = _Later("polars")

__all__ = ["pl"]
