import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.experiment.results import markdown_table, method_table, sequence_table

ROWS = (TableRow(method="Ours", variant="masktrack"),)
PUBLISHED = pd.DataFrame({"method": ["BVS", "NLC"], "dataset": "davis", "miou": [66.5, 64.1]})


def scores(js, scored=None, sequence="a", number=1):
    return pd.DataFrame(
        {
            "variant": "masktrack",
            "annotation": "first",
            "dataset": "davis2016",
            "sequence": sequence,
            "object": number,
            "scored": scored or [True] * len(js),
            "J": js,
            "F": js,
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
    table = sequence_table(scores([0.0, 0.8, 0.0], [False, True, False]), ROWS)
    assert table.J.tolist() == pytest.approx([80.0]) and table.frames.tolist() == [1]


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
