import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.experiment.results import markdown_table, method_table, sequence_table

ROWS = (TableRow(method="Ours", variant="masktrack"),)
PUBLISHED = pd.DataFrame({"method": ["BVS", "NLC"], "dataset": "davis", "miou": [66.5, 64.1]})


def scores(js, scored=None, sequence="a", number=1, fs=None):
    return pd.DataFrame(
        {
            "variant": "masktrack",
            "annotation": "first",
            "dataset": "davis2016",
            "sequence": sequence,
            "object": number,
            "scored": scored or [True] * len(js),
            "J": js,
            "F": js if fs is None else fs,
        }
    )


def test_the_mean_is_over_sequences_not_over_frames():
    both = pd.concat([scores([1.0] * 9), scores([0.0], sequence="b")])
    table = method_table(sequence_table(both, ROWS), ["davis2016"], PUBLISHED, {})
    assert table.values.tolist() == [["Ours", "computed", 50.0]]


def test_objects_of_one_sequence_are_separate_problems():
    both = pd.concat([scores([1.0]), scores([0.5], number=2), scores([0.0], sequence="b")])
    table = method_table(sequence_table(both, ROWS), ["davis2016"], PUBLISHED, {})
    assert table.davis2016.tolist() == [50.0]


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
        *("method", "source", "dataset", "sequence", "object", "frames", "J", "F")
    ]
    expected = [
        ["Ours", "computed", "davis2016", "a", 2, 2, 20.0, 40.0],
        ["Box", "computed", "davis2016", "a", 2, 1, 50.0, 70.0],
        ["Copy", "computed", "x", "b", 3, 1, 80.0, 90.0],
    ]
    for row, wanted in zip(table.values.tolist(), expected, strict=True):
        assert row[:6] == wanted[:6] and row[6:] == pytest.approx(wanted[6:])


def test_a_mean_over_nothing_is_an_error_that_names_the_object():
    with pytest.raises(InputError, match="davis2016/a/1"):
        sequence_table(scores([0.5], [False]), ROWS)


def test_published_rows_follow_ours_where_the_data_set_has_them():
    sequences = sequence_table(scores([0.5]), ROWS)
    table = method_table(sequences, ["davis2016"], PUBLISHED, {"davis2016": "davis"})
    assert table.source.tolist() == ["computed", "published", "published"]
    assert table.davis2016.tolist() == [50.0, 66.5, 64.1]
    page = markdown_table(table, {"davis2016": "DAVIS"})
    assert page.splitlines()[0] == "| method | source | DAVIS |"
    assert "| NLC | published | 64.1 |" in page
