"""Coverage-guided fuzzing of every reader (`make fuzz`): crashes, hangs and memory, counted.

Each reader has a process of its own, in which Atheris (libFuzzer) grows a corpus of exports from a handmade one and,
where they are at hand, from small real files, with the damage of `tests/handmade/mutations.py` beside its own. Readers
are called past the door that turns surprises into faults, so that an exception that is no fault of ours counts as a
crash. An export that is a folder is fuzzed as one text of its files.

    python benchmarks/fuzz/readers.py --executions 100000 --jobs 2
    python benchmarks/fuzz/readers.py --reader edf --executions 20000
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

LONGEST_S = 10
MOST_MB = 1024
LARGEST_SEED = 200_000
SEEDS_FROM_REAL = 24
OWN_SHARE = 0.3
"""Share of mutations that are libFuzzer's own."""
FRESH_SHARE = 0.3
"""Share of our mutations that begin at a whole export again: what grew in the corpus is mostly refused early."""
OTHERS_EVERY = 8
"""Every eighth export is shown to all other readers too; it takes longer than to read it."""


# ---------------------------------------------------------------- one export as one text of bytes


def packed(export: Path) -> bytes:
    """A file as it is; of several files (a folder, or a header with its companions) names and contents in a row."""
    folder = export if export.is_dir() else export.parent
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    if len(files) == 1 and not export.is_dir():
        return export.read_bytes()
    return _joined([(_name(file, folder), file.read_bytes()) for file in files])


def _joined(files: list[tuple[bytes, bytes]]) -> bytes:
    return b"MANY" + b"".join(struct.pack("<HI", len(n), len(c)) + n + c for n, c in files)


def _name(file: Path, folder: Path) -> bytes:
    return file.relative_to(folder).as_posix().encode()


