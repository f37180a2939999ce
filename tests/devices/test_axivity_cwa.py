"""Axivity .cwa: packed and plain samples, stamps and rates, gaps, corrupt blocks, and a clock that runs on."""

from __future__ import annotations

import struct
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from handmade.axivity_cwa import block, head, stamp, write_cwa
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS, to_datetime, wall_ns
from pipeline.devices import read_export
from pipeline.devices.axivity_cwa import BLOCKS_AT_ONCE
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal
from pipeline.simulate.exports import axivity_cwa as written

STILL = struct.pack("<I", 256 << 20) * 120


def read(path: Path, asked: Asked = ASKED) -> Recording:
    return read_export(path, asked)[1]


def write(folder: Path, *blocks: bytes, header: bytes | None = None) -> Path:
    path = folder / "watch.cwa"
    path.write_bytes((header or head()) + b"".join(blocks))
    return path


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def samples(recording: Recording) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces(recording)])


def begins_s(signal: Signal) -> float:
    return (signal.start_ns - T0_NS) / NS


# ---- samples ---------------------------------------------------------------------------------------------------------


def test_packed_words_by_hand(tmp_path: Path) -> None:
    words = [
        0b00_0100000000_0000000000_0000000001,  # 1, 0, 256
        0b00_1111111111_1000000000_0111111111,  # 511, -512, -1
        0b01_0000000001_1111111110_0000000011,  # twice 3, -2, 1
        0b11_1000000000_0111111111_1111111111,  # eight times -1, 511, -512
    ]
    payload = struct.pack("<120I", *words, *[0] * 116)
    found = samples(read(write(tmp_path, block(0, 0, payload)))) * 256
    assert found[:4].tolist() == [[1, 0, 256], [511, -512, -1], [6, -4, 2], [-8, 4088, -4096]]
    assert found.shape == (120, 3)
    assert not found[4:].any()


@pytest.mark.parametrize(("bits", "units_a_g"), [(0, 256), (3, 2048), (4, 4096), (6, 16384)])
def test_plain_words_have_their_range_beside_the_light(tmp_path: Path, bits: int, units_a_g: int) -> None:
    payload = struct.pack("<240h", -8 * 256, 16384 >> 3, 1, *[0] * 237)
    plain = block(0, 0, payload, layout=0x32, count=80, light=bits << 13 | 341)
    found = samples(read(write(tmp_path, plain)))
    assert found.shape == (80, 3)
    assert found[0].tolist() == [-2048 / units_a_g, 2048 / units_a_g, 1 / units_a_g]


@pytest.mark.parametrize(("layout", "axes", "count"), [(0x62, 6, 40), (0x92, 9, 26)])
def test_the_accelerometer_stands_behind_the_gyroscope(tmp_path: Path, layout: int, axes: int, count: int) -> None:
    row = [9000, 9001, 9002, 4096, -2048, 1024, 77, 78, 79][:axes]
    payload = struct.pack(f"<{axes * count}h", *row * count).ljust(480, b"\x00")
    path = write(
        tmp_path,
        *(block(k, k * count / 100, payload, layout=layout, count=count, light=4 << 13 | 40) for k in range(3)),
        header=head(hardware=0x64),
    )
    recording = read(path)
    assert np.array_equal(samples(recording), [[1.0, -0.5, 0.25]] * 3 * count)
    assert recording.device == "Axivity AX6"
    assert recording.repairs == ("the gyroscope's axes are left out",)
    assert recording.of(Kind.LIGHT)[0].samples[0] == pytest.approx(10 ** (40 / 34.13), rel=1e-5)


def test_a_last_block_that_is_not_full_gives_what_it_holds(tmp_path: Path) -> None:
    words = struct.pack("<120I", *range(120))
    found = samples(read(write(tmp_path, block(0, 0, words), block(1, 1.2, words, count=7))))
    assert (found[:, 0] * 256).tolist() == [*range(120), *range(7)]


def test_temperature_and_light_by_hand(tmp_path: Path) -> None:
    dark = block(1, 1.2, STILL, light=0, temperature=0)
    recording = read(write(tmp_path, block(0, 0, STILL), dark, block(2, 2.4, STILL, light=1023)))
    temperature, light = recording.signals
    assert temperature.samples.tolist() == pytest.approx([25.0, np.nan, 25.0], nan_ok=True)
    assert light.samples.tolist() == pytest.approx([10 ** (341 / 341.3), np.nan, 10 ** (1023 / 341.3)], nan_ok=True)
    assert temperature.fs_hz == pytest.approx(1 / 1.2)


