import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow, VariantRecipe
from masktrack_core.experiment.results import curve_table, row_source, sequence_table
from masktrack_core.measures.metrics import summarize

ROWS = (TableRow(method="Ours", variant="masktrack"),)


def scores(js, scored=None, sequence="a", number=1, fs=None):
    return pd.DataFrame(
        {
            "variant": "masktrack",
            "annotation": "first",
            "dataset": "davis2016",
            "sequence": sequence,
            "object": number,
            "t": range(len(js)),
            "scored": scored or [True] * len(js),
            "J": js,
            "F": js if fs is None else fs,
        }
    )


def test_frames_outside_the_protocol_do_not_count():
    frames = scores([0.0, 0.8, 0.6, 0.1], [False, True, True, False], fs=[0.2, 0.5, 0.3, 0.9])
    table = sequence_table(frames, ROWS)
    assert table.J.tolist() == pytest.approx([70.0]) and table.frames.tolist() == [2]
    assert table.F.tolist() == pytest.approx([40.0])


def test_every_column_of_a_sequence_is_that_of_its_own_scores():
    rows = (
        TableRow(method="Ours", variant="masktrack"),
        TableRow(method="Box", variant="masktrack", annotation="first_box"),
        TableRow(method="Copy", variant="copy_first"),
    )
    parts = [
        scores([0.1, 0.3], sequence="a", number=2, fs=[0.2, 0.6]),
        scores([0.5], sequence="a", number=2, fs=[0.7]).assign(annotation="first_box"),
        scores([0.8], sequence="b", number=3, fs=[0.9]).assign(variant="copy_first", dataset="x"),
    ]
    table = sequence_table(pd.concat(parts), rows)
    assert list(table.columns) == [
        *("method", "source", "dataset", "sequence", "object", "frames"),
        *("J", "F", "J_recall", "J_decay", "F_recall", "F_decay"),
    ]
    expected = [
        ["Ours", "computed", "davis2016", "a", 2, 2, 20.0, 40.0, 0.0, -20.0, 50.0, -40.0],
        ["Box", "computed", "davis2016", "a", 2, 1, 50.0, 70.0, 0.0, 0.0, 100.0, 0.0],
        ["Copy", "computed", "x", "b", 3, 1, 80.0, 90.0, 100.0, 0.0, 100.0, 0.0],
    ]
    for row, wanted in zip(table.values.tolist(), expected, strict=True):
        assert row[:6] == wanted[:6] and row[6:] == pytest.approx(wanted[6:])


def test_a_mean_over_nothing_is_an_error_that_names_the_object():
    with pytest.raises(InputError, match="Ours: no frame of davis2016/a/1"):
        sequence_table(scores([0.5], [False]), ROWS)


def test_recall_and_decay_are_those_of_the_scored_frames():
    js = [0.0, 0.9, 0.8, 0.4, 0.3, 1.0]
    row = sequence_table(scores(js, [False, True, True, True, True, False]), ROWS).iloc[0]
    known = summarize(np.array(js[1:-1]))
    assert (row.J_recall, row.F_recall) == (50.0, 50.0)
    assert row.J_decay == pytest.approx(100 * known.decay) and known.decay > 0.4


def test_instability_is_a_mean_over_its_steps_and_empty_where_it_is_not_taken():
    steps = scores([0.0] * 3)[["variant", "annotation", "dataset", "sequence", "object"]]
    both = pd.concat([scores([0.5]), scores([0.5], sequence="b")])
    table = sequence_table(both, ROWS, temporal=steps.assign(T=[0.1, np.nan, 0.3]))
    assert table["T"].tolist() == pytest.approx([20.0, np.nan], nan_ok=True)


def test_curves_hold_scored_and_annotated_frames_of_each_method():
    frames = scores([1.0, 0.5, 0.25], [False, True, False]).assign(
        t=[0, 1, 2], frame=["0", "1", "2"], annotated=[True, False, False]
    )
    table = curve_table(frames, ROWS)
    assert table.t.tolist() == [0, 1] and table.J.tolist() == [100.0, 50.0]
    assert set(table.method) == {"Ours"} and "scored" not in table


@pytest.mark.parametrize(
    ("given", "source"),
    [({"masks": "x.zip"}, "given"), ({"oracle": "box"}, "oracle"), ({"oracle": "copy"}, "computed"),
     ({"trackers": ("rgb",)}, "computed")],
)  # fmt: skip
def test_a_row_says_where_it_comes_from(given, source):
    variant = VariantRecipe(name="v", **given)
    assert row_source(variant) == source
    assert sequence_table(scores([1.0]), ROWS, sources={"masktrack": source}).source[0] == source
