"""Bits of raw samples against plain arithmetic: every value in every place, and across the stretches of a decoder."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.devices import cwa_blocks, gt3x_log


def same_bits(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether float32 values are the same ones, 0 and -0 told apart."""
    return np.array_equal(np.ascontiguousarray(found).view(np.uint32), wanted.astype(np.float32).view(np.uint32))


def signed(values: np.ndarray, bits: int) -> np.ndarray:
    return (values ^ (1 << (bits - 1))) - (1 << (bits - 1))


# ---- Axivity ---------------------------------------------------------------------------------------------------------


def blocks_with(words: np.ndarray) -> np.ndarray:
    """Blocks that hold these packed words, the last filled up with the first words again."""
    number = -(-len(words) // 120)
    raw = np.zeros((number, cwa_blocks.BLOCK_BYTES), np.uint8)
    raw[:, 30:510] = np.resize(words.astype("<u4"), (number, 120)).view(np.uint8)
    return raw


def unpacked(words: np.ndarray) -> np.ndarray:
    axes = [signed(words >> place & 0x3FF, 10) * (1 << (words >> 30)) for place in (0, 10, 20)]
    return np.stack(axes, axis=1) / 256


def test_every_packed_value_with_every_exponent_on_every_axis() -> None:
    value, exponent = np.meshgrid(np.arange(1024), np.arange(4), indexing="ij")
    words = np.concatenate([(exponent << 30 | value << place).ravel() for place in (0, 10, 20)])
    raw = blocks_with(words)
    assert same_bits(cwa_blocks.acceleration_g(raw, cwa_blocks.PACKED)[: len(words)], unpacked(words))


@pytest.mark.parametrize("far", [0.0, 0.001, 1.0])
def test_packed_words_in_more_blocks_than_are_decoded_at_once(far: float) -> None:
    rng = np.random.default_rng(3)
    words = rng.integers(0, 1 << 30, 1300 * 120)
    words |= np.where(rng.random(len(words)) < far, rng.integers(1, 4, len(words)), 0) << 30
    found = cwa_blocks.acceleration_g(blocks_with(words), cwa_blocks.PACKED)
    assert same_bits(found, unpacked(words))
    assert found.T.flags.c_contiguous  # each axis lies in one piece


@pytest.mark.parametrize("exponent", [1, 2, 3])
def test_only_some_stretches_of_blocks_hold_an_exponent(exponent: int) -> None:
    words = np.random.default_rng(4).integers(0, 1 << 30, 1300 * 120)
    words[700 * 120 + 7] |= exponent << 30
    assert same_bits(cwa_blocks.acceleration_g(blocks_with(words), cwa_blocks.PACKED), unpacked(words))


# ---- ActiGraph -------------------------------------------------------------------------------------------------------


def packed_row(values: np.ndarray) -> np.ndarray:
    """12-bit values one after another as bytes, the upper bits first."""
    bits = (values[:, None] >> np.arange(11, -1, -1) & 1).astype(np.uint8)
    return np.packbits(bits.ravel())


@pytest.mark.parametrize("units_a_g", [256.0, 341.0, 2.0, 1024.5, 2.0**20])
def test_every_12_bit_value_in_every_place_of_a_pair(units_a_g: float) -> None:
    # Y counts up, X down, Z in odd steps; then the same again, one sample later, in the other half of each pair.
    k = np.arange(4096)
    once = np.stack([k, 4095 - k, k * 1025 % 4096], axis=1)
    values = np.concatenate([once, once[1:], once[:1]])
    found = gt3x_log.packed_g(packed_row(values.ravel())[None], len(values), units_a_g)
    whole = signed(values, 12)[:, [1, 0, 2]].astype(np.float32)
    assert same_bits(found, whole * np.float32(1 / units_a_g))


@pytest.mark.parametrize(("rows", "rate"), [(700, 50), (700, 31), (1, 3), (1, 1), (3, 65536)])
def test_rows_of_12_bit_samples_of_odd_and_even_rates(rows: int, rate: int) -> None:
    values = np.random.default_rng(6).integers(0, 4096, (rows, rate, 3))
    raw = np.stack([packed_row(row.ravel()) for row in values])
    found = gt3x_log.packed_g(raw, rate, 256.0)
    assert same_bits(found, signed(values, 12)[:, :, [1, 0, 2]].reshape(-1, 3) / 256)
    assert raw.shape[1] == (9 * rate + 1) // 2


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001, *range(1040, 1060), 2000, 2045, 2046, 2047])
def test_what_begins_in_a_stretch_lies_within_it(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(gt3x_log, "_CHUNK_BYTES", 1000)
    content = np.random.default_rng(9).integers(1, 256, length, dtype=np.uint8)
    padded = np.concatenate([content, np.zeros(2000, np.uint8)])
    next_place = 0
    for place, chunk, usable in gt3x_log._parts(content, 30):
        assert place == next_place
        assert len(chunk) >= usable + 30 + gt3x_log._SPARE_BYTES
        assert np.array_equal(chunk, padded[place : place + len(chunk)])
        next_place += usable
    assert next_place == length


def test_what_is_decoded_is_left_as_it_was() -> None:
    span = np.random.default_rng(8).integers(0, 256, 5 * 234, dtype=np.uint8)
    before = span.copy()
    gt3x_log.packed_seconds_g(span, np.arange(5) * 234, 50, 256.0)
    gt3x_log.packed_g(span[None, :225], 50, 256.0)
    assert np.array_equal(span, before)
