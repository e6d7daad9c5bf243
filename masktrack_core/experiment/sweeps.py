"""What a sweep shows: quality over the values of a parameter."""

import json
from typing import Any

import pandas as pd

from masktrack_core.experiment.method_tables import TableColumn, spread
from masktrack_core.experiment.recipes import TableRecipe


def sweep_table(table: pd.DataFrame, recipe: TableRecipe) -> pd.DataFrame:
    """Return ``dataset, method, parameter, value``, the first measure and its ``sd``.

    ``table`` is that of `method_tables.method_table`. A row a data set and row of the sweep, in
    percent; ``parameter`` is the first of the sweep, ``value`` a number where all of them are.
    Values of further parameters belong to the method's name. ``sd`` is that over seeds, else NaN.
    """
    measure = recipe.measures[0]
    means = table.drop_duplicates("method").set_index("method")
    rows = []
    for dataset in recipe.datasets:
        column = TableColumn(
            key=dataset if len(recipe.measures) == 1 else f"{dataset} {measure}",
            dataset=dataset,
            measure=measure,
        )
        for row in recipe.shown:
            if row.swept is None:
                continue
            (parameter, value), *others = row.swept["values"].items()
            words = [f"{path.rpartition('.')[2]} {_text(other)}" for path, other in others]
            rows.append(
                {
                    "dataset": dataset,
                    "method": ", ".join([row.swept["method"], *words]),
                    "parameter": parameter,
                    "value": _text(value),
                    measure: means.at[row.method, column.key],
                    "sd": means.at[row.method, spread(column)] if recipe.seeds else float("nan"),
                }
            )
    return pd.DataFrame(rows)


def _text(value: Any) -> Any:
    """Return a number as it is, anything else as it stands in a configuration."""
    is_plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value)
