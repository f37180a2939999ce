"""`python -m pipeline.simulate`: the sample study from its fixed seed, or a night of EEG whose events are all known.

FOLDER alone writes the sample study into it again. With `--eeg NAME.edf` one night of EEG goes into FOLDER instead,
and what was planted into `NAME.truth.json` beside it; then `--hours`, `--fs`, `--channels`, `--snr` and `--seed` count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.simulate.eeg_export import write_night
from pipeline.simulate.sample import sample_study


def main(words: list[str]) -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.simulate", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--eeg", metavar="NAME.edf", help="write one night of EEG under this name, no study")
    parser.add_argument("--hours", type=float, default=8.0, help="in bed")
    parser.add_argument("--fs", type=float, default=100.0, help="sampling rate in Hz, 64 to 512")
    parser.add_argument("--channels", default="EEG C3-M2", help="labels, separated by commas")
    parser.add_argument("--snr", type=float, default=None, help="troughs over background in dB (default: as in people)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed writes the same bytes")
    asked = parser.parse_args(words)
    if asked.eeg is None:
        sample_study(asked.folder)
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    labels = tuple(label.strip() for label in asked.channels.split(","))
    try:
        made = write_night(
            asked.folder / asked.eeg,
            hours=asked.hours,
            fs_hz=asked.fs,
            labels=labels,
            snr_db=asked.snr,
            seed=asked.seed,
        )
    except ValueError as fault:
        parser.error(str(fault))
    sys.stdout.write("".join(f"{path}\n" for path in made))


if __name__ == "__main__":
    main(sys.argv[1:])