def test_a_value_holds_until_the_next_although_stamps_step_back(tmp_path: Path) -> None:
    late_s = {7: 0.55, 8: 0.49} | {k: k * 0.075 for k in range(20) if k not in {7, 8}}  # at 1600 Hz a block is 0.075 s
    blocks = [block(k, late_s[k], STILL, rate=0x4E, temperature=256 + k) for k in range(20)]
    temperature = read(write(tmp_path, *blocks)).signals[0]
    assert temperature.samples[0] == 25.0 + 6 * 75 / 256  # at 0.5 s; block 8 says 0.49 s, but comes after 0.55 s


def test_the_upper_bits_of_the_temperature_and_absurd_light_are_nothing(tmp_path: Path) -> None:
    payload = struct.pack("<240h", *[0, 0, 256] * 80)
    one = block(0, 0, payload, layout=0x32, count=80, temperature=256 | 0xFC00, light=200)
    recording = read(write(tmp_path, one, header=head(hardware=0x64)))
    assert [signal.kind for signal in recording.signals] == [Kind.TEMP]
    assert recording.signals[0].samples.tolist() == [25.0]


@pytest.mark.parametrize(("per_block", "most"), [(written.PACKED, 4095), (written.PLAIN, 2047)])
def test_what_is_written_is_read(tmp_path: Path, per_block: int, most: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(-most, most, (5000, 3)).astype(np.int16)
    values[::2] //= 16
    if per_block == written.PACKED:
        large = np.abs(values).max(axis=1, keepdims=True)
        values &= np.where(large < 500, -1, -8).astype(np.int16)  # what an exponent of 3 can hold
    path = tmp_path / "watch.cwa"
    start = wall_ns(datetime(2024, 3, 1, 22)) + 123_456_789  # noqa: DTZ001
    written.write_cwa(path, [(start, values)], 50, per_block=per_block)
    recording = read(path)
    assert np.array_equal(samples(recording) * 256, values)
    assert begins_s(pieces(recording)[0]) == pytest.approx(0.123456789, abs=1 / 32768)
    assert recording.streams[0].measured_s == pytest.approx(100.0, abs=0.001)
    assert recording.repairs == ()


# ---- clock and rate --------------------------------------------------------------------------------------------------


def test_the_fraction_and_the_offset_place_the_first_sample(tmp_path: Path) -> None:
    # A quarter of a second stands in the fraction, and the offset was lessened by the 25 samples that it is: the stamp
    # is that of sample 40, so the first sample is 0.4 s earlier.
    one = block(0, 10.25, STILL, offset=40 - 25)
    assert begins_s(pieces(read(write(tmp_path, one)))[0]) == pytest.approx(10.25 - 0.4)


def test_old_firmware_has_the_device_in_the_place_of_the_fraction(tmp_path: Path) -> None:
    one = block(0, 10, STILL, fraction=0x7ABC, offset=40)
    assert begins_s(pieces(read(write(tmp_path, one)))[0]) == pytest.approx(10 - 0.4)


def test_the_first_firmware_wrote_the_rate_in_the_place_of_the_offset(tmp_path: Path) -> None:
    blocks = (block(k, k * 1.5, STILL, fraction=0, rate=0, offset=80) for k in range(0, 30, 2))
    first = pieces(read(write(tmp_path, *blocks, header=head(rate=0))))[0]
    assert (first.fs_hz, begins_s(first)) == (pytest.approx(80.0), 0.0)


def test_the_rate_is_the_one_that_the_stamps_show(tmp_path: Path) -> None:
    path = tmp_path / "watch.cwa"
    values = np.full((120 * 500, 3), 256, np.int16)
    written.write_cwa(path, [(T0_NS, values)], 100, shown_hz=98.4)
    (piece,) = pieces(read(path))
    assert piece.fs_hz == pytest.approx(98.4, rel=1e-4)
    assert (piece.end_ns - piece.start_ns) / NS == pytest.approx(60_000 / 98.4, abs=0.02)
    assert read(path).streams[0].fs_hz == 100.0


def test_the_rate_of_the_blocks_goes_before_the_header(tmp_path: Path) -> None:
    blocks = [block(k, k * 2.4, STILL, rate=0x49) for k in range(30)]
    recording = read(write(tmp_path, *blocks))
    assert pieces(recording)[0].fs_hz == pytest.approx(50.0, rel=1e-4)
    assert recording.repairs == ("the header says 100 Hz, the blocks say 50 Hz: the blocks are followed",)


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    # From 22:00 winter time on, 5 h; in between the clocks went forward, which the watch did not follow.
    path = tmp_path / "watch.cwa"
    start = wall_ns(datetime(2024, 3, 30, 22))  # noqa: DTZ001
    hour = np.full((120 * 375, 3), 256, np.int16)  # an hour at 12.5 Hz
    written.write_cwa(path, [(start + k * 3600 * NS, hour) for k in range(5)], 12.5)
    recording = read(path)
    assert recording.clock is ClockKind.DEVICE
    end = recording.streams[0].end_ns + NS // 1000
    assert f"{to_datetime(end, 'Europe/Rome'):%H:%M}" == "04:00"
    assert recording.streams[0].measured_s == pytest.approx(5 * 3600, abs=1)
    assert len(pieces(recording)) == 1


# ---- gaps and damage -------------------------------------------------------------------------------------------------


def gaps_s(recording: Recording) -> list[tuple[float, float]]:
    found = pieces(recording)
    return [(round((a.end_ns - T0_NS) / NS, 2), round((b.start_ns - T0_NS) / NS, 2)) for a, b in pairwise(found)]


def test_a_corrupt_block_is_a_gap_and_is_told(tmp_path: Path) -> None:
    blocks = [bytearray(block(k, k * 1.2, STILL)) for k in range(10)]
    blocks[3][200] ^= 1  # one bit of the samples
    blocks[7][:2] = b"XX"
    recording = read(write(tmp_path, *map(bytes, blocks)))
    assert gaps_s(recording) == [(3.6, 4.8), (8.4, 9.6)]
    assert recording.repairs == ("2 of 10 blocks are corrupt: left out, a gap each",)
    assert recording.streams[0].measured_s == pytest.approx(9.6, abs=0.001)


def test_a_first_block_that_is_corrupt_does_not_hide_the_file(tmp_path: Path) -> None:
    recording = read(write(tmp_path, bytes(512), *(block(k, k * 1.2, STILL) for k in range(1, 5))))
    assert begins_s(pieces(recording)[0]) == pytest.approx(1.2, abs=1e-4)


FEBRUARY_30 = stamp(datetime(2024, 2, 1, 22, 0, 2)) + (29 << 17)  # noqa: DTZ001  counted on, it is the right second


@pytest.mark.parametrize("bad", [0, stamp(datetime(2024, 3, 1, 22)) | 62, FEBRUARY_30])  # noqa: DTZ001
def test_a_stamp_that_is_no_date_is_a_gap(tmp_path: Path, bad: int) -> None:
    blocks = [block(k, k * 1.2, STILL, **({"stamp": bad} if k == 2 else {})) for k in range(5)]
    recording = read(write(tmp_path, *blocks))
    assert gaps_s(recording) == [(2.4, 3.6)]


def test_a_jump_of_the_counter_is_a_gap_even_within_a_second(tmp_path: Path) -> None:
    plain = struct.pack("<240h", *[0, 0, 256] * 80)
    fast = [block(k, k * 0.4, plain, rate=0x4B, layout=0x32, count=80) for k in range(10) if k != 4]
    assert gaps_s(read(write(tmp_path, *fast, header=head(rate=0x4B)))) == [(1.6, 2.0)]


def test_a_jump_of_the_clock_is_a_gap_even_without_one_of_the_counter(tmp_path: Path) -> None:
    blocks = [block(k, k * 1.2 + (60 if k >= 5 else 0), STILL) for k in range(10)]
    assert gaps_s(read(write(tmp_path, *blocks))) == [(6.0, 66.0)]


def test_first_blocks_under_a_clock_that_was_not_set_are_left_out(tmp_path: Path) -> None:
    unset = [block(k, 0, STILL, stamp=stamp(datetime(2000, 1, 1, 0, 0, k))) for k in range(2)]  # noqa: DTZ001
    recording = read(write(tmp_path, *unset, *(block(k, k * 1.2, STILL) for k in range(2, 40))))
    assert begins_s(pieces(recording)[0]) == pytest.approx(2.4, abs=1e-4)
    assert recording.repairs == ("2 s bear the stamps of another clock (not set yet, or set anew): left out",)


def test_a_clock_that_was_set_within_is_refused(tmp_path: Path) -> None:
    blocks = [block(k, k * 1.2 - (3600 if k >= 20 else 0), STILL) for k in range(40)]
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, *blocks))
    assert fault.value.fault is Fault.CORRUPT
    assert "2 stretches" in fault.value.known


