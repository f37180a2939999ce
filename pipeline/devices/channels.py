"""What a channel is, told from its label, its transducer and its unit; and which EEG channel is read unasked.

Labels follow the EDF+ standard texts ('EEG Fpz-Cz', https://www.edfplus.info/specs/edftexts.html) or are bare
derivations of the 10-20/10-10 system ('C3-A2', 'AF7'). A label that could be two things is no kind at all.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Sequence

from pipeline.recording import Kind

_SITE = r"(?:fp|af|f|ft|fc|c|t|tp|cp|p|po|o|i)(?:z|10|[1-9])"
_REFERENCE = r"(?:[am][12]|[am]1[am]2|le|lm|ref|avg|ave|av|car|cle)"
_DERIVATION = re.compile(rf"({_SITE})(?:[\s\-/:_]*(?:({_SITE})|{_REFERENCE}))?")

_WORDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.EOG, re.compile(r"[hvlr]?eog.*|loc|roc")),
    (Kind.EMG, re.compile(r"emg.*|chin.*")),
    (Kind.ECG, re.compile(r"(?:ecg|ekg).*")),
    (Kind.EDA, re.compile(r"eda|gsr")),
    (Kind.TEMP, re.compile(r"temp|temperature")),
    (Kind.ACC, re.compile(r"acc[xyz]?|accel|accelerometer")),
    (Kind.BVP, re.compile(r"bvp|ppg|pleth")),
    (Kind.HR, re.compile(r"hr|heartrate")),
)
_EOG_PAIR = re.compile(r"e[12][\s\-/:_]*(?:[am][12]|fpz|ref)")  # bare E1 and E2 are also sites of dense EEG nets

EEG_ORDER = ("fz", "f4", "f3", "c4", "c3", "cz", "af8", "af7", "fpz", "fp2", "fp1", "f8", "f7")
"""Sites in the order in which one is preferred: slow waves are largest frontally (Massimini et al. 2004,
doi:10.1523/JNEUROSCI.1318-04.2004), and of two sides the AASM manual recommends the right and keeps the left as
backup (F4-M1, C4-M1; F3-M2, C3-M2: Berry et al., AASM Manual for the Scoring of Sleep, version 2.6)."""

Scale = tuple[float, float]
"""Factor and offset: canonical = factor · value + offset."""

_VOLTS: dict[str, Scale] = {
    # Lower case throughout: 'MV' is a millivolt in capitals, never a megavolt.
    **dict.fromkeys(("v", "volt", "volts"), (1e6, 0.0)),
    **dict.fromkeys(("mv", "millivolt", "millivolts", "mvolt"), (1e3, 0.0)),
    **dict.fromkeys(("uv", "microv", "microvolt", "microvolts", "uvolt"), (1.0, 0.0)),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), (1e-3, 0.0)),
}
_UNITS: dict[Kind, dict[str, Scale]] = {
    Kind.EEG: _VOLTS,
    Kind.EOG: _VOLTS,
    Kind.EMG: _VOLTS,
    Kind.ECG: _VOLTS,
    Kind.EDA: {"us": (1.0, 0.0), "microsiemens": (1.0, 0.0), "ms": (1e3, 0.0), "s": (1e6, 0.0), "ns": (1e-3, 0.0)},
    Kind.TEMP: {
        **dict.fromkeys(("c", "°c", "degc", "degreec", "celsius"), (1.0, 0.0)),
        **dict.fromkeys(("f", "°f", "degf", "fahrenheit"), (5 / 9, -160 / 9)),
        **dict.fromkeys(("k", "kelvin"), (1.0, -273.15)),
    },
    Kind.ACC: {
        "g": (1.0, 0.0),
        "mg": (1e-3, 0.0),
        **dict.fromkeys(("m/s2", "m/s^2"), (1 / 9.80665, 0.0)),  # standard gravity
    },
    Kind.HR: dict.fromkeys(("bpm", "1/min", "/min", "beats/min"), (1.0, 0.0)),
}


def kind_of(label: str, transducer: str = "") -> Kind | None:
    """The kind of a channel; None where neither label nor transducer tells it beyond doubt.

    'EEG ECG1' is an ECG (some amplifiers put 'EEG' before every label); 'ECG HR' is two things, hence None.
    """
    text = label.strip().casefold()
    if _EOG_PAIR.fullmatch(text):
        return Kind.EOG
    for words in (_words(text), _words(transducer.casefold())):
        kinds = {kind for kind, pattern in _WORDS for word in words if pattern.fullmatch(word)}
        if kinds:
            return kinds.pop() if len(kinds) == 1 else None
        if "eeg" in words or (words == _words(text) and _derivation(text) is not None):
            return Kind.EEG
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


def _derivation(label: str) -> tuple[str, bool] | None:
    """The first site of an EEG label and whether its partner is a site too (bipolar); None for other labels."""
    bare = re.sub(r"^eeg[\s\-:_]*", "", label.strip().casefold())
    found = _DERIVATION.fullmatch(bare)
    return (found[1], found[2] is not None) if found else None


def eeg_preference(label: str) -> tuple[int, int]:
    """The rank of an EEG label, lowest first, when no channel was asked for.

    Fpz-Cz; then the sites of `EEG_ORDER` against an ear, a mastoid or a common reference; then the same sites
    against another site (a short bipolar pair sees less of a slow wave); then any other site; then labels that
    name no site.
    """
    if re.search(r"fpz[\s\-/:_]*cz$", label.strip().casefold()):
        return 0, 0
    found = _derivation(label)
    if found is None:
        return 4, 0
    site, bipolar = found
    if site not in EEG_ORDER:
        return 3, int(bipolar)
    return 1 + bipolar, EEG_ORDER.index(site)


def place_of(asked: str, labels: Sequence[str]) -> int | None:
    """The position of a label that was asked for: written alike, else alike but for case, blanks and 'EEG '."""
    for shape in (str.strip, _loose):
        wanted = shape(asked)
        for place, label in enumerate(labels):
            if shape(label) == wanted:
                return place
    return None


EVERY = "*"
"""Asked for instead of a label: every EEG channel there is."""


def wanted_labels(asked: tuple[str, ...], eeg: Sequence[str]) -> tuple[str, ...]:
    """The labels that were asked for; for '*' those of all EEG channels, the preferred one first."""
    if EVERY not in asked:
        return asked
    rest = tuple(sorted(eeg, key=eeg_preference))
    return tuple(dict.fromkeys(label for wanted in asked for label in (rest if wanted == EVERY else (wanted,))))


def _loose(label: str) -> str:
    return re.sub(r"^eeg\b|\s", "", label.strip().casefold())


def unit_scale(kind: Kind, unit: str) -> Scale | None:
    """Factor and offset from `unit` to the canonical unit of `kind`; None for a unit that is not known.

    Micro may be µ (U+00B5), μ (U+03BC), either of them as UTF-8 read as Latin-1, the DOS æ, or u. The blood volume
    pulse has no unit: any will do.
    """
    if kind is Kind.BVP:
        return 1.0, 0.0
    with contextlib.suppress(UnicodeError):  # not UTF-8 in disguise, then
        unit = unit.encode("latin-1").decode("utf-8")
    plain = unicodedata.normalize("NFKC", unit).casefold().replace("μ", "u").replace("æ", "u")
    return _UNITS.get(kind, {}).get(re.sub(r"\s", "", plain))


def known_units(kind: Kind) -> str:
    """The spellings that `unit_scale` knows for `kind`, for a message."""
    return "V, mV, uV (µV), nV" if _UNITS.get(kind) is _VOLTS else ", ".join(_UNITS.get(kind, {}))
