import zlib

import numpy as np
import pandas as pd
import pytest

from masktrack_core import tables
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.tables import INDEX, Column, Schema

#: Of its own, so that a new column of the project's tables is no news here.
SCORES = Schema(
    name="scores",
    columns=(
        Column("sequence", "text", "", ""),
        Column("object", "int", "", ""),
        Column("frame", "text", "", ""),
        Column("t", "int", "frame", ""),
        Column("annotated", "bool", "", ""),
        Column("scored", "bool", "", ""),
        Column("J", "float", "1", ""),
        Column("F", "float", "1", ""),
    ),
    key=("sequence", "object", "t"),
)


def scores(**changes):
    columns = {
        "sequence": ["cows", "cows"],
        "object": [1, 1],
        "frame": ["00000", "00001"],
        "t": [0, 1],
        "annotated": [True, False],
        "scored": [False, True],
        "J": [np.nan, 0.1 + 0.2],
        "F": [np.nan, 1 / 3],
    }
    return pd.DataFrame(columns | changes)


def test_a_table_comes_back_exactly(tmp_path):
    io.write_table(tmp_path / "a.csv", scores(), SCORES)
    pd.testing.assert_frame_equal(
        io.read_table(tmp_path / "a.csv", SCORES), scores(), check_exact=True
    )


def test_any_float_comes_back_to_the_bit():
    bits = np.random.default_rng(0).integers(0, 2**63, 2000, dtype=np.int64)
    values = bits.view(np.float64)
    values = values[np.isfinite(values)]
    schema = Schema(name="x", columns=(Column("a", "float", "", ""), Column("b", "float", "", "")))
    table = pd.DataFrame({"a": values, "b": -0.0})
    again = tables.parse_table(tables.format_table(table, schema), schema)
    assert np.array_equal(again["a"].to_numpy().view(np.int64), values.view(np.int64))
    assert np.signbit(again["b"]).all()


@pytest.mark.parametrize(
    "text",
    ["00001", "1e5", "", "NA", "nan", "None", "True", 'a,"b"', "ä é 語", " x "],
)
def test_strings_survive_as_strings(text):
    schema = Schema(name="names", columns=(Column("a", "text", "", ""), Column("b", "int", "", "")))
    table = pd.DataFrame({"a": [text], "b": [1]})
    assert tables.parse_table(tables.format_table(table, schema), schema)["a"].tolist() == [text]


def test_equal_tables_give_equal_bytes_whatever_their_column_order_and_dtype(tmp_path):
    io.write_table(tmp_path / "a.csv", scores(), SCORES)
    other = scores()[list(reversed(SCORES.names))].set_index(pd.Index([7, 9]))
    io.write_table(tmp_path / "b.csv", other.astype({"t": "int32", "frame": object}), SCORES)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert tables.unsealed((tmp_path / "a.csv").read_text()) == (
        "sequence,object,frame,t,annotated,scored,J,F\n"
        "cows,1,00000,0,True,False,,\n"
        "cows,1,00001,1,False,True,0.30000000000000004,0.3333333333333333\n"
    )


def test_the_check_of_a_row_is_the_crc_of_the_count_the_header_and_the_rows_up_to_it():
    sealed = tables.sealed("a,b\n1,2\n3,4\n")
    first, second = zlib.crc32(b"2\na,b\n1,2"), zlib.crc32(b"2\na,b\n1,2\n3,4")
    assert sealed == f"a,b,check\n1,2,{first:08x}\n3,4,{second:08x}\n"
    assert tables.unsealed(sealed) == "a,b\n1,2\n3,4\n"
    assert tables.unsealed(tables.sealed("a,b\n")) == "a,b\n"


def test_a_file_changed_in_any_byte_cut_anywhere_or_short_of_a_row_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    io.write_table(path, scores(), SCORES)
    whole = path.read_bytes()
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    lines = whole.splitlines(keepends=True)
    short = [b"".join(lines[:i] + lines[i + 1 :]) for i in range(len(lines))]
    for damaged in [*flipped, *(whole[:i] for i in range(len(whole))), *short, lines[0]]:
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.csv.*") as refused:
            io.read_table(path, SCORES)
    assert "delete the file and run again" in str(refused.value)


def test_only_losses_may_have_no_row(tmp_path):
    path = tmp_path / "a.csv"
    io.write_table(path, pd.DataFrame(columns=list(tables.LOSSES.names)), tables.LOSSES)
    assert io.read_table(path, tables.LOSSES).empty
    io.write_table(path, scores().iloc[:0], SCORES)
    with pytest.raises(InputError, match="at least one row"):
        io.read_table(path, SCORES)


