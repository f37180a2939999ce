"""What stage words mean, and what bare numbers mean in the dialect that a sidecar names.

Words are understood as they stand: 'W', 'N2', 'S3', 'Sleep stage R', 'Wach', 'Éveil'. A number alone is not: 4 is REM
to one program, N1 to another and stage 4 to a third, so its dialect is asked for and never guessed. Rechtschaffen and
Kales's stages 3 and 4 are both N3 (AASM manual). Movement time, artefact and 'not scored' are not wake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Stage

_W, _R, _M, _U = Stage.WAKE, Stage.REM, Stage.MOVEMENT, Stage.UNSCORED
_N1, _N2, _N3 = Stage.N1, Stage.N2, Stage.N3

WORDS: dict[str, Stage] = {
    **dict.fromkeys(("w", "wk", "wake", "awake", "wach", "éveil", "eveil", "veille", "veglia", "s0"), _W),
    **dict.fromkeys(("n1", "s1", "nrem1", "nrem 1", "nrem-1"), _N1),
    **dict.fromkeys(("n2", "s2", "nrem2", "nrem 2", "nrem-2"), _N2),
    **dict.fromkeys(("n3", "s3", "nrem3", "nrem 3", "nrem-3", "n4", "s4", "nrem4", "nrem 4", "nrem-4", "deep"), _N3),
    **dict.fromkeys(("r", "rem", "rapide", "sp", "paradoxal"), _R),
    **dict.fromkeys(("?", "u", "uns", "unscored", "unknown", "undefined", "not scored", "notscored", "unstaged"), _U),
    **dict.fromkeys(("nicht bewertet", "undefiniert", "non scoré", "indéterminé"), _U),
    **dict.fromkeys(("art", "artefact", "artifact", "artefakt", "artéfact"), _U),
    **dict.fromkeys(("m", "mt", "mvt", "movement", "movement time", "bewegung", "mouvement"), _M),
    "light": Stage.LIGHT,
    "sleep": Stage.ASLEEP,
}
"""Stage words in small letters: English, German, French, Italian; AASM and R&K."""
_BEHIND_STAGE: dict[str, Stage] = {"1": _N1, "2": _N2, "3": _N3, "4": _N3}
"""Digits say a stage only behind the word: 'Stage 2', 'Sleep stage 3'."""
_PHRASE = re.compile(
    r"(?P<sleep>sleep[\s_-]*)?(?P<stage>stage|stadium|stade|stadio)[\s:_-]*(?P<word>.+?)([\s_-]+sleep)?", re.IGNORECASE
)
_NUMBER = re.compile(r"[-+]?\d(\.0*)?(e[-+]?0+)?", re.IGNORECASE)
_ALONE = re.compile(r"(?:sleep[-_])?(?P<word>.+?)([\s_-]+sleep)?", re.IGNORECASE)


def stage_of(text: str) -> Stage | None:
    """The stage that a word or phrase says; None for a bare number and for anything that is no stage."""
    told = " ".join(text.split()).casefold()
    if told in WORDS:
        return WORDS[told]
    if phrase := _PHRASE.fullmatch(told):
        return WORDS.get(phrase["word"], _BEHIND_STAGE.get(phrase["word"]))
    alone = _ALONE.fullmatch(told)
    return WORDS.get(alone["word"]) if alone else None


def is_stage_phrase(text: str) -> bool:
    """Whether a text begins like 'Stage …' or 'Sleep stage …', whatever follows."""
    return _PHRASE.fullmatch(text.strip()) is not None


def is_sleep_stage_phrase(text: str) -> bool:
    """Whether a text begins 'Sleep stage …': the standard's way to say a stage, so that an unknown one is a fault."""
    phrase = _PHRASE.fullmatch(text.strip())
    return phrase is not None and phrase["sleep"] is not None


@dataclass(frozen=True, slots=True)
class Dialect:
    """Whose numbers: what each means, how long an epoch is where that is fixed, and where it is written down."""

    codes: dict[int, Stage]
    source: str
    epoch_s: float | None = None


_YASA = {0: _W, 1: _N1, 2: _N2, 3: _N3, 4: _R}
_PROFUSION = {0: _W, 1: _N1, 2: _N2, 3: _N3, 4: _N3, 5: _R}

