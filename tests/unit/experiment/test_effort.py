import numpy as np
import pandas as pd
import pytest

from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.attributes import (
    ATTRIBUTES,
    attribute_table,
    read_attributes,
)
from masktrack_core.experiment.effort import QUANTILES, effort_table
from masktrack_core.experiment.figure_recipes import Curve, FigureRecipe, Panel, read_figures
from masktrack_core.experiment.published_results import published_sequences
from masktrack_core.experiment.recipes import Technique
from masktrack_core.pictures.plots import (
    attribute_figure,
    curve_figure,
    effort_figure,
    quantile_labels,
)

PANEL = Panel(title="Segments", variant="ours", annotations=("first",))


def scores(js, sequence, *, variant="ours", annotated=1):
    count = len(js)
    return pd.DataFrame(
        {
            "variant": variant,
            "annotation": "first",
            "dataset": "davis",
            "sequence": sequence,
            "object": 1,
            "t": range(count),
            "annotated": [t < annotated for t in range(count)],
            "scored": [0 < t < count - 1 for t in range(count)],
            "J": js,
        }
    )


def test_the_mean_is_over_sequences_and_the_quantiles_over_frames():
    # 21 scored frames 0.00, 0.05, … 1.00 in one sequence, one of 1.0 in the other.
    both = pd.concat([scores([0, *np.arange(21) / 20, 0], "a"), scores([0, 1.0, 0], "b")])
    row = effort_table(both, (PANEL,)).iloc[0]
    assert pytest.approx(100 * (0.5 + 1.0) / 2) == row.J
    assert (row.sequences, row.frames) == (2, 22)
    # By hand: 22 sorted values, position 21 q between them; the 22nd doubles the last.
    assert row.q05 == pytest.approx(100 * 1.05 * 0.05)
    assert row.q10 == pytest.approx(100 * 2.10 * 0.05)
    assert row.q30 == pytest.approx(100 * 6.30 * 0.05)
    assert row.q80 == pytest.approx(100 * 16.80 * 0.05)
    assert row.q95 == pytest.approx(100 * 19.95 * 0.05)


def test_a_curve_is_the_variant_over_other_annotations():
    first, chosen = scores([0, 0.4, 0], "a"), scores([0, 0.9, 0], "a").assign(annotation="chosen")
    panel = Panel(
        title="Segments", variant="ours", annotations=("first",),
        curves=(Curve(name="doubt", annotations=("first", "chosen")),),
    )  # fmt: skip
    table = effort_table(pd.concat([first, chosen]), (panel,))
    assert table.method.tolist() == ["method", "doubt", "doubt"]
    assert table.J.tolist() == pytest.approx([40, 40, 90])
    axes = effort_figure(table).axes[0]
    (line,) = [line for line in axes.lines if line.get_label() == "doubt, mean"]
    assert line.get_ydata().tolist() == pytest.approx([40, 90])
    recipe = FigureRecipe(name="f", kind="annotations", datasets=("davis",), panels=(panel,))
    assert recipe.runs() == (("ours", "first"), ("ours", "chosen"))


def test_the_share_of_annotated_frames_is_that_of_all_frames_and_a_mean_over_sequences():
    both = pd.concat([scores([1.0] * 4, "a"), scores([1.0] * 10, "b", annotated=5)])
    row = effort_table(both, (PANEL,)).iloc[0]
    assert row.annotated == pytest.approx(100 * (1 / 4 + 5 / 10) / 2)


def test_annotated_frames_count_in_the_mean():
    one = effort_table(scores([1, 1, 0, 0], "a", annotated=2), (PANEL,)).iloc[0]
    assert pytest.approx(50) == one.J


def test_the_baseline_is_a_row_of_its_own():
    panel = Panel(title="S", variant="ours", annotations=("first",), baseline="copy")
    both = pd.concat([scores([1.0] * 3, "a"), scores([0.25] * 3, "a", variant="copy")])
    table = effort_table(both, (panel,))
    assert dict(zip(table.method, table.J, strict=True)) == {"method": 100, "baseline": 25}