def unpacked(data: bytes, folder: Path, whole: Path) -> Path:
    """Write what was packed below `folder`; the path of the export."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not data.startswith(b"MANY"):
        path = folder / whole.name
        path.write_bytes(data)
        return path
    inner = folder / whole.name if whole.is_dir() else folder
    inner.mkdir(exist_ok=True)
    for name, content in members(data):
        target = inner / Path(name.decode("utf-8", "replace").replace("\x00", "")).name
        with contextlib.suppress(OSError):  # a name that no file can have
            target.write_bytes(content)
    return inner if whole.is_dir() else folder / whole.name


def members(data: bytes) -> list[tuple[bytes, bytes]]:
    """The files of a packed export, as far as they can be told."""
    at, out = 4, []
    while at + 6 <= len(data) and len(out) < 32:
        name_n, content_n = struct.unpack_from("<HI", data, at)
        at += 6
        out.append((data[at : at + min(name_n, 100)], data[at + name_n : at + name_n + content_n]))
        at += name_n + content_n
    return out


# ---------------------------------------------------------------- one reader


class Harness:
    """One reader under fuzz: reads what the fuzzer makes, counts, and keeps what broke something."""

    def __init__(self, name: str, findings: Path, base: Path, executions: int) -> None:
        from handmade import SAMPLES

        from pipeline.devices import READERS

        self.name, self.findings, self.base, self.last = name, findings, base, executions
        self.reader = next(r for r in READERS if r.name == name)
        self.asked = SAMPLES[name].asked
        self.whole = SAMPLES[name].write(_made(self.base / "seed"))
        self.corpus = _made(self.base / "corpus")
        self.seeds = [packed(self.whole)]
        (self.corpus / "handmade").write_bytes(self.seeds[0])
        for number, content in enumerate(real_seeds(name, self.whole)):
            (self.corpus / f"real{number}").write_bytes(content)
            self.seeds.append(content)
        names = ("executions", "read", "refused", "crashes", "hangs", "memory", "slowest_s")
        self.counts: dict[str, float] = dict.fromkeys(names, 0)
        self.found: dict[str, str] = {}
        self.peak_mb = 0.0
        """The most that one read took beyond what the process held before it (libFuzzer holds its corpus)."""

    def once(self, data: bytes) -> None:
        """Read one export."""
        self.counts["executions"] += 1
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark begins anew
        before, started = _memory_mb("VmRSS"), time.monotonic()
        self._read(data)
        took = time.monotonic() - started
        self.counts["slowest_s"] = max(self.counts["slowest_s"], took)
        if took > LONGEST_S:
            self._note("hangs", f"{took:.0f} s", data)
        grown = _memory_mb("VmHWM") - before
        if grown > MOST_MB:
            self._note("memory", f"{grown:.0f} MB", data)
        self.peak_mb = max(self.peak_mb, grown)
        # libFuzzer leaves the process without a word to Python: the counts are written on the way.
        if self.counts["executions"] % 50 == 0 or self.counts["executions"] >= self.last - 2:
            self.save()

    def _read(self, data: bytes) -> None:
        import numpy as np

        from pipeline.devices import READERS, check_recording
        from pipeline.devices.reader import glimpse
        from pipeline.errors import Fault, FileFault

        path = unpacked(data, self.base / "one", self.whole)
        try:
            seen = glimpse(path)
            for other in READERS if self.counts["executions"] % OTHERS_EVERY == 1 else ():
                other.recognise(seen)
            if not self.reader.recognise(seen):
                self.counts["refused"] += 1
                return
            with np.errstate(over="ignore"):  # as the door does
                recording = self.reader.read(path, self.asked)
                check_recording(self.reader, recording, path)
                for stream in recording.streams:
                    for _ in stream.pieces():
                        pass
            self.counts["read"] += 1
        except FileFault as fault:
            self.counts["refused"] += 1
            if fault.fault is Fault.INTERNAL:
                self._note("crashes", traceback.format_exc(), data)
        except BaseException as bad:  # a panic in Rust is no Exception
            if isinstance(bad, KeyboardInterrupt | SystemExit):
                raise
            self._note("crashes", traceback.format_exc(), data)

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Another export, by our damage; now and then by libFuzzer's own."""
        import atheris
        import numpy as np
        from handmade.mutations import mutated, sealed

        rng = np.random.default_rng(seed)
        if rng.random() < OWN_SHARE:
            return sealed(bytes(atheris.Mutate(data, most)))
        if rng.random() < FRESH_SHARE:
            data = self.seeds[int(rng.integers(0, len(self.seeds)))]
        files = members(data) if data.startswith(b"MANY") else []
        if not files:
            return mutated(rng, data)[:most]
        k = int(rng.integers(0, len(files)))
        files[k] = (files[k][0], mutated(rng, files[k][1]))
        return _joined(files)[:most]

    def save(self) -> None:
        """Write counts and findings."""
        row = {**self.counts, "peak_mb": self.peak_mb, "found": self.found}
        (self.findings / f"{self.name}.json").write_text(json.dumps(row))

    def _note(self, what: str, text: str, data: bytes) -> None:
        """Count a finding, and keep the first input of each kind."""
        self.counts[what] += 1
        where = [line for line in text.splitlines() if "pipeline/" in line or not line.startswith(" ")]
        key = f"{what} {hashlib.sha256(''.join(where[-3:]).encode()).hexdigest()[:10]}"
        if key not in self.found:
            self.found[key] = text[-2000:]
            (self.findings / f"{self.name}-{key.replace(' ', '-')}.bin").write_bytes(data)