def test_blocks_that_span_years_are_refused_before_anything_is_laid_out(tmp_path: Path) -> None:
    blocks = [block(k, k * 50 * 86_400, STILL) for k in range(200)]
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, *blocks))
    assert fault.value.fault is Fault.CORRUPT
    assert "span 9950 days" in fault.value.known


@pytest.mark.parametrize("first", [3, 40])
def test_what_goes_on_around_another_clock_is_kept(tmp_path: Path, first: int) -> None:
    # Blocks of the right clock, two of another, and the right clock again: the longer part is before or after.
    unset = {first: 0, first + 1: 1}
    blocks = [
        block(k, k * 1.2, STILL, **({"stamp": stamp(datetime(2000, 1, 1, 0, 0, unset[k]))} if k in unset else {}))  # noqa: DTZ001
        for k in range(45)
    ]
    recording = read(write(tmp_path, *blocks))
    assert gaps_s(recording) == [(round(first * 1.2, 2), round((first + 2) * 1.2, 2))]
    assert len(samples(recording)) == 43 * 120


def test_a_new_session_is_no_gap_in_itself(tmp_path: Path) -> None:
    blocks = [block(k % 20, k * 1.2, STILL, session=k // 20) for k in range(40)]
    assert gaps_s(read(write(tmp_path, *blocks))) == [(24.0, 24.0)]


def test_stamps_that_overlap_by_a_jitter_do_not_make_pieces_overlap(tmp_path: Path) -> None:
    blocks = [block(k % 20, k * 1.2 - (0.01 if k >= 20 else 0), STILL) for k in range(40)]
    one, two = pieces(read(write(tmp_path, *blocks)))
    assert one.end_ns == two.start_ns == T0_NS + round(23.99 * 32768) * NS // 32768


def test_bytes_between_blocks_are_no_samples(tmp_path: Path) -> None:
    # Nothing is missing: the counter goes on behind the strange sector.
    strange = b"AX" + bytes(range(1, 256)) * 2
    recording = read(write(tmp_path, block(0, 0, STILL), block(1, 1.2, STILL), strange, block(2, 2.4, STILL)))
    assert np.array_equal(samples(recording) * 256, [(0, 0, 256)] * 360)


@pytest.mark.parametrize("changes", [{"count": 0}, {"count": 121}, {"layout": 0x31}, {"mark": b"XA"}])
def test_a_head_that_cannot_be_is_a_gap_though_the_checksum_is_right(tmp_path: Path, changes: dict[str, int]) -> None:
    blocks = [block(k, k * 1.2, STILL, **(changes if k == 2 else {})) for k in range(5)]
    recording = read(write(tmp_path, *blocks))
    assert gaps_s(recording) == [(2.4, 3.6)]
    assert recording.repairs == ("1 of 5 blocks are corrupt: left out, a gap each",)


def test_a_block_that_is_not_full_ends_a_run(tmp_path: Path) -> None:
    words = struct.pack("<120I", *range(1, 121))
    late = [block(k, k * 1.2 - 0.6, words) for k in range(3, 6)]
    recording = read(write(tmp_path, block(0, 0, words), block(1, 1.2, words), block(2, 2.4, words, count=60), *late))
    assert (samples(recording)[:, 0] * 256).tolist() == [*range(1, 121)] * 2 + [*range(1, 61)] + [*range(1, 121)] * 3
    assert gaps_s(recording) == [(3.0, 3.0)]


def test_another_rate_within_the_file_is_another_run(tmp_path: Path) -> None:
    slow = [block(k, 36 + (k - 30) * 2.4, STILL, rate=0x49) for k in range(30, 60)]
    one, two = pieces(read(write(tmp_path, *(block(k, k * 1.2, STILL) for k in range(30)), *slow)))
    assert (one.fs_hz, two.fs_hz) == (pytest.approx(100, rel=1e-4), pytest.approx(50, rel=1e-4))
    assert (two.end_ns - T0_NS) / NS == pytest.approx(36 + 72, abs=0.01)


def test_a_short_run_has_the_rate_of_the_long_one(tmp_path: Path) -> None:
    path = tmp_path / "watch.cwa"
    still = np.full((120 * 50, 3), 256, np.int16)
    written.write_cwa(path, [(T0_NS, still), (T0_NS + 100 * NS, still[:120])], 100, shown_hz=97.0)
    long, short = pieces(read(path))
    assert (long.fs_hz, short.fs_hz) == (pytest.approx(97, rel=1e-3), pytest.approx(97, rel=1e-3))


def test_neither_code_nor_rate_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, *(block(k, k, STILL, fraction=0, rate=0, offset=0) for k in range(3))))
    assert fault.value.fault is Fault.CORRUPT
    assert "none of 3 blocks" in fault.value.known


