"""One table, four renderings: the digits, marks and letters of each."""

import io
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from masktrack_core.experiment.printed import (
    Heading,
    html,
    latex,
    markdown,
    number_text,
    plain,
    print_table,
)

NUMBER = re.compile(r"(?<![\w.{])-?\d+\.\d+(?![\w.])")


@pytest.fixture
def table():
    """Numbers of every kind of rounding: 81.0499… and 81.05 are what two roundings tell apart."""
    rng = np.random.default_rng(1)
    values = [81.0499999, 81.05, 80.95, 0.25, -0.01, 100.0, *rng.uniform(0, 100, 200)]
    names = [f"method {n}" for n in range(len(values))]
    return pd.DataFrame({"method": names, "J": values, "T": values[::-1]})


HEADS = [
    Heading(key="method", title="method"),
    Heading(key="J", title="J", best="highest"),
    Heading(key="T", title="T", best="lowest", decimals=2),
]


def test_no_two_renderings_show_different_digits(table):
    printed = print_table(table, HEADS)
    read = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    shown = [
        text for j, t in zip(read.J, read["T"], strict=True) for text in (f"{j:.1f}", f"{t:.2f}")
    ]
    shown = ["0.0" if text == "-0.0" else text for text in shown]
    assert NUMBER.findall(markdown(printed)) == shown
    assert (
        NUMBER.findall(re.sub(r"\\(textbf|underline)\{([^}]*)\}", r" \2", latex(printed))) == shown
    )
    assert NUMBER.findall(re.sub(r"<[^>]*>", " ", html(printed))) == shown
    assert NUMBER.findall(plain(printed)) == shown


def test_the_page_sorts_by_the_numbers_themselves(table):
    values = [
        float(v) for v in re.findall(r'data-value="([^"]*)"', html(print_table(table, HEADS)))
    ]
    assert values[0::2] == table.J.tolist()


def test_best_and_second_are_marked_by_what_is_printed():
    table = pd.DataFrame({"J": [81.04, 80.96, 79.0, np.nan, 99.0], "T": [3.0, 1.0, 2.0, 9.0, 0.0]})
    heads = [
        Heading(key="J", title="J", best="highest"),
        Heading(key="T", title="T", best="lowest"),
    ]
    printed = print_table(table, heads, ranked=pd.Series([True] * 4 + [False]))
    assert [row[0].rank for row in printed.rows] == [1, 1, 0, 0, 0]  # 81.0 twice, no third number
    assert [row[1].rank for row in printed.rows] == [0, 1, 2, 0, 0]
    assert "| 81.0 |" not in markdown(printed) and "| **81.0** | 3.0 |" in markdown(printed)
    assert r"79.0 & \underline{2.0} \\" in latex(printed)
    assert "<b>1.0</b>" in html(printed) and "<u>2.0</u>" in html(printed)


def test_no_minus_stands_before_a_zero_and_a_dash_for_nothing():
    assert [number_text(v) for v in (-0.04, -0.06, float("nan"))] == ["0.0", "-0.1", "–"]
    assert number_text(1.26, signed=True) == "+1.3"


WORDS = r"50 % of A&B_c #1 {x} $y ~ ^ \z <w> | Δ ±"


def test_letters_that_mean_something_are_written_so_that_they_do_not():
    table = pd.DataFrame({"m": [WORDS], "J": [1.0]})
    heads = [Heading(key="m", title="m|_"), Heading(key="J", title="J&F", group="A & B")]
    printed = print_table(table, heads, notes=["a_b <c>"])
    assert "&lt;w&gt;" in html(printed) and "a_b &lt;c&gt;" in html(printed)
    assert markdown(printed).splitlines()[0] == r"| m\|\_ | A & B J&F |"
    lines = latex(printed).splitlines()
    assert lines[:3] == ["% a_b <c>", r"\begin{tabular}{lr}", r"\toprule"]
    assert lines[3] == r" & \multicolumn{1}{c}{A \& B} \\" and lines[4] == r"\cmidrule(lr){2-2}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles(tmp_path):
    table = pd.DataFrame({"m": [WORDS, "b"], "J": [1.0, np.nan], "F": [2.0, 1.0], "n": [3, 4]})
    groups = {"J": "A & B", "F": "A & B", "n": "", "m": ""}
    heads = [Heading(key=k, title=f"{k}_", group=groups[k], best="highest") for k in table.columns]
    text = latex(print_table(table, heads, notes=["a note & more"]))
    before = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(before + text + "\\end{document}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and (tmp_path / "t.pdf").stat().st_size > 1000


def test_columns_of_one_data_set_stand_below_its_title():
    names = {"method": ["A"], "x": [1.0], "y": [2.0], "n": [3]}
    heads = [Heading(key=k, title=k, group="D & E" * (k in "xy")) for k in names]
    page = html(print_table(pd.DataFrame(names), heads))
    rows = re.findall("<tr>(.*?)</tr>", page)
    assert rows[0] == '<td></td><th colspan="2">D &amp; E</th><td></td>' and len(rows) == 3
    assert re.findall("<button>(.*?)</button>", rows[1]) == list(names)
    bare = html(print_table(pd.DataFrame(names), [Heading(key=k, title=k) for k in names]))
    assert "colspan" not in bare
