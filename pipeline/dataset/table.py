"""What a table is: columns that say their type, unit, meaning, source and range; and the checks derived from them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.errors import Fault, TableFault

Dtype = pl.DataType | type[pl.DataType]


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column. `low`/`high` are the values it can take at all, not those that are usual."""

    name: str
    dtype: Dtype
    unit: str
    """The unit in words that also stand in the name ('ms', 'min', 'count'); '' for labels, '1' for ratios."""
    meaning: str
    source: str = ""
    """Where the definition comes from: a DOI, a guideline, or 'sleeploop' for our own bookkeeping."""
    low: float | None = None
    high: float | None = None
    nullable: bool = True
    null_when: str = ""
    """In words: what a null means here ('fewer than 60 adjacent beat pairs')."""


@dataclass(frozen=True, slots=True)
class Table:
    """A named schema. `check` returns the frame in declared column order or raises with the first broken rule."""

    name: str
    row: str
    """What one row is, in words."""
    keys: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pl.Schema:
        """The Polars schema."""
        return pl.Schema({c.name: c.dtype for c in self.columns})

    def empty(self) -> pl.DataFrame:
        """A frame of no rows."""
        return pl.DataFrame(schema=self.schema)

    def frame(self, rows: list[dict[str, object]]) -> pl.DataFrame:
        """Rows as a checked frame. Every row must name every column and no other (Polars would not mind)."""
        names = {c.name for c in self.columns}
        for number, row in enumerate(rows):
            if row.keys() != names:
                raise TableFault(
                    Fault.TABLE,
                    f"table {self.name}: row {number} does not hold the declared columns",
                    known=f"missing {sorted(names - row.keys())}, undeclared {sorted(row.keys() - names)}",
                )
        return self.check(pl.DataFrame(rows, schema=self.schema))

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame, in declared order, after every declared rule held.

        Raises
        ------
        TableFault
            For missing or undeclared columns, a wrong type, a null or NaN where none may be, a value out of
            range, or a repeated key; the text names the column and the first offending value.
        """
        names = [c.name for c in self.columns]
        if set(frame.columns) != set(names):
            missing, extra = set(names) - set(frame.columns), set(frame.columns) - set(names)
            self._fail(f"missing columns {sorted(missing)}, undeclared {sorted(extra)}")
        frame = frame.select(names)
        for column in self.columns:
            self._check_column(column, frame.get_column(column.name))
        if self.keys and frame.height and frame.select(self.keys).is_duplicated().any():
            twice = frame.filter(frame.select(self.keys).is_duplicated()).select(self.keys).row(0)
            self._fail(f"more than one row for {dict(zip(self.keys, twice, strict=True))}")
        return frame

    def _check_column(self, column: Column, values: pl.Series) -> None:
        if values.dtype != column.dtype:
            self._fail(f"column {column.name} is {values.dtype}, declared {column.dtype}")
        if not column.nullable and values.null_count():
            self._fail(f"column {column.name} has {values.null_count()} nulls and may have none")
        if values.dtype.is_float():
            odd = int((~values.is_finite()).fill_null(value=False).sum())
            if odd:
                self._fail(f"column {column.name} has {odd} values that are not finite; missing is null")
        if column.low is not None and len(out := values.filter((values < column.low).fill_null(value=False))):
            self._fail(f"column {column.name}: {len(out)} value(s) below {column.low}, the first {out[0]}")
        if column.high is not None and len(out := values.filter((values > column.high).fill_null(value=False))):
            self._fail(f"column {column.name}: {len(out)} value(s) above {column.high}, the first {out[0]}")

    def _fail(self, what: str) -> None:
        raise TableFault(Fault.TABLE, f"table {self.name}: {what}", hint="please report this: it is our bug")


def dictionary(tables: tuple[Table, ...]) -> pl.DataFrame:
    """The data dictionary: one row per table × column, in declared order."""
    return pl.DataFrame(
        [
            {
                "table": table.name,
                "column": column.name,
                "dtype": str(column.dtype),
                "unit": column.unit,
                "meaning": column.meaning,
                "source": column.source,
                "low": column.low,
                "high": column.high,
                "nullable": column.nullable,
                "null_when": column.null_when,
            }
            for table in tables
            for column in table.columns
        ],
        schema={
            "table": pl.String,
            "column": pl.String,
            "dtype": pl.String,
            "unit": pl.String,
            "meaning": pl.String,
            "source": pl.String,
            "low": pl.Float64,
            "high": pl.Float64,
            "nullable": pl.Boolean,
            "null_when": pl.String,
        },
    )
