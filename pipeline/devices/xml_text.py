"""XML of strangers, streamed: no entity is expanded, nothing outside is fetched, memory does not grow with the file.

A DTD is allowed, because genuine Apple Health exports carry one; entities and external references are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError
from xml.parsers.expat import ExpatError, ParserCreate

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from pipeline.errors import Fault, FileFault

MOST_DEPTH = 64


def elements(stream: IO[bytes], wanted: frozenset[str], path: Path) -> Iterator[Element]:
    """Each element whose tag is wanted, complete with its children, forgotten after its turn; tags without namespace.

    An element inside a wanted one is part of it and does not come by itself.

    Raises
    ------
    FileFault
        HOSTILE for entities, external references or nesting deeper than 64; TRUNCATED or CORRUPT for broken XML.
    """
    depth, held = 0, 0
    trail: list[Element] = []
    try:
        for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=False):
            name = element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""
            if event == "start":
                depth += 1
                if depth > MOST_DEPTH:
                    raise FileFault(Fault.HOSTILE, f"its XML is nested deeper than {MOST_DEPTH}", where=path.name)
                trail.append(element)
                held += name in wanted
                continue
            depth -= 1
            trail.pop()
            held -= name in wanted
            if held:
                continue
            if name in wanted:
                yield element
            element.clear()
            if trail:
                trail[-1].clear()  # a parent that kept its finished children would grow with the file
    except DefusedXmlException as bad:
        raise FileFault(
            Fault.HOSTILE, "its XML defines entities or refers to something outside", where=path.name,
            known=type(bad).__name__, hint="no genuine export does; it was not read",
        ) from bad  # fmt: skip
    except ParseError as bad:
        cut = "no element found" in str(bad) or "unclosed token" in str(bad)
        raise FileFault(
            Fault.TRUNCATED if cut else Fault.CORRUPT,
            "the XML ends before it is complete" if cut else "the XML is damaged",
            where=path.name, known=f"line {bad.position[0]}", hint="copy it or export it again",
        ) from bad  # fmt: skip
    except (LookupError, ValueError) as bad:
        raise _unknown_encoding(path) from bad


def _unknown_encoding(path: Path) -> FileFault:
    what = "its XML declares an encoding that cannot be read"
    return FileFault(Fault.CORRUPT, what, where=path.name, hint="save it as UTF-8")


def each_start(pieces: Iterable[bytes], wanted: Callable[[str, dict[str, str]], object], path: Path) -> None:
    """Nothing; `wanted` is called with the tag and the attributes of each element, in the order in which they begin.

    For files of millions of elements whose content is all in attributes: no tree is built, and none is thrown away.

    Raises
    ------
    FileFault
        As `elements` does.
    """
    parser = ParserCreate()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise FileFault(Fault.HOSTILE, f"its XML is nested deeper than {MOST_DEPTH}", where=path.name)
        wanted(name, attributes)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def hostile(*_: object) -> int:
        raise FileFault(
            Fault.HOSTILE, "its XML defines entities or refers to something outside", where=path.name,
            hint="no genuine export does; it was not read",
        )  # fmt: skip

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = parser.ExternalEntityRefHandler = hostile
    ended = False
    try:
        for piece in pieces:
            parser.Parse(piece)
        ended = True
        parser.Parse(b"", ended)
    except ExpatError as bad:
        raise FileFault(
            Fault.TRUNCATED if ended else Fault.CORRUPT,
            "the XML ends before it is complete" if ended else "the XML is damaged",
            where=path.name, known=f"line {bad.lineno}", hint="copy it or export it again",
        ) from bad  # fmt: skip
    except (LookupError, ValueError) as bad:
        raise _unknown_encoding(path) from bad
