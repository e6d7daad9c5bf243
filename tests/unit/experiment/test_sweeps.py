import pandas as pd
import pytest

from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.sweeps import sweep_table

RADIUS, STEPS = "propagations.ours.dilation_radius", "schedules.online.iterations"


def recipe(*values, **table):
    rows = [
        {"method": f"Ours {n}", "variant": "v", "swept": {"method": "Ours", "values": each}}
        for n, each in enumerate(values)
    ]
    rows.append({"method": "Oracle", "variant": "oracle"})
    return TableRecipe.from_row("t", {"datasets": ["a", "b"], "rows": rows} | table)


def test_a_point_is_the_tables_number_and_rows_beside_the_sweep_are_none():
    table = pd.DataFrame({"method": ["Ours 0", "Ours 1", "Oracle"], "a": [70.0, 71.5, 99.0]})
    table["b"] = [60.0, 61.5, 98.0]
    points = sweep_table(table, recipe({RADIUS: 3}, {RADIUS: 5}))
    assert points.columns.tolist() == ["dataset", "method", "parameter", "value", "J", "sd"]
    assert points.dataset.tolist() == ["a", "a", "b", "b"]
    assert points.J.tolist() == [70.0, 71.5, 60.0, 61.5]
    assert points.value.tolist() == [3, 5, 3, 5] and set(points.parameter) == {RADIUS}
    assert set(points.method) == {"Ours"} and points.sd.isna().all()


def test_a_second_parameter_is_of_the_curve_and_deviations_are_those_over_seeds():
    table = pd.DataFrame(
        {"method": ["Ours 0", "Ours 1"], "a F": [70.0, 71.5], "a F sd": [1.0, 2.0]}
    )
    table[["b F", "b F sd"]] = table[["a F", "a F sd"]]
    mine = recipe(
        {RADIUS: None, STEPS: 20}, {RADIUS: None, STEPS: 40}, measures=["F", "J"], seeds=[1, 2]
    )
    points = sweep_table(table, mine)
    assert points.method.tolist()[:2] == ["Ours, iterations 20", "Ours, iterations 40"]
    assert points.value.tolist()[0] == "null" and points.F.tolist()[:2] == [70.0, 71.5]
    assert points.sd.tolist() == pytest.approx([1.0, 2.0, 1.0, 2.0])
