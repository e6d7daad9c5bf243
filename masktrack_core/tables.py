"""The columns, units and dtypes of every CSV of the project, and the text of such a table.

Pure: a table becomes text and text a table; `masktrack_core.files.io` puts the text on disk. Equal
tables give byte-identical text, and a reread gives every float, string and truth value back
exactly.
"""

import io
import zlib
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from masktrack_core.errors import InputError

Kind: TypeAlias = Literal["text", "int", "float", "bool"]

CHECK = "check"
"""The last column of a sealed table."""

_DTYPES: dict[Kind, str] = {"text": "str", "int": "int64", "float": "float64", "bool": "bool"}


@dataclass(frozen=True)
class Column:
    """One column: its kind, its unit ("1" for a ratio, "" for none) and what it says."""

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of one kind of CSV, in the order they are written."""

    name: str
    columns: tuple[Column, ...]
    #: The columns that together name a row; no two rows agree in all of them. Empty: no check.
    key: tuple[str, ...] = ()
    #: Whether a file of this kind may have no row.
    may_be_empty: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return the column names, in order."""
        return tuple(column.name for column in self.columns)


_SEQUENCE = Column("sequence", "text", "", "name of the sequence in its data set")
_OBJECT = Column("object", "int", "", "object id within the sequence, 1 for a single object")
_T = Column("t", "int", "frame", "position in the sequence, 0 for the first frame")
_FRAME = Column("frame", "text", "", "frame name, the stem of its file, e.g. 00001")

INDEX = Schema(
    name="index",
    columns=(
        _T,
        _FRAME,
        _OBJECT,
        Column("frame_path", "text", "", "file of the frame"),
        Column("truth_path", "text", "", "file of the truth; empty where there is none"),
        Column("encoding", "text", "", "how the truth file is read: binary, labels, resized, coco"),
        Column("first", "int", "frame", "frame in which the object first appears, 0 where none"),
        Column("digest", "text", "", "of what the files hold; empty where they were not read"),
    ),
    key=("t", "object"),
)

STILLS = Schema(
    name="stills",
    columns=(
        Column("name", "text", "", "name of the picture, the stem of its file"),
        Column("image_path", "text", "", "file of the picture"),
        Column("mask_path", "text", "", "file of its saliency mask"),
        Column("digest", "text", "", "of what the files hold; empty where they were not read"),
    ),
    key=("name",),
)

SCORES = Schema(
    name="scores",
    columns=(
        Column("variant", "text", "", "row of the experiment table variants"),
        Column("annotation", "text", "", "row of the experiment table annotations"),
        Column("dataset", "text", "", "row of the experiment table datasets"),
        _SEQUENCE,
        _OBJECT,
        _FRAME,
        _T,
        Column("annotated", "bool", "", "the user gave this frame"),
        Column("scored", "bool", "", "counts in the means"),
        Column("J", "float", "1", "region similarity; empty where there is no truth"),
        Column("F", "float", "1", "contour accuracy; empty where there is no truth"),
    ),
    key=("variant", "annotation", "dataset", "sequence", "object", "t"),
)

DOUBT = Schema(
    name="doubt",
    columns=(
        *SCORES.columns[:10],
        Column("doubt", "float", "1", "1 less the J to be expected; 0 where the user gave it"),
    ),
    key=SCORES.key,
)

TEMPORAL = Schema(
    name="temporal",
    columns=(
        *SCORES.columns[:5],
        _FRAME,
        _T,
        Column("T", "float", "1", "temporal instability of the step to the frame; empty: none"),
    ),
    key=SCORES.key,
)

LOSSES = Schema(
    name="losses",
    columns=(
        Column("iteration", "int", "", "gradient steps done before this one"),
        Column("loss", "float", "nat", "mean cross-entropy of the batch"),
        Column("learning_rate", "float", "1", "base learning rate of this step"),
        Column("gradient_norm", "float", "1", "of all gradients together, before clipping"),
    ),
    key=("iteration",),
    may_be_empty=True,  # a network that was not trained
)


def check_columns(table: pd.DataFrame, schema: Schema, *, where: str = "table") -> pd.DataFrame:
    """Return a copy of the table with the schema's columns, in its order and with its dtypes.

    ``where`` names the table in messages, e.g. its file. The index is dropped. An empty table is
    allowed. Raises `InputError` for a missing, unknown or doubled column, a value of another kind,
    and two rows with the same key.
    """
    given = [str(name) for name in table.columns]
    if sorted(given) != sorted(schema.names):
        missing = [name for name in schema.names if name not in given]
        unknown = sorted({name for name in given if name not in schema.names})
        raise InputError(
            f"{where}: expected the columns of {schema.name} {list(schema.names)}, got {given} "
            f"(missing {missing}, unknown {unknown}); rename, add or drop columns"
        )
    columns = {c.name: _converted(table[c.name], c, where) for c in schema.columns}
    checked = pd.DataFrame(columns).reset_index(drop=True)
    if schema.key and checked.duplicated(list(schema.key)).any():
        doubled = checked.loc[checked.duplicated(list(schema.key)), list(schema.key)].iloc[0]
        raise InputError(
            f"{where}: expected one row for each {', '.join(schema.key)}, got two for "
            f"{doubled.to_dict()}; drop one of them"
        )
    return checked


