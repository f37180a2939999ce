"""Write docs/formats.md from the readers' own declarations (`make formats`)."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from flows.formats import formats

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "formats.md"
HEAD = """\
# Export formats

Written by `make formats` from the declarations of the readers; do not edit. `sleeploop devices` shows the same.

A file is recognised by its content, never by its name. What a format leaves out is told in a sidecar: `night.edf.json`
beside `night.edf` (or `folder.json` beside a folder that is one export), with any of these keys:

| key | says | example |
|---|---|---|
| `zone` | the zone in which the device's clock was set | `"Europe/Rome"` |
| `start` | the wall clock of the start, for formats without a clock | `"2024-03-30T22:15:00"` |
| `true_start` | when it really began, for a clock that was never set: everything is moved | `"2024-03-30T22:15:00"` |
| `units` | units by channel or analyte, where the file names none | `{"EEG Fpz-Cz": "uV"}` |
| `channels` | which channels to read, most wanted first | `["F4-M1", "ECG"]` |
| `date_order` | how 03/04/2024 is to be read, where the file cannot tell | `"day first"` or `"month first"` |
| `dialect` | whose stage codes a hypnogram of bare numbers uses | `"yasa"` |
| `device` | a name that tells two devices of one make apart, worn at once | `"ankle"` |
| `epoch_s` | epoch length of a hypnogram that names none | `30` |

Zones come from the file, else the sidecar, else the participant (`participants.tsv`, `travel.tsv`), else the study;
never from the host. Clocks are of five kinds: *utc* and *utc offset* are instants; a *device clock* was set once and
runs on through clock changes and journeys; a *local clock* follows its wearer's zone, as a phone does; *elapsed* time
has no clock at all.
"""


def text() -> str:
    """The whole page."""
    parts = [HEAD]
    for family, entries in groupby(formats(), key=lambda entry: str(entry["family"])):
        parts += [f"\n## {family}\n", "| format | looks like | gives | clock |", "|---|---|---|---|"]
        for entry in entries:
            gives = entry["gives"]
            kinds = ", ".join(f"`{kind}`" for kind in gives) if isinstance(gives, list) else ""
            needs = f" (extra `{entry['extra']}`)" if entry["extra"] else ""
            looks = str(entry["looks_like"]).replace("|", "\\|")
            parts.append(f"| `{entry['name']}`{needs} | {looks} | {kinds} | {entry['clock']} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
