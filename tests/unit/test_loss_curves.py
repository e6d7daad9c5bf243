import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.figures import loss_curves


def table(length, first=1.0):
    steps = np.arange(length)
    noise = np.random.default_rng(length).uniform(0.8, 1.25, length)
    loss = first * np.exp(-steps / 100) * noise
    return pd.DataFrame(
        {"iteration": steps, "learning_rate": 0.001 * (1 - steps / length), "loss": loss}
    )


def test_each_network_has_its_losses_and_its_rate_in_one_colour():
    tables = {"segment": table(200), "box": table(120, 2.0)}
    upper, lower = loss_curves(tables).axes
    median, single, *_ = upper.lines
    assert np.array_equal(single.get_ydata(), tables["segment"]["loss"])
    assert median.get_color() == single.get_color() == lower.lines[0].get_color()
    assert np.array_equal(lower.lines[1].get_ydata(), tables["box"]["learning_rate"])
    assert [text.get_text() for text in upper.get_legend().texts] == ["segment", "box"]


def test_the_running_median_leaves_single_jumps_out():
    losses = table(200)
    losses["loss"] = 1.0
    losses.loc[100, "loss"] = 50.0
    median = loss_curves({"segment": losses}).axes[0].lines[0]
    assert set(median.get_ydata()) == {1.0}


def test_a_network_without_offline_training_is_said_in_the_legend():
    upper, _ = loss_curves({"none": table(0)}).axes
    assert upper.get_legend().texts[0].get_text() == "none (not trained offline)"


def test_no_network_is_refused():
    with pytest.raises(InputError, match="at least one network"):
        loss_curves({})