def test_an_empty_table_keeps_its_columns_and_dtypes():
    empty = tables.check_columns(scores().iloc[:0], SCORES)
    again = tables.parse_table(tables.format_table(empty, SCORES), SCORES)
    pd.testing.assert_frame_equal(again, empty)
    assert again["t"].dtype == np.int64
    assert again["J"].dtype == np.float64


@pytest.mark.parametrize("nothing", [None, pd.NA, np.nan, ""])
def test_a_float_that_is_not_there_is_nan_however_that_is_said(nothing):
    given = scores(J=pd.Series([nothing, 0.5], dtype=object))
    checked = tables.check_columns(given, SCORES).J
    assert checked.dtype == np.float64 and np.isnan(checked[0]) and checked[1] == 0.5


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\r\n"])
def test_a_text_of_two_lines_is_refused(text):
    with pytest.raises(InputError, match=r"column 'frame'.*row 1: expected a value of kind text"):
        tables.check_columns(scores(frame=["00000", text]), SCORES)


def test_the_given_table_is_not_changed():
    given = scores().astype({"t": "int32"})
    tables.check_columns(given, SCORES)
    assert given["t"].dtype == np.int32


def test_missing_and_unknown_columns_are_named():
    with pytest.raises(InputError, match=r"x\.csv.*missing \['J'\], unknown \['iou'\]"):
        tables.check_columns(scores().rename(columns={"J": "iou"}), SCORES, where="x.csv")


@pytest.mark.parametrize(
    "changes",
    [
        {"t": [0, 1.5]},
        {"t": [0, True]},
        {"t": ["0", "one"]},
        {"frame": [0, 1]},
        {"frame": ["0", "a\rb"]},
        {"annotated": [0, 1]},
        {"annotated": ["yes", "no"]},
        {"J": ["high", "low"]},
        {"J": [True, False]},
    ],
)
def test_a_value_of_another_kind_is_named_with_its_column(changes):
    with pytest.raises(InputError, match=f"column '{next(iter(changes))}'.*got"):
        tables.check_columns(scores(**changes), SCORES)


def test_two_rows_of_the_same_frame_are_refused():
    with pytest.raises(InputError, match=r"two for .*'t': 1"):
        tables.check_columns(scores(t=[1, 1]), SCORES)


@pytest.mark.parametrize("text", ["", "\n", "t,frame\n0,a,b\n", "a,b,c,d,e,f,g,h\n1\n"])
def test_a_text_that_is_no_such_table_names_its_file(text):
    with pytest.raises(InputError, match=r"x\.csv"):
        tables.parse_table(text, SCORES, where="x.csv")


def test_a_row_longer_than_the_header_is_not_taken_for_an_index():
    text = "t,frame,object,frame_path,truth_path,encoding\n0,a,1,f,,binary,more\n"
    with pytest.raises(InputError, match="longer"):
        tables.parse_table(text, INDEX)


def test_a_missing_file_and_one_that_is_not_utf8_are_input_errors(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(InputError, match=name):
            io.read_table(tmp_path / name, SCORES)


def test_every_column_says_what_it_is():
    schemas = [value for value in vars(tables).values() if isinstance(value, Schema)]
    assert len(schemas) >= 4
    for schema in schemas:
        assert all(column.meaning for column in schema.columns)
        assert set(schema.key) <= set(schema.names)


#: What names a row of each table, and a value of another row for each of those columns.
KEYS = {
    "index": ("t", "object"),
    "stills": ("name",),
    "scores": ("variant", "annotation", "dataset", "sequence", "object", "t"),
    "losses": ("iteration",),
    "doubt": ("variant", "annotation", "dataset", "sequence", "object", "t"),
    "temporal": ("variant", "annotation", "dataset", "sequence", "object", "t"),
}
SCHEMAS = {value.name: value for value in vars(tables).values() if isinstance(value, Schema)}


@pytest.mark.parametrize("name", KEYS)
def test_two_rows_of_one_key_are_refused_whatever_else_they_hold(name):
    """A frame that was scored twice would count twice."""
    schema = SCHEMAS[name]
    assert schema.key == KEYS[name] and set(KEYS) == set(SCHEMAS)
    values = {"text": ("a", "b"), "int": (1, 2), "float": (0.1, 0.2), "bool": (True, False)}
    kinds = {column.name: column.kind for column in schema.columns}
    same = {key: [values[kind][0]] * 2 for key, kind in kinds.items()}
    other = {key: list(values[kind]) for key, kind in kinds.items()}
    doubled = pd.DataFrame({key: (same if key in schema.key else other)[key] for key in kinds})
    with pytest.raises(InputError, match=r"expected one row for each .*, got two"):
        tables.check_columns(doubled, schema)
    for key in schema.key:
        assert len(tables.check_columns(doubled.assign(**{key: other[key]}), schema)) == 2