def test_every_column_of_the_effort_table_holds_its_own_number():
    js = [0.9, *np.linspace(0.31, 0.83, 27) ** 2, 0.2]
    table = effort_table(
        pd.concat([scores(js, "a", annotated=4), scores([0.3, 0.45, 0.1], "b", annotated=2)]),
        (PANEL,),
    )
    row = table.iloc[0].to_dict()
    words = {"panel": "Segments", "method": "method", "annotation": "first", "variant": "ours"}
    pooled = 100 * np.sort([*js[1:-1], 0.45])
    places = np.array(QUANTILES) / 100 * 27
    below, share = places.astype(int), places % 1
    quantiles = pooled[below] * (1 - share) + pooled[below + 1] * share
    right = words | {"annotated": 100 * (4 / 29 + 2 / 3) / 2, "sequences": 2, "frames": 28}
    right |= {"J": 50 * (np.mean(js[1:-1]) + 0.45)}
    right |= {f"q{q:02d}": value for q, value in zip(QUANTILES, quantiles, strict=True)}
    assert list(row) == list(right)
    assert {key: row[key] for key in words} == words
    numbers = [key for key in right if key not in words]
    assert len({round(right[key], 6) for key in numbers}) == len(numbers) == 12
    assert [row[key] for key in numbers] == pytest.approx([right[key] for key in numbers])


def test_every_column_of_the_attribute_table_holds_its_own_number():
    """An attribute a sequence has alone, one that two of five share, one that all have, none."""
    names = list("abcde")
    js = dict(zip(names, (11.0, 23.0, 47.0, 61.0, 90.0), strict=True))
    carriers = {"AC": "a", "BC": "bd", "CS": "abcde", "SV": "cde"}
    attributes = pd.DataFrame(
        {"dataset": "d", "sequence": names}
        | {code: [int(name in carriers.get(code, "")) for name in names] for code in ATTRIBUTES}
    )
    rows = [
        (method, source, "d", name, 1, js[name] * scale)
        for method, source, scale in (("M", "computed", 1.0), ("N", "published", 0.5))
        for name in names
    ]
    columns = ["method", "source", "dataset", "sequence", "object", "J"]
    table = attribute_table(pd.DataFrame(rows, columns=columns), attributes)
    names_of = ["method", "source", "attribute", "n", "n_rest", "J", "rest", "gain"]
    assert list(table.columns) == names_of
    assert table.attribute.tolist() == [*ATTRIBUTES] * 2
    found = {(row.method, row.attribute): row[1:] for row in table.itertuples(index=False)}
    for method, source, scale in (("M", "computed", 1.0), ("N", "published", 0.5)):
        for code, right in {
            "AC": (1, 4, 11.0, 55.25, -44.25),
            "BC": (2, 3, 42.0, 148 / 3, 42 - 148 / 3),
            "SV": (3, 2, 66.0, 17.0, 49.0),
        }.items():
            row = found[method, code]
            assert row[:4] == (source, code, *right[:2])
            assert row[4:] == pytest.approx([scale * value for value in right[2:]])
        for code, sides in (("CS", (5, 0)), ("DB", (0, 5))):
            row = found[method, code]
            assert row[2:4] == sides and np.isnan(row[6])
            filled, empty = row[4:6] if sides[0] else row[5:3:-1]
            assert filled == pytest.approx(scale * 46.4) and np.isnan(empty)


def test_published_quantiles_of_msk_are_in_order_on_the_figure():
    ends = [48.1, 60.5, 74.5, 80.5, 90.1, 91.7, 94.3, 95.6]
    labels = quantile_labels(ends)
    assert [text for text, _ in labels] == ["5 %", "10 %", "20 %", "30 %", "70–80 %", "90–95 %"]
    heights = [height for _, height in labels]
    assert min(np.diff(heights)) > 2.5


def davis(technique):
    known = read_facts("davis2016_published_J")
    return pd.DataFrame(
        {
            "method": technique,
            "source": "computed",
            "dataset": "davis2016",
            "sequence": known.sequence,
            "object": 1,
            "J": 100 * known[technique],
        }
    )


@pytest.mark.parametrize("technique", ["msk", "ofl", "bvs"])
def test_attributes_agree_with_the_published_means(technique):
    attributes = read_attributes("davis2016").assign(dataset="davis2016")
    table = attribute_table(davis(technique), attributes).set_index("attribute")
    known = read_facts("davis2016_published_J_by_attribute").set_index("attribute")
    assert table.n.to_dict() == known.n_sequences.astype(int).to_dict()
    for ours, theirs in (("J", f"{technique}_with"), ("rest", f"{technique}_without")):
        assert np.allclose(table[ours], 100 * known[theirs].reindex(table.index), atol=0.011)
    assert np.allclose(table.gain, table.J - table.rest)


def test_published_methods_are_compared_on_our_sequences_only():
    ours = davis("msk").iloc[:3]
    known = read_facts("davis2016_published_J")
    names, tables = ours.sequence.unique(), {"J": known}
    theirs = published_sequences(
        names, tables, [Technique(method="ObjFlow", technique="ofl")], "davis2016"
    )
    assert theirs.sequence.tolist() == ours.sequence.tolist()
    assert theirs.J.tolist() == pytest.approx((100 * known.ofl.iloc[:3]).tolist())
    with pytest.raises(InputError, match="'oflow': unknown"):
        published_sequences(names, tables, [Technique(method="O", technique="oflow")], "d")


