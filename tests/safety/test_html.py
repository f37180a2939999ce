"""Pages of a study whose every name and text is an attack: nothing is markup, nothing is executed, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from handmade import SAMPLES

from pipeline import units
from pipeline.study import open_study

SCRIPT = "<script>alert(1)</script>"
ATTACKS = (
    SCRIPT,
    "\"'><img src=x onerror=alert(1)>",
    "</script><svg onload=alert(1)>",
    "{{ 7*7 }}{% x %}",
    "a\u2028b\u2029c",
    "&lt;b&gt;",
)
VOID = {
    "meta",
    "br",
    "img",
    "link",
    "hr",
    "input",
    "rect",
    "path",
    "line",
    "circle",
    "use",
    "image",
    "polygon",
    "polyline",
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def hostile_edf(folder: Path) -> None:
    """An EDF whose channel and annotation are markup."""
    path = SAMPLES["edf"].write(folder)
    content = path.read_bytes()
    texts = b"".join(b"+5\x14" + attack.encode() + b"\x14\x00" for attack in ATTACKS)
    size = len(texts) + 24
    size += size % 2
    header = bytearray(content[:768])
    header[256:272] = b"EEG <b>'\"Fpz-Cz "
    header[696:704] = str(size // 2).encode().ljust(8)
    records = b""
    for k in range(60):
        stamp = f"+{k}\x14\x14\x00".encode() + (texts if k == 5 else b"")
        records += content[768 + 160 * k : 768 + 160 * k + 128] + stamp.ljust(size, b"\x00")
    path.write_bytes(bytes(header) + records)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    study = tmp_path_factory.mktemp("html") / "study"
    inbox = study / "inbox/P1"
    inbox.mkdir(parents=True)
    title = "".join(ATTACKS).replace("\\", "").replace('"', '\\"')
    (study / "study.toml").write_text(f'[study]\nzone = "Europe/Rome"\ntitle = "{title}"\n')
    (study / "participants.tsv").write_text("participant_id\nP1\n")
    hostile_edf(inbox)
    for k, attack in enumerate(ATTACKS):
        device = re.sub("[\u2028\u2029]", "", attack)  # they end a line
        name = attack.replace("/", "\u2215")
        (inbox / f"{name}.txt").write_text(
            f"# device: {device}\n# start: 2024-03-0{k + 2}T22:00:00\n# unit: ms\n" + "800\n" * 400
        )
        (inbox / f"{name} refused.txt").write_text(f"no export {attack}\n")
        (inbox / f"{name} sidecar.txt").write_text(f"# start: 2024-02-0{k + 2}T22:00:00\n# unit: ms\n" + "800\n" * 400)
        (inbox / f"{name} sidecar.txt.json").write_text('{"<script>": 1}')
        (study / f"inbox/{name}").mkdir()
    opened = open_study(study)
    todo = units.plan(opened)
    done = [units.do_export(opened, unit) for unit in todo.exports]
    assert [str(outcome.status) for outcome in done].count("done") == len(ATTACKS) + 1
    units.do_participant(opened, "P1")
    units.do_cohort(opened, todo.strangers)
    return {path.name: path.read_text(encoding="utf-8") for path in (study / "reports").glob("*.html")}


def tags(pages: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for text in pages.values():
        yield from Page(text).tags


def test_the_attacks_stand_on_the_pages_as_text(pages: dict[str, str]) -> None:
    assert set(pages) == {"index.html", "P1.html"}
    for text in pages.values():
        words = "".join(Page(text).words)
        assert SCRIPT.replace("/", "\u2215") in words
        assert "{{ 7*7 }}" in words
        assert "&lt;b&gt;" in words, "escaped once, not twice or never"


def test_nothing_is_executed(pages: dict[str, str]) -> None:
    for tag, attributes in tags(pages):
        assert tag not in {"script", "iframe", "object", "embed", "base", "form", "link", "applet", "foreignobject"}
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for value in attributes.values():
            assert not re.match(r"\s*(javascript|vbscript|data:text)", value, re.IGNORECASE), (tag, attributes)


def test_nothing_is_fetched(pages: dict[str, str]) -> None:
    for tag, attributes in tags(pages):
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href", "srcset", "action", "poster", "background", "data"}:
                assert re.match(r"data:image/webp;base64,|#|\.\./dataset/|[\w.%-]+\.html$", value), (
                    tag,
                    name,
                    value[:80],
                )
            assert "url(" not in value or "url(#" in value
    for text in pages.values():
        (style,) = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
        assert not re.search(r"@import|url\(|expression", style)


def test_the_policy_stands_before_anything_that_it_governs(pages: dict[str, str]) -> None:
    for text in pages.values():
        first = [(tag, a.get("http-equiv", "")) for tag, a in Page(text).tags][:4]
        assert first == [("html", ""), ("head", ""), ("meta", ""), ("meta", "Content-Security-Policy")]
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert set(rules) <= {"default-src", "img-src", "style-src", "base-uri", "form-action"}
        assert rules["base-uri"] == rules["form-action"] == "'none'"
        assert rules["img-src"] == "data:"


def test_names_of_strangers_open_no_element(pages: dict[str, str]) -> None:
    known = {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "header",
            "footer",
            "p",
            "h1",
            "h2",
            "h3",
            "a",
            "dl",
            "dt",
            "dd",
        ),
        *("section", "details", "summary", "table", "tr", "th", "td", "ul", "li", "b", "br", "div", "span", "code"),
        *("svg", "g", "rect", "path", "line", "text", "circle", "image", "defs", "pattern", "tspan", "polygon", "desc"),
    }
    assert {tag for tag, _ in tags(pages)} <= known
    bold = [text.count("<b>") for text in pages.values()]
    assert max(bold) <= 5, "those of the template alone"
