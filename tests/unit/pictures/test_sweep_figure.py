import numpy as np
import pandas as pd
import pytest

from masktrack_core.pictures.sweep_figure import sweep_figure


def points(values, methods=("Ours",), datasets=("A",), sd=np.nan):
    rows = [
        {"dataset": d, "method": m, "parameter": "crfs.x.iterations", "value": v, "J": 70.0 + n}
        for d in datasets
        for m in methods
        for n, v in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(sd=sd)


@pytest.mark.parametrize(
    ("values", "places", "scale"),
    [
        ([3, 5, 9], [3, 5, 9], "linear"),
        ([0.0001, 0.001, 0.01], [0.0001, 0.001, 0.01], "log"),
        ([0, 5, 100], [0, 5, 100], "linear"),
        (["dis", "epic"], [0, 1], "linear"),
    ],
)
def test_numbers_stand_where_they_lie_and_words_in_their_order(values, places, scale):
    (axes,) = sweep_figure(points(values)).axes
    (line, *_) = axes.containers[0]
    assert line.get_xdata().tolist() == places and line.get_ydata()[0] == 70.0
    assert axes.get_xticks().tolist() == places and axes.get_xscale() == scale
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(v) for v in values]
    assert axes.get_xlabel() == "crfs.x.iterations" and axes.get_ylabel() == "J, %"


def test_a_line_is_named_by_what_differs_and_bars_are_the_deviation():
    figure = sweep_figure(points([1, 2], methods=("Ours", "Theirs"), datasets=("A", "B"), sd=1.5))
    (axes,) = figure.axes
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["Ours, A", "Theirs, A", "Ours, B", "Theirs, B"]
    _, _, (bars,) = axes.containers[0]
    assert bars.get_segments()[0][:, 1].tolist() == [68.5, 71.5]
    styles = {(c[0].get_color(), c[0].get_linestyle(), c[0].get_marker()) for c in axes.containers}
    assert len(styles) == 4


def test_bars_are_left_out_where_no_seed_was_repeated():
    figure = sweep_figure(points([1, 2]))
    assert figure.axes[0].containers[0].has_yerr is False
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Ours"]
