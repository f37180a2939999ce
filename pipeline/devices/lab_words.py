"""The words of tables that labs keep by hand, and which of four such tables rows of text are: told by the header.

English, German and French; case, accents, blanks, numbering and what stands in brackets do not matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache

from pipeline.devices.saliva_units import column_of
from pipeline.devices.sheets import Row

MOST_ABOVE = 8
"""Rows above a header (titles, dates of printing) that are looked through."""
MOST_COLUMNS = 12
"""Logs that people keep are narrow; a wide table with an onset and a phase is a table of results."""

_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "œ": "oe"})


class LabKind(StrEnum):
    """Which table it is."""

    SALIVA = "saliva"
    DIARY = "diary"
    QUESTIONNAIRE = "questionnaire"
    EVENTS = "events"


@lru_cache(maxsize=4096)
def plain(title: str) -> str:
    """A title as the lists below hold it: `1. Licht aus (Uhrzeit)` is `licht_aus`."""
    text = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", title.casefold()).translate(_FOLDED)
    text = re.sub(r"^\s*\d{1,2}[a-z]?[.):]\s+", "", text)
    text = "".join(ch for ch in unicodedata.normalize("NFKD", text) if not unicodedata.combining(ch))
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PERSON = _words(
    "participant participant_id participantid subject subject_id subjectid patient patient_id person person_id proband"
    " probanden_id teilnehmer teilnehmer_id versuchsperson vp vpn vp_code vp_nr sujet record_id s_id pid id code"
)
"""Columns that say whose a row is; the first that a header holds is meant."""

# Sleep diaries.
BED = _words(
    "bed_time bedtime time_to_bed in_bed in_bed_time into_bed got_into_bed went_to_bed time_into_bed bed_selfreport"
    " what_time_did_you_get_into_bed bett bettzeit ins_bett zu_bett im_bett zu_bett_gegangen ins_bett_gegangen"
    " major_rest_period_start zubettgehzeit bettgehzeit coucher heure_coucher heure_du_coucher heure_de_coucher au_lit"
)
LIGHTS_OFF = _words(
    "lights_off lights_out light_off light_out lightsoff lightsout try_to_sleep tried_to_sleep time_tried_to_sleep"
    " what_time_did_you_try_to_go_to_sleep licht_aus lichtaus licht_geloescht extinction extinction_des_feux"
    " extinction_lumiere lumiere_eteinte"
)
ONSET = _words(
    "sleep_onset sleep_onset_time sleep_onset_selfreport sleep_start fell_asleep asleep einschlafzeit eingeschlafen"
    " schlafbeginn endormissement heure_endormissement heure_d_endormissement"
)
WAKE = _words(
    "wake_time waketime wake_up wakeup wake_up_time wakeup_time woke_up final_awakening time_of_final_awakening"
    " what_time_was_your_final_awakening sleep_end wake_onset wake_onset_selfreport aufwachzeit aufgewacht erwacht"
    " reveil heure_reveil heure_de_reveil heure_du_reveil reveil_final"
)
OUT = _words(
    "out_of_bed out_bed out_of_bed_time time_out_of_bed get_up got_up get_up_time getup rise_time risetime rising_time"
    " what_time_did_you_get_out_of_bed_for_the_day major_rest_period_end"
    " aufgestanden aufstehzeit aufstehen lever heure_lever heure_de_lever"
    " heure_du_lever"
)
EVENING_DATE = _words(
    "night_of date_of_night night_date evening_date date_evening bed_date bedtime_date nacht_vom datum_abend"
    " abend_datum nuit_du date_du_soir date_du_coucher"
)
MORNING_DATE = _words(
    "today_s_date todays_date morning_date date_morning wake_date date_of_waking date_of_awakening datum_morgen"
    " datum_heute heutiges_datum aufwachdatum date_du_matin date_du_reveil date_d_aujourd_hui"
)
PLAIN_DATE = _words("date datum diary_date")
NUMBERED = _words("night night_no night_number nacht nuit day day_no day_number tag jour")
DIARY_ANSWERS = {
    "sleep_latency_min": _words(
        "sol sol_min sleep_onset_latency sleep_latency sleep_latency_min latency latency_min minutes_to_fall_asleep"
        " how_long_did_it_take_you_to_fall_asleep einschlafdauer einschlaflatenz latence latence_d_endormissement"
    ),
    "awakenings_n": _words(
        "awakenings number_of_awakenings n_awakenings naw aufwachhaeufigkeit anzahl_aufwachen reveils nombre_de_reveils"
        " how_many_times_did_you_wake_up_not_counting_your_final_awakening"
    ),
    "waso_min": _words(
        "waso waso_min wake_after_sleep_onset in_total_how_long_did_these_awakenings_last wachzeit_nachts"
    ),
    "sleep_quality": _words(
        "quality sleep_quality how_would_you_rate_the_quality_of_your_sleep schlafqualitaet qualite qualite_du_sommeil"
    ),
}
NAP_START = _words("nap_start nap_begin nap_from mittagsschlaf_von nickerchen_von sieste_debut sieste_de")
NAP_END = _words("nap_end nap_stop nap_to mittagsschlaf_bis nickerchen_bis sieste_fin sieste_a")
_MACHINE = frozenset(
    _words("rem rem_min deep deep_sleep light_sleep hrv rmssd average_hrv average_hr heart_rate resting_heart_rate")
)
"""What a person writes into no diary: a device's own summary is another format."""
REST_TYPES = {"night": "rest", "sleep": "rest", "nap": "nap", "nowear": "not worn", "nonwear": "not worn"}
"""What TYPE can say in a diary of TYPE, START, END."""

