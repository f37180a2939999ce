"""One small export of every reader, written by hand: contract tests and the fuzzer read them.

A new reader brings `tests/handmade/<reader name>.py` with a `SAMPLE`.
"""

from __future__ import annotations

import importlib
import pkgutil

from handmade.sample import Sample


def _found() -> dict[str, Sample]:
    names = [info.name for info in pkgutil.iter_modules(__path__) if info.name not in {"sample", "mutations"}]
    return {name: importlib.import_module(f"handmade.{name}").SAMPLE for name in names}


SAMPLES: dict[str, Sample] = _found()
