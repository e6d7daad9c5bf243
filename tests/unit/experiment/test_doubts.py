import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.doubts import agreement_table, auc, doubt_rows, rank_correlation
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.pictures.doubt_figure import doubt_figure

ROW = TableRow(method="Ours", variant="ours")


def doubts(doubt, j, sequence="a", variant="ours"):
    count = len(j)
    return pd.DataFrame(
        {
            "variant": variant, "annotation": "first", "dataset": "davis", "sequence": sequence,
            "object": 1, "frame": [f"{t:05d}" for t in range(count)], "t": range(count),
            "annotated": [t == 1 for t in range(count)], "scored": [t > 0 for t in range(count)],
            "J": j, "doubt": doubt,
        }
    )  # fmt: skip


def test_rank_correlation_shares_ranks_of_equal_values():
    a, b = np.array([1.0, 2, 2, 4]), np.array([10.0, 30, 20, 40])
    # Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: covariance 4.5 over sqrt(4.5 · 5).
    assert rank_correlation(a, b) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert np.isnan(rank_correlation(np.ones(4), b))


def test_the_area_is_the_chance_of_the_right_order():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    # Pairs of positive and other: 0.4 > 0.1, 0.4 = 0.4, 0.8 > 0.1, 0.8 > 0.4.
    assert auc(score, np.array([False, True, False, True])) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(score, np.ones(4, np.bool_)))


def test_rows_are_the_scored_frames_that_were_not_given():
    table = pd.concat(
        [doubts([0, 0, 0.2, 0.6], [1, 1, 0.9, 0.3]), doubts([0] * 4, [1] * 4, variant="x")]
    )
    rows = doubt_rows(table, [ROW])
    assert rows.t.tolist() == [2, 3] and rows.method.tolist() == ["Ours", "Ours"]
    with pytest.raises(InputError, match="doubts of Mine: expected scored frames"):
        doubt_rows(table, [TableRow(method="Mine", variant="mine")])


def test_agreement_is_over_all_frames_and_by_sequence():
    a = doubts([0, 0, 0.2, 0.6, 0.4], [1, 1, 0.9, 0.3, 0.8])
    b = doubts([0, 0, 0.1, 0.3, 0.2], [1, 1, 0.2, 0.6, 0.5], "b")
    table = agreement_table(doubt_rows(pd.concat([a, b]), [ROW])).set_index("sequence")
    assert table.correlation["a"] == pytest.approx(1) and table.auc["a"] == 1
    assert table.correlation["b"] == pytest.approx(-1) and np.isnan(table.auc["b"])
    assert table.frames.tolist() == [6, 3, 3] and table.below.tolist() == [4, 1, 3]


def test_a_figure_has_a_panel_for_all_frames_and_one_a_sequence():
    both = pd.concat([doubts([0, 0, 0.2, 0.6], [1, 1, 0.9, 0.3]), doubts([0] * 4, [1] * 4, "b")])
    figure = doubt_figure(doubt_rows(both, [ROW]))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["all, ρ 1.00", "a, ρ 1.00", "b"]
    (points,) = [line for line in shown[1].lines if line.get_label() == "Ours"]
    assert points.get_xydata().round(6).tolist() == [[0.2, 0.1], [0.6, 0.7]]
    with pytest.raises(InputError, match="table of a figure: expected rows"):
        doubt_figure(pd.DataFrame({"doubt": []}))
