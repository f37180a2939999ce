"""Write docs/dictionary.md again from the declarations: `make dictionary`."""

from __future__ import annotations

from pathlib import Path

from pipeline.features import TABLES

PATH = Path(__file__).resolve().parents[2] / "docs" / "dictionary.md"


def text() -> str:
    """The dictionary as Markdown: one section a table."""
    lines = [
        "# Data dictionary",
        "",
        "Written by `make dictionary` from the declarations beside the code; do not edit.",
        "",
    ]
    for table in TABLES:
        lines += [f"## {table.name}", "", f"One row per {table.row}. Key: {', '.join(table.keys)}.", ""]
        lines += ["| column | type | unit | meaning | null when | source |", "|---|---|---|---|---|---|"]
        for column in table.columns:
            cells = (column.name, column.dtype, column.unit, column.meaning, column.null_when, column.source)
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
