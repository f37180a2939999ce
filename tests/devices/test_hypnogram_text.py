"""Hypnograms as lines: legends, headers of programs, numbers of numpy, damage; and real files against each other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import to_datetime
from pipeline.devices.hypnogram_text import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording, Stage, StageSource

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
LEGEND = "# 0: Wake, 1: N1, 2: N2, 3: N3, 4: REM\n"
PER_30 = "# 1 value per 30 seconds of data (1 / 30 Hz)\n"


def asked(**more: object) -> Asked:
    return Asked(**({"zone": "Europe/Rome", "start": START} | more))  # type: ignore[arg-type]


def write(folder: Path, text: str) -> Path:
    path = folder / "hypno.txt"
    path.write_text(text)
    return path


def read(path: Path, known: Asked | None = None) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, known or asked())


def refused(path: Path, known: Asked | None = None) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(path, known)
    return caught.value


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


# ---- words and numbers -----------------------------------------------------------------------------------------------


def test_words_need_an_epoch_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, "W\nN1\nS3\nSleep stage 4\nREM\nMT\n?\n")
    assert stages(read(path, asked(epoch_s=30))) == [0, 1, 3, 3, 4, Stage.MOVEMENT, Stage.UNSCORED]
    fault = refused(path)
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert '"epoch_s"' in fault.hint


def test_a_legend_and_an_epoch_in_the_comments_are_believed(tmp_path: Path) -> None:
    recording = read(write(tmp_path, PER_30 + LEGEND + "0\n1\n4\n3\n"))
    assert stages(recording) == [0, 1, 4, 3]
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 30.0
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T21:00:00+00:00"


def test_a_legend_that_is_another_table_is_believed_too(tmp_path: Path) -> None:
    legend = "# 5 = Wake, 4 = REM, 3 = N1, 2 = N2, 1 = N3\n"
    assert stages(read(write(tmp_path, PER_30 + legend + "5\n4\n1\n"))) == [0, 4, 3]


def test_numbers_without_a_legend_are_refused(tmp_path: Path) -> None:
    fault = refused(write(tmp_path, "0\n1\n2\n"), asked(epoch_s=30))
    assert fault.fault is Fault.UNKNOWN_CODE
    assert "dreams: " in fault.known


@pytest.mark.parametrize("line", ["{}.0", "{}", '"{}"', " {} ", "{}.000000000000000000e+00"])
def test_numbers_as_programs_write_them(line: str, tmp_path: Path) -> None:
    text = "".join(line.format(code) + "\r\n" for code in (0, 2, 3, 4))
    assert stages(read(write(tmp_path, text), asked(dialect="yasa", epoch_s=20))) == [0, 2, 3, 4]


def test_the_sidecar_that_contradicts_the_files_epoch_is_told(tmp_path: Path) -> None:
    recording = read(write(tmp_path, PER_30 + LEGEND + "0\n1\n4\n"), asked(epoch_s=20))
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 30.0
    assert recording.repairs == ("the file says epochs of 30 s and the sidecar 20 s: the file's were taken",)


def test_light_sleep_is_no_experts_word(tmp_path: Path) -> None:
    found = read(write(tmp_path, "WAKE\nLIGHT\nDEEP\nREM\n"), asked(epoch_s=30)).hypnogram
    assert found is not None
    assert found.stages.tolist() == [Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM]
    assert found.source is StageSource.UNKNOWN


# ---- headers of programs ---------------------------------------------------------------------------------------------

ELAN = "time_base 30.000000\nsampling_period 0.001\nepoch_nb 4\nepoch_list\n"


def test_elans_header_names_epoch_and_codes(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ELAN + "0\n5\n4\n-1\n"))
    assert stages(recording) == [Stage.WAKE, Stage.REM, Stage.N3, Stage.UNSCORED]
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 30.0


def test_a_named_dialect_overrules_elans_codes(tmp_path: Path) -> None:
    assert stages(read(write(tmp_path, ELAN + "0\n4\n3\n1\n"), asked(dialect="yasa"))) == [0, 4, 3, 1]


def test_an_elan_file_with_fewer_epochs_than_promised_is_cut(tmp_path: Path) -> None:
    assert refused(write(tmp_path, ELAN + "0\n5\n")).fault is Fault.TRUNCATED


def test_an_elan_file_with_more_epochs_than_promised_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, ELAN + "0\n" * 5)).fault is Fault.CORRUPT


def test_a_dreams_file_is_read_by_its_dialect_in_5_s(tmp_path: Path) -> None:
    path = write(tmp_path, "[HypnogramAASM]\n5\n3\n2\n1\n4\n0\n-1\n")
    recording = read(path, asked(dialect="dreams"))
    assert stages(recording) == [0, 1, 2, 3, 4, 3, Stage.MOVEMENT]
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 5.0
    assert refused(path).fault is Fault.UNKNOWN_CODE


def test_visbrain_gives_the_end_of_each_stage(tmp_path: Path) -> None:
    text = "*Duration_sec\t150.0\n*Datafile\t/home/someone/night.edf\nWake\t60.0\nN1\t90.0\nREM\t150.0\n"
    recording = read(write(tmp_path, text))
    assert stages(recording) == [0, 0, 1, 4, 4]
    assert "someone" not in repr(recording)


def test_visbrain_ends_that_go_back_are_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "*Duration_sec\t90\nWake\t60\nN1\t30\n")).fault is Fault.CORRUPT


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_last_line_without_an_end_is_left_out(tmp_path: Path) -> None:
    recording = read(write(tmp_path, "W\nN1\nN2\nN3\nRE"), asked(epoch_s=30))
    assert stages(recording) == [0, 1, 2, 3]
    assert "may be cut" in recording.repairs[0]


def test_an_unknown_word_further_down_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "W\n" * 3000 + "N7\n")
    fault = refused(path, asked(epoch_s=30))
    assert fault.fault is Fault.UNKNOWN_CODE
    assert "'N7'" in fault.what


@pytest.mark.parametrize(
    "text", ["812\n830\n790\n", "62\n63\n61\n", "0.1\n0.2\n0.3\n", "W\nhello\nN1\n", "1,2\n2,3\n3,4\n", "1\n2\n"]
)
def test_other_columns_are_not_claimed(text: str, tmp_path: Path) -> None:
    assert not READER.recognise(glimpse(write(tmp_path, text)))


# ---- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_real_legend(real_data: Path) -> None:
    path = real_data / "yasa_notebook_data" / "data_full_6hrs_100Hz_hypno_30s.txt"
    found = read(path).hypnogram
    assert found is not None
    assert found.epoch_s == 30.0
    assert np.array_equal(found.stages, np.loadtxt(path))


@pytest.mark.realdata
def test_a_real_elan_file_whose_count_is_not_its_rows_is_refused(real_data: Path) -> None:
    fault = refused(real_data / "yasa_notebook_data" / "data_full_6hrs_100Hz_hypno.hyp")
    assert fault.fault is Fault.CORRUPT
    assert fault.known == "its header promises 21610 epochs, 21829 are there"


@pytest.mark.realdata
def test_real_words(real_data: Path) -> None:
    path = real_data / "yasa_notebook_data" / "sub-02_hypno_30s.txt"
    found = stages(read(path, asked(epoch_s=30)))
    assert [found.count(stage) for stage in (0, 1, 2, 3, 4)] == [36, 9, 31, 22, 0]