def test_a_cut_last_block_is_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, *(block(k, k * 1.2, STILL) for k in range(4)))
    path.write_bytes(path.read_bytes()[:-100])
    recording = read(path)
    assert len(samples(recording)) == 360
    assert recording.repairs == ("the file ends within a block: its last 412 bytes are left out",)


def test_a_header_alone_is_truncated(tmp_path: Path) -> None:
    path = write(tmp_path, block(0, 0, STILL)[:500])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.TRUNCATED


def test_no_whole_block_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, block(0, 0, STILL)[:-1] + b"\x99"))
    assert fault.value.fault is Fault.CORRUPT


def test_a_file_that_shrinks_while_it_is_read_is_a_fault(tmp_path: Path) -> None:
    path = write_cwa(tmp_path)
    recording = read(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(FileFault) as fault:
        pieces(recording)
    assert fault.value.fault is Fault.TRUNCATED


# ---- streaming -------------------------------------------------------------------------------------------------------


def test_a_long_run_comes_in_pieces_that_touch(tmp_path: Path) -> None:
    path = tmp_path / "watch.cwa"
    number = 2 * BLOCKS_AT_ONCE + 10
    values = np.zeros((number * 80, 3), np.int16)
    values[:, 0] = np.arange(len(values)) % 2000
    written.write_cwa(path, [(T0_NS, values)], 100, per_block=written.PLAIN, shown_hz=101.3)
    recording = read(path)
    found = pieces(recording)
    assert len(found) == 3
    assert max(len(piece.samples) for piece in found) <= BLOCKS_AT_ONCE * 80
    assert all(abs(b.start_ns - a.end_ns) <= 2 for a, b in pairwise(found))
    assert np.array_equal(samples(recording)[:, 0] * 256, values[:, 0])
    assert all(piece.fs_hz == pytest.approx(101.3, rel=1e-5) for piece in found)
    assert np.array_equal(samples(recording), samples(recording)), "pieces begin anew at each call"


def test_no_name_of_the_header_comes_out(tmp_path: Path) -> None:
    shown = repr(read(write_cwa(tmp_path)))
    assert "Jane" not in shown
    assert "Centre" not in shown


# ---- real files: sums of all samples and first instants as actfast 1.3.0 gives them ---------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "count", "first_ns", "sums"),
    [
        (
            "actigraphy_skdh/io/data/ax3_sample.cwa",
            58_800,
            1581498217481811523,
            (-16812.140625, -52108.171875, 11800.09375),
        ),
        (
            "actigraphy_skdh/io/data/ax6_sample.cwa",
            10_360,
            1572339786307977294,
            (3358.29882812, -2696.84570312, 1125.94433594),
        ),
        (
            "actigraphy_GGIRread/testfiles/ax6_testfile.cwa",
            11_320,
            1577135046699792480,
            (183.26318359, 2386.89501953, 834.33154297),
        ),
        (
            "actigraphy_GGIRread/testfiles/ax3_testfile.cwa",
            17_400,
            1551178506000488281,
            (13530.46875, 2217.4375, 5079.046875),
        ),
        (
            "actigraphy_GGIRread/testfiles/ax3_testfile_corrupt_blocks_0_13_14_142_143_144.cwa",
            16_680,
            1551178507215136718,
            (12959.890625, 2188.859375, 4939.875),
        ),
    ],
)
def test_published_files(
    real_data: Path, name: str, count: int, first_ns: int, sums: tuple[float, float, float]
) -> None:
    recording = read(real_data / name, Asked(zone="UTC"))
    values = samples(recording)
    assert len(values) == count
    assert values.astype(np.float64).sum(axis=0) == pytest.approx(sums, abs=1e-5)
    assert abs(pieces(recording)[0].start_ns - first_ns) < 1000


@pytest.mark.realdata
def test_published_samples_one_by_one(real_data: Path) -> None:
    folder = real_data / "actigraphy_skdh" / "io" / "data"
    for name in ("ax3", "ax6"):
        with np.load(folder / f"{name}_data.npz") as held:  # what scikit-digital-health reads, to six decimals
            assert np.abs(samples(read(folder / f"{name}_sample.cwa")) - held["accel"]).max() < 1e-6


@pytest.mark.realdata
def test_six_corrupt_blocks_are_two_holes(real_data: Path) -> None:
    folder = real_data / "actigraphy_GGIRread" / "testfiles"
    recording = read(folder / "ax3_testfile_corrupt_blocks_0_13_14_142_143_144.cwa")
    assert [len(piece.samples) for piece in pieces(recording)] == [12 * 120, 127 * 120]
    assert recording.repairs[0].startswith("6 of 145 blocks")
