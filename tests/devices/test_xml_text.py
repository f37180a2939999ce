"""XML of strangers, element by element: order and attributes, a DTD that is allowed, entities that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.devices.xml_text import each_start
from pipeline.errors import Fault, FileFault

DTD = '<?xml version="1.0"?>\n<!DOCTYPE D [<!ELEMENT D (R*)><!ATTLIST R a CDATA #REQUIRED>]>\n'
GENUINE = DTD + '<D><R a="é&amp;1"/><R a="2"><M/></R></D>'
BOMB = '<?xml version="1.0"?><!DOCTYPE D [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]><D>&b;</D>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE D [<!ENTITY a SYSTEM "file:///etc/hostname">]><D>&a;</D>'


def starts(content: bytes, step: int = 1 << 16) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    pieces = (content[k : k + step] for k in range(0, len(content), step))
    each_start(pieces, lambda name, attributes: found.append((name, attributes)), Path("export.xml"))
    return found


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_elements_come_in_order_with_their_attributes(step: int) -> None:
    assert starts(GENUINE.encode(), step) == [("D", {}), ("R", {"a": "é&1"}), ("R", {"a": "2"}), ("M", {})]


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, "<a>" * 100])
def test_entities_and_towers_are_hostile(content: str) -> None:
    with pytest.raises(FileFault) as fault:
        starts(content.encode())
    assert fault.value.fault is Fault.HOSTILE


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_what_ends_too_early_is_truncated(cut: int) -> None:
    with pytest.raises(FileFault) as fault:
        starts(GENUINE.encode()[:cut])
    assert fault.value.fault is Fault.TRUNCATED


def test_what_is_no_xml_is_corrupt() -> None:
    with pytest.raises(FileFault) as fault:
        starts(b'<D><R a="1"></D>')
    assert (fault.value.fault, fault.value.known) == (Fault.CORRUPT, "line 1")


@pytest.mark.parametrize("name", ["UTD-8", "utf-7", "hex"])
def test_an_encoding_that_nobody_knows_is_told(name: str) -> None:
    with pytest.raises(FileFault) as told:
        starts(f'<?xml version="1.0" encoding="{name}"?><D/>'.encode(), 1000)
    assert told.value.fault is Fault.CORRUPT
    assert "encoding" in told.value.what