def test_a_sequence_without_attributes_is_named():
    attributes = read_attributes("davis2016").assign(dataset="davis2016")
    with pytest.raises(InputError, match="got none for \\['bear'\\]"):
        attribute_table(davis("msk"), attributes[attributes.sequence != "bear"])


def test_curves_have_a_panel_a_sequence_and_a_line_a_method():
    rows = [
        (m, "d", s, 1, t, t == 0, 50.0 + t + 10 * (m == "B"))
        for m in "AB" for s in ("x", "y", "z") for t in range(4)
    ]  # fmt: skip
    names = ["method", "dataset", "sequence", "object", "t", "annotated", "J"]
    axes = [
        one for one in curve_figure(pd.DataFrame(rows, columns=names)).axes if one.get_visible()
    ]
    assert [one.get_title() for one in axes] == ["x", "y", "z"]
    for one in axes:
        first, second, given = one.lines
        assert first.get_ydata().tolist() == [50, 51, 52, 53]
        assert second.get_ydata().tolist() == [60, 61, 62, 63]
        assert given.get_xdata().tolist() == [0]
        assert first.get_linestyle() != second.get_linestyle()


def test_figure_5_has_a_bar_for_each_method_and_attribute():
    attributes = read_attributes("davis2016").assign(dataset="davis2016")
    table = attribute_table(pd.concat([davis("msk"), davis("ofl")]), attributes)
    above, below = attribute_figure(table).axes
    assert [len(bars) for bars in above.containers] == [len(ATTRIBUTES)] * 2
    assert below.get_xticklabels()[0].get_text() == "appearance\nchange\n(11)"
    assert above.containers[1][0].get_height() == pytest.approx(53.46, abs=0.01)


def test_an_attribute_that_nothing_has_is_not_in_figure_5():
    attributes = read_attributes("davis2016").assign(dataset="davis2016", AC=0, SV=0)
    above, below = attribute_figure(attribute_table(davis("msk"), attributes)).axes
    names = [label.get_text().split("\n(")[0] for label in below.get_xticklabels()]
    assert len(above.containers[0]) == len(names) == len(ATTRIBUTES) - 2
    assert names[0] == "background\nclutter" and names[-1] == "shape\ncomplexity"


@pytest.mark.parametrize("panels", [["Segments"], ["Segments", "Boxes"]])
def test_figure_4_draws_each_panel_from_the_table_alone(panels):
    rows = [
        {"panel": panel, "method": method, "annotated": share, "J": 60.0 + share}
        | {f"q{q:02d}": float(q) for q in QUANTILES}
        for panel in panels
        for method in ("method", "baseline")
        for share in (2.0, 10.0)
    ]
    figure = effort_figure(pd.DataFrame(rows))
    assert [axes.get_title() for axes in figure.axes] == panels
    assert figure.axes[0].get_ylabel().endswith("%")
    assert_legend_fits(figure)


def assert_legend_fits(figure):
    figure.draw_without_rendering()
    (legend,) = figure.legends
    where = legend.get_window_extent()
    assert where.x0 >= 0, "the legend is cut at the left"
    assert where.x1 <= figure.bbox.width, "the legend is cut at the right"


def test_long_names_of_methods_fit_into_figure_5():
    attributes = read_attributes("davis2016").assign(dataset="davis2016")
    methods = [
        davis("msk").assign(method=f"A method with a long name, the {n}th") for n in range(5)
    ]
    assert_legend_fits(attribute_figure(attribute_table(pd.concat(methods), attributes)))


def config(**figures):
    return {
        "tables": {"table2": {}},
        "datasets": {"davis": {}},
        "variants": {"ours": {}},
        "annotations": {"first": {}},
        "networks": {},
        "figures": figures,
    }


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"kind": "losses"}, "figures.f.networks: expected at least one entry"),
        ({"kind": "losses", "networks": ["n"]}, "figures.f.networks: unknown name 'n'"),
        (
            {"kind": "sheet", "datasets": ["davis"], "rows": [{"method": "M", "variant": "x"}]},
            r"figures.f.rows\[0\].variant: unknown name 'x'; config.variants defines \['ours'\]",
        ),
    ],
)
def test_a_figure_that_does_not_fit_names_its_key(figure, message):
    with pytest.raises(InputError, match=message):
        read_figures(config(f=figure))


def test_a_figure_may_not_have_the_name_of_a_table():
    figure = {"kind": "sheet", "datasets": ["davis"], "rows": [{"method": "M", "variant": "ours"}]}
    with pytest.raises(InputError, match=r"figures.table2: a table has this name too"):
        read_figures(config(table2=figure))