def fuzz_one(name: str, executions: int, seed: int, findings: Path, base: Path) -> None:
    """Fuzz one reader in this process, its files below `base`; writes counts and findings as JSON."""
    import atheris

    with atheris.instrument_imports(include=["pipeline.devices"], enable_loader_override=False):
        import pipeline.devices  # noqa: F401
    harness = Harness(name, findings, base, executions)
    arguments = [sys.argv[0], str(harness.corpus), f"-runs={executions}", f"-seed={seed}"]
    largest = max(seed.stat().st_size for seed in harness.corpus.iterdir())
    arguments += [
        f"-max_len={2 * largest}",
        "-timeout=60",
        "-rss_limit_mb=4096",
        "-len_control=0",
        "-mutate_depth=1",
    ]
    warnings.simplefilter("error")  # as in the tests: a warning in the log of a study is a crash here
    atheris.Setup(arguments, harness.once, custom_mutator=harness.mutate)
    atheris.Fuzz()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _memory_mb(what: str) -> float:
    """Resident memory (VmRSS) or its high-water mark (VmHWM), as Linux tells it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def real_seeds(name: str, whole: Path) -> list[bytes]:
    """Small real files of the reader, or the beginnings of larger ones; none where there are none."""
    folder = Path(os.environ.get("SLEEPLOOP_REAL_DATA", ROOT.parent / "shared" / "data"))
    if whole.is_dir() or not folder.is_dir():
        return []
    import csv

    out = []
    for table in sorted((ROOT / "tests" / "devices" / "real_files").glob("*.csv")):
        with table.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row["reader"] != name or len(out) >= SEEDS_FROM_REAL:
                    continue
                for path in sorted(folder.glob(row["path"]))[:2] if "*" in row["path"] else [folder / row["path"]]:
                    if path.is_file():
                        with path.open("rb") as stream_of_bytes:
                            out.append(stream_of_bytes.read(LARGEST_SEED))
    return out


# ---------------------------------------------------------------- all of them


def main() -> int:
    """Fuzz every reader, print the table; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=100_000, help="over all readers together")
    parser.add_argument("--reader", action="append", help="only this one (repeatable)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "fuzz-findings", help="where what broke something is kept")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        fuzz_one(told.one, told.executions, told.seed, told.out, told.base)
        return 0
    from pipeline.devices import READERS

    names = told.reader or [reader.name for reader in READERS]
    share = -(-told.executions // len(names))
    told.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(told.jobs) as pool:
        rows = list(pool.map(lambda name: _in_a_process(name, share, told.seed, told.out), names))
    bad = show(rows)
    total = int(sum(row["executions"] for row in rows))
    print(f"{total:,} executions over {len(rows)} readers in {time.monotonic() - started:.0f} s; {bad} findings")
    for row in rows:
        for key, text in row["found"].items():
            print(f"\n{row['name']}: {key}\n{text}")
    return int(bad > 0)


def show(rows: list[dict[str, Any]]) -> int:
    """Print the table; the number of findings."""
    heads = ("executions", "read", "refused", "crashes", "hangs", "memory")
    print(f"{'reader':<20}" + "".join(f"{head:>11}" for head in heads) + f"{'slowest':>11}{'peak':>11}")
    for row in rows:
        cells = "".join(f"{row[head]:>11,.0f}" for head in heads)
        print(f"{row['name']:<20}{cells}{row['slowest_s']:>9.2f} s{row['peak_mb']:>8.0f} MB")
    return int(sum(row["crashes"] + row["hangs"] + row["memory"] + row["ended_early"] for row in rows))


def _in_a_process(name: str, executions: int, seed: int, out: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", name, "--executions", str(executions), "--seed", str(seed)]
    path = out / f"{name}.json"
    path.unlink(missing_ok=True)
    memory = Path("/dev") / "shm"
    with tempfile.TemporaryDirectory(
        prefix=f"fuzz-{name}-", dir=memory if os.access(memory, os.W_OK) else None
    ) as base:
        command += ["--out", str(out), "--base", base]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=out)
    names = ("executions", "read", "refused", "crashes", "hangs", "memory", "slowest_s", "peak_mb")
    row = json.loads(path.read_text()) if path.exists() else {**dict.fromkeys(names, 0), "found": {}}
    # libFuzzer itself ends a process for a hang of a minute, 4 GB, or a crash in C.
    early = done.returncode != 0
    if early:
        row["found"]["ended early"] = (done.stderr or "")[-1500:]
    return {"name": name, "ended_early": int(early), **row}


if __name__ == "__main__":
    sys.exit(main())