DIALECTS: dict[str, Dialect] = {
    "deltamed": Dialect(
        {1: _W, 2: _R, 3: _N1, 4: _N2, 5: _N3},
        "Deltamed Coherence exports, as Wonambi lists them (attr/annotations.py)",
    ),
    "dod": Dialect(
        {-1: _U, **_YASA},
        "Dreem Open Datasets, scorers/*.json (README of Dreem-Organization/dreem-learning-evaluation)",
        30,
    ),
    "dreams": Dialect(
        {5: _W, 4: _R, 3: _N1, 2: _N2, 1: _N3, 0: _N3, -1: _M, -2: _U, -3: _U},
        "DREAMS databases, University of Mons (doi:10.5281/zenodo.2650142): a value every 5 s",
        5,
    ),
    "dynamo": Dialect(
        {5: _W, 4: _R, 3: _N1, 2: _N2, 1: _N3, 0: _U, 6: _U}, "DYNAM-O toolbox (preraulab/DYNAM-O): 6 artefact"
    ),
    "elan": Dialect(
        {**_PROFUSION, -1: _U, -2: _U}, "Elan .hyp (Aguera et al. 2011, doi:10.1155/2011/158970), as Visbrain writes it"
    ),
    "fasst": Dialect({**_PROFUSION, 6: _M, 7: _U}, "FASST toolbox (CRC.score)"),
    "physip": Dialect({0: _N3, 1: _N2, 2: _N1, 3: _R, 4: _W, 5: _U}, "Physip Aseega exports, as Wonambi lists them"),
    "prana": Dialect({0: _W, 1: _N1, 2: _N2, 3: _N3, 4: _N3, 5: _R}, "Prana exports, as Wonambi lists them"),
    "profusion": Dialect(
        {**_PROFUSION, 6: _M, 9: _U}, "Compumedics Profusion, also in NSRR files: 6 movement, 9 unscored"
    ),
    "sleepecg": Dialect({5: _W, 4: _R, 3: _N1, 2: _N2, 1: _N3, 0: _U}, "SleepECG SleepStage (cbrnr/sleepecg)"),
    "visbrain": Dialect({-1: _U, **_YASA}, "Visbrain hypnograms as .txt (Combrisson et al. 2017)"),
    "yasa": Dialect({-2: _U, -1: _U, **_YASA}, "YASA (raphaelvallat/yasa): -1 artefact, -2 unscored"),
}
"""Code tables by the name that a sidecar gives (`{"dialect": "yasa"}`)."""


def dialect_of(name: str | None, path: Path, numbers: Iterable[int]) -> Dialect:
    """The dialect that a sidecar names, for a file of bare numbers.

    Raises
    ------
    FileFault
        UNKNOWN_CODE if it names none, or one that is not known; with the list.
    """
    if name is not None and name.casefold() in DIALECTS:
        return DIALECTS[name.casefold()]
    shown = ", ".join(map(str, sorted(set(numbers))[:12]))
    tables = "; ".join(f"{key}: {_told(dialect.codes)}" for key, dialect in DIALECTS.items())
    raise FileFault(
        Fault.UNKNOWN_CODE,
        f"no dialect '{name}' is known" if name else f"its stages are bare numbers ({shown}) and may mean anything",
        where=path.name,
        known=tables,
        hint=did_you_mean(name, DIALECTS)
        if name
        else f'put {{"dialect": "yasa"}}, or whose numbers they are, into {path.name}.json beside it',
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a code: a whole number of one digit, perhaps written 2.0 or 2.0e+00 (as numpy does)."""
    return _NUMBER.fullmatch(cell) is not None


def told_stages(
    cells: Sequence[str], path: Path, dialect: str | None, legend: dict[int, Stage] | None = None
) -> tuple[NDArray[np.int8], Dialect | None]:
    """Stages (int8 of `Stage`) of cells that are words or codes, and the dialect that it took; empty is unscored.

    Codes are told by the file's own `legend` unless a dialect is named. Digits 1 to 4 among letters for waking and REM
    (`W 1 2 R`) can only be the depth of sleep and need neither.

    Raises
    ------
    FileFault
        UNKNOWN_CODE for words that are no stage, for codes without a dialect and for codes that it does not hold.
    """
    found = {cell: stage_of(cell) if cell else Stage.UNSCORED for cell in set(cells)}
    numbers = {cell: int(float(cell)) for cell in found if is_number(cell)}
    strange = sorted(cell for cell, stage in found.items() if stage is None and cell not in numbers)
    if strange:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"unknown sleep stages: {', '.join(repr(cell[:20]) for cell in strange[:8])}",
            where=path.name,
            known=f"stage words are {', '.join(word for word in WORDS if len(word) > 1)}",
            hint="write AASM or R&K stages, or the numbers of a known dialect",
        )
    named: Dialect | None = None
    lettered = {Stage.WAKE, Stage.REM} & {stage for stage in found.values() if stage is not None}
    if numbers and lettered and dialect is None and all(str(n) in _BEHIND_STAGE for n in numbers.values()):
        found |= {cell: _BEHIND_STAGE[str(n)] for cell, n in numbers.items()}
    elif numbers:
        named = dialect_of(dialect, path, numbers.values()) if dialect or not legend else Dialect(legend, "the file")
        codes = stages_of(np.array(list(numbers.values()), np.int64), named.codes, path)
        found |= {cell: Stage(code) for cell, code in zip(numbers, codes.tolist(), strict=True)}
    table = {cell: int(stage) for cell, stage in found.items() if stage is not None}
    return np.array([table[cell] for cell in cells], np.int8), named


def stages_of(numbers: NDArray[np.int64], codes: dict[int, Stage], path: Path) -> NDArray[np.int8]:
    """Stages (int8 of `Stage`) of numbers, shape kept.

    Raises
    ------
    FileFault
        UNKNOWN_CODE with the numbers that the table does not hold.
    """
    found = np.unique(numbers)
    strange = [str(code) for code in found.tolist() if code not in codes]
    if strange:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"unknown stage codes: {', '.join(strange[:12])}",
            where=path.name,
            known=f"the codes are {_told(codes)}",
            hint="is it the dialect of the program that wrote the file? Name another in the sidecar",
        )
    table = np.array([codes[code] for code in found.tolist()], np.int8)
    return table[np.searchsorted(found, numbers)]


def _told(codes: dict[int, Stage]) -> str:
    names = {Stage.UNSCORED: "unscored", Stage.MOVEMENT: "movement"}
    return ", ".join(f"{code} {names.get(stage, stage.symbol)}" for code, stage in sorted(codes.items()))
