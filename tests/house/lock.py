"""Write the lock files again from pyproject.toml (`make lock`), with the package index the machine is set up with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPILE = (
    sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11",
    "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--upgrade", "--group", "build",
    "--extra", "all",
)  # fmt: skip

if __name__ == "__main__":
    # Neither file names an index: what is written are versions and hashes only.
    subprocess.run([*COMPILE, "-o", "requirements.lock"], cwd=ROOT, check=True)
    # The tests compare the staging with YASA's own; a user reads YASA's model only if they ask for it.
    dev = [*COMPILE, "--extra", "staging", "--group", "dev", "-c", "requirements.lock", "-o", "requirements-dev.lock"]
    subprocess.run(dev, cwd=ROOT, check=True)
