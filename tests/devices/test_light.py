"""Reading an export loads the libraries that its format needs, and no others: a small file is read in a fraction of the
time that they take to load."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from handmade import SAMPLES

HEAVY = {"fastavro", "fitdecode", "h5py", "mne", "pandas", "polars", "python_calamine", "scipy", "wfdb"}
NEEDED: dict[str, set[str]] = {
    "actigraph_agd": set(),
    "actigraph_csv": {"polars"},
    "actigraph_gt3x": set(),
    "apple_health": set(),
    "axivity_cwa": set(),
    "dreem_h5": {"h5py"},
    "edf": set(),
    "embraceplus_avro": {"fastavro"},
    "garmin_fit": {"fitdecode"},
    "ishne_ecg": set(),
    "matrix_bin": set(),
    "oura": set(),
    "philips_health_band": {"polars", "python_calamine"},
    "wfdb_record": set(),
    "zmax": set(),
}
_READ = """
import pickle, sys
from pathlib import Path
from pipeline.devices import read_export
_, recording = read_export(Path(sys.argv[1]), pickle.loads(bytes.fromhex(sys.argv[2])))
for stream in recording.streams:
    for piece in stream.pieces():
        pass
print(*sys.modules)
"""


def loaded_by(code: str, *words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=True, text=True)
    return HEAVY & set(done.stdout.split())


def test_the_door_itself_loads_no_library_of_a_format() -> None:
    assert loaded_by("import sys, pipeline.devices; print(*sys.modules)") == set()


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_reader_loads_what_its_format_needs(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    assert loaded_by(_READ, str(sample.write(tmp_path)), pickle.dumps(sample.asked).hex()) == NEEDED[name]