def format_table(table: pd.DataFrame, schema: Schema, *, where: str = "table") -> str:
    """Return the CSV text of a table: a header line, then a row a line, ``\\n`` line ends.

    A float is written with the fewest digits that read back to the same bits, NaN as nothing,
    truth values as ``True`` and ``False``. Raises what `check_columns` raises.
    """
    checked = check_columns(table, schema, where=where)
    return checked.to_csv(index=False, lineterminator="\n", na_rep="")


def parse_table(text: str, schema: Schema, *, where: str = "table") -> pd.DataFrame:
    """Return the table of a CSV text; the inverse of `format_table`.

    Strings stay strings (``00001``, ``NA``, the empty string). Raises `InputError` for text that is
    no CSV and for what `check_columns` refuses, naming ``where``.
    """
    try:
        raw = pd.read_csv(
            io.StringIO(text, newline=""), dtype=str, keep_default_na=False, na_filter=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(
            f"{where}: expected a CSV with the columns {list(schema.names)}, got text that does "
            f"not parse ({error}); write the file again"
        ) from error
    if isinstance(raw.index, pd.MultiIndex) or not isinstance(raw.index, pd.RangeIndex):
        raise InputError(
            f"{where}: expected {len(schema.names)} values a row, got rows longer than the header; "
            "write the file again"
        )
    return check_columns(raw, schema, where=where)


def sealed(text: str) -> str:
    """Return a CSV text with one more column, ``check``, by which `unsealed` knows it is whole.

    A row's check is the CRC-32 of the number of rows, the header and all rows up to it: a changed
    character, a row left out and a file cut short are told, which a rerun by file times is not.
    """
    header, *rows = text.removesuffix("\n").split("\n")
    lines = [f"{header},{CHECK}"]
    lines += [f"{row},{check}" for row, check in zip(rows, _checks(header, rows), strict=True)]
    return "\n".join(lines) + "\n"


def unsealed(text: str, *, where: str = "table") -> str:
    """Return the text that `sealed` was given; raise `InputError` where it is not whole."""
    header, *rows = [line.rpartition(",") for line in text.split("\n")[:-1]] or [("", "", "")]
    given = [check for _, _, check in rows]
    body = [row for row, _, _ in rows]
    if (
        not text.endswith("\n")
        or header[2] != CHECK
        or "\r" in text
        or given != _checks(header[0], body)
    ):
        raise InputError(
            f"{where}: expected the table as it was written, got one that was damaged or changed "
            f"since (column {CHECK!r}); delete the file and run again, it is then made anew"
        )
    return "\n".join([header[0], *body]) + "\n"


def _checks(header: str, rows: list[str]) -> list[str]:
    """Return the check of each row."""
    check, checks = zlib.crc32(f"{len(rows)}\n{header}".encode()), []
    for row in rows:
        check = zlib.crc32(f"\n{row}".encode(), check)
        checks.append(f"{check:08x}")
    return checks


def _converted(values: "pd.Series[Any]", column: Column, where: str) -> "pd.Series[Any]":
    """Return one column with the dtype of its kind, from typed values or from CSV text."""
    convert = {"text": _as_text, "int": _as_int, "float": _as_float, "bool": _as_bool}[column.kind]
    series: pd.Series[Any] = pd.Series(values).reset_index(drop=True)
    converted: list[object] = []
    for row, value in enumerate(series):
        try:
            converted.append(convert(value))
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise InputError(
                f"{where}: column {column.name!r} ({column.meaning}), row {row}: expected a value "
                f"of kind {column.kind}, got {value!r}; correct it"
            ) from error
    return pd.Series(converted, dtype=_DTYPES[column.kind])


def _as_text(value: object) -> str:
    if isinstance(value, str) and "\r" not in value and "\n" not in value:  # a row is a line
        return value
    raise TypeError("no text of one line")


def _as_int(value: Any) -> int:
    if isinstance(value, str | int | np.integer) and not isinstance(value, bool):
        return int(value)
    raise TypeError("no integer")


def _as_float(value: Any) -> float:
    if value is None or value is pd.NA or (isinstance(value, str) and value == ""):
        return float("nan")
    if isinstance(value, bool | np.bool_):
        raise TypeError("no number")
    return float(value)


def _as_bool(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return {"True": True, "False": False}[str(value)]
