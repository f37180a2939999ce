"""`python -m pipeline.simulate FOLDER`: write the sample study into a folder again, from its fixed seed."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.simulate.sample import sample_study

if __name__ == "__main__":
    sample_study(Path(sys.argv[1]))
