"""A small export of `mne_eeg`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import mne
import numpy as np

from handmade.sample import Sample
from pipeline.recording import Kind


def write_fif(folder: Path) -> Path:
    """A minute of one EEG at 64 Hz, 10 s of it marked bad."""
    raw = mne.io.RawArray(np.full((1, 64 * 60), 2e-5), mne.create_info(["Fz"], 64, "eeg"), verbose="ERROR")
    raw.set_meas_date(datetime(2024, 3, 1, 21, tzinfo=UTC))
    raw.set_annotations(mne.Annotations([30.0], [10.0], ["BAD_off"], orig_time=raw.info["meas_date"]))
    path = folder / "night_raw.fif"
    raw.save(path, verbose="ERROR", overwrite=True)
    return path


SAMPLE = Sample(write_fif, (30.0, 40.0), frozenset({Kind.EEG}), moves_with_zone=False)
