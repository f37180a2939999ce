"""XML of strangers: nothing is expanded, nothing fetched, and memory does not grow with the file."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.devices import xml_text
from pipeline.devices.xml_text import each_start, elements
from pipeline.errors import Fault, FileFault

APPLE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>
<!ATTLIST HealthData locale CDATA #REQUIRED>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record type CDATA #REQUIRED unit CDATA #IMPLIED value CDATA #IMPLIED>
]>
<HealthData locale="it_IT"><Record type="HR" value="61"/><Record type="HR" value="62"><MetadataEntry/></Record>
</HealthData>"""
LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))


def tags(text: str | bytes, *wanted: str) -> list[str]:
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    found = elements(stream, frozenset(wanted or ("Record",)), Path("export.xml"))
    return [element.get("value", "") for element in found]


def refusal(text: str | bytes) -> FileFault:
    with pytest.raises(FileFault) as fault:
        tags(text)
    assert fault.value.where == "export.xml"
    return fault.value


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_genuine_apple_dtd_is_read() -> None:
    assert tags(APPLE) == ["61", "62"]


@pytest.mark.parametrize(
    "dtd",
    [
        f'[<!ENTITY l0 "lol">{LAUGHS}]',
        '[<!ENTITY x "harmless">]',
        '[<!ENTITY x SYSTEM "file:///etc/passwd">]',
        '[<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]',
        '[<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]',
        '[<!ENTITY % p "<!ELEMENT Record ANY>"> %p;]',
        '[<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "x.gif" NDATA n>]',
    ],
    ids=["laughs", "internal", "file", "http", "parameter-http", "parameter", "unparsed"],
)
@pytest.mark.usefixtures("no_network")
def test_entities_are_refused(dtd: str) -> None:
    used = "&l9;" if "l9" in dtd else "&x;" if "x " in dtd else ""
    fault = refusal(f"<!DOCTYPE HealthData {dtd}><HealthData><Record>{used}</Record></HealthData>")
    assert fault.fault is Fault.HOSTILE
    assert "root:" not in str(fault)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("place", ["http://127.0.0.1:9/x.dtd", "file:///etc/passwd", "missing.dtd"])
def test_an_outside_dtd_is_not_fetched(place: str) -> None:
    assert tags(f'<!DOCTYPE HealthData SYSTEM "{place}"><HealthData><Record value="1"/></HealthData>') == ["1"]


def test_defaults_of_attributes_are_refused() -> None:
    # 240 kB of these held 220 MB at once; a million elements would have held terabytes one after another.
    dtd = f'[<!ATTLIST Record x CDATA "{"y" * 1000}">]'
    assert refusal(f"<!DOCTYPE HealthData {dtd}><HealthData><Record/></HealthData>").fault is Fault.HOSTILE


def test_the_parser_without_a_tree_refuses_the_same() -> None:
    def starts(text: str) -> list[str]:
        found: list[str] = []
        each_start([text.encode()], lambda name, _: found.append(name), Path("export.xml"))
        return found

    assert starts(APPLE).count("Record") == 2
    for dtd in ('[<!ENTITY x "y">]', '[<!ENTITY x SYSTEM "file:///etc/passwd">]', '[<!ATTLIST Record x CDATA "y">]'):
        with pytest.raises(FileFault) as fault:
            starts(f"<!DOCTYPE HealthData {dtd}><HealthData><Record/></HealthData>")
        assert fault.value.fault is Fault.HOSTILE
    with pytest.raises(FileFault, match="deeper than 64"):
        starts("<a>" * 65 + "</a>" * 65)


def test_depth_is_bounded() -> None:
    deep = xml_text.MOST_DEPTH - 1
    assert tags("<a>" * deep + '<Record value="1"/>' + "</a>" * deep) == ["1"]
    assert "deeper than 64" in refusal("<a>" * (deep + 1) + "<Record/>" + "</a>" * (deep + 1)).what


def test_the_name_of_an_element_is_bounded() -> None:
    assert "characters" in refusal(f'<a xmlns="{"n" * 2000}"><Record/></a>').what


def test_what_one_wanted_element_holds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_text, "MOST_INSIDE", 10)
    assert tags(f"<a>{'<Record><b/></Record>' * 30}</a>") == [""] * 30
    assert "holds over 10" in refusal(f"<a><Record>{'<b/>' * 11}</Record></a>").what


def test_memory_is_flat_over_many_records(root: Path) -> None:
    code = """
import io, resource
from pathlib import Path
from pipeline.devices.xml_text import elements

class Export(io.RawIOBase):
    def __init__(self, n):
        self.left = n
        self.said = b'<HealthData>'
    def read(self, size=-1):
        while self.left and len(self.said) < 16384:
            self.left -= 100
            self.said += b'<Record type="HR" value="61"><M k="a"/></Record>\\n<Other/>' * 100
            if not self.left:
                self.said += b'</HealthData>'
        out, self.said = self.said[:16384], self.said[16384:]
        return out

def read(n):
    assert sum(1 for _ in elements(Export(n), frozenset({"Record"}), Path("x"))) == n
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

few = read(2_000)
print((read(60_000) - few) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    # What is measured here is 60,000 records: kept, they would take more than 40 MB.
    assert float(done.stdout) < 4
