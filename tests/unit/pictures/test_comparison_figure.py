import pandas as pd
import pytest

from masktrack_core.experiment.comparison import Comparison
from masktrack_core.pictures.comparison_figure import comparison_figure


def test_bars_are_in_the_order_of_the_rows_from_the_top():
    names, differences = ["a", "c", "d", "b"], [25.0, 20.0, 0.0, -25.0]
    rows = pd.DataFrame({"sequence": names, "object": 1, "difference": differences})
    found = Comparison(first="A", second="B", rows=rows, mean=5.0, low=-20.0, high=22.0)
    (axes,) = comparison_figure(found).axes
    assert [bar.get_width() for bar in axes.containers[0]] == pytest.approx(differences)
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert axes.yaxis_inverted()
    assert {bar.get_facecolor() for bar in axes.containers[0][:3]} != {
        axes.containers[0][3].get_facecolor()
    }
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["mean +5.0", "95 % interval -20.0 to +22.0"]


def test_the_names_of_long_methods_are_within_the_picture():
    rows = pd.DataFrame({"sequence": ["a"], "object": 1, "difference": [1.0]})
    name = "MaskTrack without online fine-tuning, one frame late"
    found = Comparison(first=name, second=name, rows=rows, mean=1, low=0, high=2)
    figure = comparison_figure(found)
    figure.draw_without_rendering()
    label = figure.axes[0].xaxis.label.get_window_extent()
    assert label.x0 >= 0 and label.x1 <= figure.bbox.width