# Event logs.
STARTS = _words(
    "onset onset_s start start_time begin time timestamp time_stamp datetime date_time start_datetime beginn uhrzeit"
    " zeit zeitpunkt debut heure"
)
ENDS = _words("end end_time stop end_datetime ende fin heure_fin")
LABELS = _words(
    "trial_type event event_type event_name label phase task marker description medication ereignis aufgabe"
    " evenement tache"
)
DURATIONS = _words("duration duration_s duration_sec duration_min dauer dauer_s dauer_min duree duree_s duree_min")
_STAGE_LIKE = re.compile(
    r"(?i)(sleep[ _-]*stage|stage|sleep-|nrem|rem\b|n[1-4]$|s[0-4]$|[wr]$|wake$|unscored|movement|arousal|apno?ea|hypop"
    r"|obstructive|central|desat|spindle|limb|leg mov|snor|lights?[ _-]?o|epoch|bad_)|[-+]?\d+([.,]\d*)?$"
)
"""Labels that scoring software writes: such a file is a hypnogram or its annotations, or codes that need a legend."""
_SCORING = frozenset(_words("stage sleep_stage stages stage_code epoch epochs channel channels position sample_number"))

# Questionnaires.
INSTRUMENTS = _words(
    "pss psqi stai stait stais staix panas mdbf isi ess bdi phq gad ads_l ads adsl cesd meq mctq sss kss tics dass"
    " madrs hads who5 pstr rmeq vas nasa_tlx tlx srs scl bisbas"
)
"""Names with which a column of a questionnaire begins."""
DAILY = frozenset(
    _words(
        "stress stressed mood fatigue soreness readiness energy anxiety tension pain alertness sleepiness wellbeing"
        " stimmung muedigkeit anspannung wohlbefinden humeur fatigue_matin anxiete"
    )
)
"""Items of daily self-reports; two of them beside a date or time make one."""
INSTRUMENT = _words("instrument questionnaire scale measure fragebogen questionnaire_name")
ITEM = _words("item question item_id question_id variable subscale frage")
VALUE = _words("value answer response score rating antwort wert reponse valeur")
WHEN = _words("date datum day timestamp time_stamp datetime date_time time completed completed_at assessment_date")

# Saliva.
SAMPLE = _words("sample samples sample_id sample_name occasion probe speichelprobe salivette saliva_id echantillon")
SAMPLE_NUMBER = _words("sampleno sample_no sample_nr sample_number probe_nr tube")
SAMPLE_TIME = _words(
    "time sample_time sampletime time_of_sample collection_time sampling_time clock clock_time timestamp datetime"
    " date_time time_stamp uhrzeit zeit zeitpunkt entnahmezeit heure"
)
ELAPSED = _words("time_min minutes min elapsed_min time_minutes minuten")
AFTER_WAKING = _words(
    "minutes_since_waking minutes_after_waking min_after_waking min_since_waking minutes_since_awakening"
    " minutes_after_awakening min_after_awakening min_since_awakening time_since_waking_min time_since_awakening_min"
    " time_after_waking_min time_after_awakening_min min_post_awakening minutes_post_awakening after_waking_min"
    " minuten_nach_erwachen minuten_nach_dem_aufwachen min_nach_erwachen minutes_apres_reveil"
)
AWAKENING = _words(
    "awakening awakening_time waking_time wake_time waketime wakeup wake_up wakeup_time wake_up_time time_of_awakening"
    " time_of_waking wakeup_self_report aufwachzeit erwachen reveil heure_de_reveil"
)
TIMED = SAMPLE + SAMPLE_NUMBER + SAMPLE_TIME + ELAPSED + AFTER_WAKING
"""What tells one sample from another."""
ANALYTE = _words("analyte biomarker hormone parameter analyt hormon")
CONCENTRATION = _words("value result concentration conc dv wert ergebnis konzentration valeur resultat")
UNIT = _words("unit units einheit unite")
FLAG = _words("flag flags qc quality_flag")
SERIES = _words("series session visit block night nacht day tag jour date datum condition phase protocol group")
NONMEM = frozenset({"id", "time", "dv"})


def place_of(names: Sequence[str], known: Iterable[str]) -> int | None:
    """Where the first known name stands in a header of plain names."""
    return next((names.index(word) for word in known if word in names), None)


def lab_table(rows: Sequence[Row]) -> tuple[LabKind, int] | None:
    """Which lab table rows of text are and the index of their header; None if they are none."""
    for index, row in enumerate(rows[:MOST_ABOVE]):
        names, below = tuple(map(plain, row)), rows[index + 1 :]
        for kind, fits in (
            (LabKind.SALIVA, _is_saliva(row, names)),
            (LabKind.DIARY, _is_diary(names, below)),
            (LabKind.QUESTIONNAIRE, not any(map(column_of, row)) and _is_questionnaire(names, below)),
            (LabKind.EVENTS, _is_event_log(names, below)),
        ):
            if fits:
                return kind, index
    return None


def _is_saliva(row: Row, names: tuple[str, ...]) -> bool:
    if set(names) >= NONMEM and {"evid", "amt", "cmt", "mdv"} & set(names):
        return True
    if place_of(names, ANALYTE) is not None and place_of(names, CONCENTRATION) is not None:
        return place_of(names, TIMED) is not None
    found = [column for column in map(column_of, row) if column is not None]
    if any(not column.occasion for column in found):
        return place_of(names, TIMED) is not None
    return len({column.occasion for column in found}) > 1 and place_of(names, PERSON + SERIES) is not None


def _is_diary(names: tuple[str, ...], below: Sequence[Row]) -> bool:
    if _MACHINE & set(names):
        return False
    if {"onset1", "wakeup1"} <= set(names) or {"onset_n1", "wakeup_n1"} <= set(names):
        return True
    if {"type", "start", "end"} <= set(names):
        types = {plain(row[names.index("type")]) for row in below if len(row) > names.index("type")}
        return bool(types) and types <= set(REST_TYPES)
    begins = place_of(names, BED + LIGHTS_OFF + ONSET)
    ends = place_of(names, WAKE + OUT)
    return begins is not None and ends is not None


def instrument_of(name: str) -> str | None:
    """The instrument whose column a plain name is: the longest with which it begins."""
    fits = [word for word in INSTRUMENTS if re.match(rf"{word}(?![a-z])", name)]
    return max(fits, key=len, default=None)


def _is_questionnaire(names: tuple[str, ...], below: Sequence[Row]) -> bool:
    if is_transposed(names, below):
        return True
    if place_of(names, ITEM) is not None and place_of(names, VALUE) is not None:
        return place_of(names, INSTRUMENT) is not None
    someone = place_of(names, PERSON + WHEN) is not None
    if someone and any(instrument_of(name) for name in names):
        return True
    return place_of(names, WHEN) is not None and len(DAILY & set(names)) > 1


def is_transposed(names: tuple[str, ...], below: Sequence[Row]) -> bool:
    """Whether people stand in columns and questions in rows: ids above, then the instrument's name on every column."""
    if names[:1] != ("",) or not below or plain(below[0][0]) not in {"question", "item", "frage"}:
        return False
    named = [plain(cell) for cell in below[0][1:] if cell]
    return bool(named) and all(any(name.startswith(word) for word in INSTRUMENTS) for name in named)


def _is_event_log(names: tuple[str, ...], below: Sequence[Row]) -> bool:
    if _SCORING & set(names) or not below:
        return False
    if is_paired(below[0]):
        return True
    label = place_of(names, LABELS)
    if len(names) > MOST_COLUMNS or label is None or place_of(names, STARTS) is None:
        return False
    labels = [row[label] for row in below if len(row) > label and row[label]]
    return bool(labels) and not any(_STAGE_LIKE.match(text) for text in labels)


def is_paired(row: Row) -> bool:
    """Whether a second header row parts the events above it into start and end."""
    words = [plain(cell) for cell in row if cell]
    pairs = len(words) // 2
    return pairs > 1 and words == ["start", "end"] * pairs
