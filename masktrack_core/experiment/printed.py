"""Tables as people read them: a number becomes text once, whatever the table is written as.

`print_table` rounds and ranks, `markdown`, `latex`, `html` and `plain` only set what it gives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from typing import Literal

import numpy as np
import pandas as pd

_NONE = "–"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A column of a printed table."""

    #: Column of the table that is printed.
    key: str
    title: str
    #: What it says together with its neighbours, such as the data set of several measures.
    group: str = ""
    #: Of the numbers.
    decimals: int = 1
    #: Whether a number carries its plus.
    signed: bool = False
    #: Which number is the best of the column; None marks none.
    best: Literal["highest", "lowest"] | None = None
    #: Column of the standard deviation that stands behind each number; None for none.
    spread: str | None = None

    @property
    def line(self) -> str:
        """Return group and title as one line."""
        return f"{self.group} {self.title}".strip()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is printed of a value."""

    text: str
    #: The number itself; None for a word.
    value: float | None = None
    #: 1 for the best of its column, 2 for the second, else 0.
    rank: int = 0


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A table of texts."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    #: What a reader should know, a sentence each.
    notes: tuple[str, ...] = ()

    def is_numeric(self, column: int) -> bool:
        """Return whether a column holds numbers."""
        return any(row[column].value is not None for row in self.rows)


def print_table(
    table: pd.DataFrame,
    headings: Sequence[Heading],
    *,
    ranked: "pd.Series[bool] | None" = None,
    notes: Sequence[str] = (),
) -> Printed:
    """Return the texts of a table's columns.

    Best and second are told by what is printed: equal digits, equal marks. ``ranked`` says which
    rows compete, all by default; a second is named among three or more different numbers.
    """
    competes = [True] * len(table) if ranked is None else [bool(value) for value in ranked]
    columns = [_column(table, heading, competes) for heading in headings]
    rows = tuple(zip(*columns, strict=True))
    return Printed(headings=tuple(headings), rows=rows, notes=tuple(notes))


def number_text(value: float, decimals: int = 1, *, signed: bool = False) -> str:
    """Return a number with its decimals; a dash for NaN, no minus before a zero."""
    if value != value:
        return _NONE
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return text if float(text) or signed else text.removeprefix("-")


def _column(table: pd.DataFrame, heading: Heading, competes: Sequence[bool]) -> list[Cell]:
    cells = _ranked([_cell(value, heading) for value in table[heading.key]], heading, competes)
    if heading.spread is None:
        return cells
    spreads = (number_text(float(value), heading.decimals) for value in table[heading.spread])
    return [
        cell if spread == _NONE else replace(cell, text=f"{cell.text} ± {spread}")
        for cell, spread in zip(cells, spreads, strict=True)
    ]


def _ranked(cells: list[Cell], heading: Heading, competes: Sequence[bool]) -> list[Cell]:
    """Return the cells of a column with the ranks of those that compete."""
    counts = [
        given and cell.value is not None and cell.text != _NONE
        for cell, given in zip(cells, competes, strict=True)
    ]
    shown = {float(cell.text) for cell, given in zip(cells, counts, strict=True) if given}
    if heading.best is None or len(shown) < 2:
        return cells
    order = sorted(shown, reverse=heading.best == "highest")
    ranks = {order[0]: 1} | ({order[1]: 2} if len(order) > 2 else {})
    return [
        replace(cell, rank=ranks.get(float(cell.text), 0)) if given else cell
        for cell, given in zip(cells, counts, strict=True)
    ]


def _cell(value: object, heading: Heading) -> Cell:
    if isinstance(value, int | float | np.integer) and not isinstance(value, bool):
        text = number_text(float(value), heading.decimals, signed=heading.signed)
        return Cell(text=text, value=float(value))
    return Cell(text=str(value))


def markdown(printed: Printed) -> str:
    """Return a table as Markdown, the best in bold and the second underlined."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |\n"

    numeric = [printed.is_numeric(n) for n in range(len(printed.headings))]
    lines = [line([_markdown_text(heading.line) for heading in printed.headings])]
    lines.append(line(["---:" if right else "---" for right in numeric]))
    marks = ("{}", "**{}**", "<u>{}</u>")
    for row in printed.rows:
        lines.append(line([marks[cell.rank].format(_markdown_text(cell.text)) for cell in row]))
    return "".join([*lines, *(f"\n{_markdown_text(note)}\n" for note in printed.notes)])


def _markdown_text(text: str) -> str:
    return text.replace("_", r"\_").replace("|", r"\|")


def latex(printed: Printed) -> str:
    r"""Return a table as LaTeX: a ``tabular`` that needs ``\\usepackage{booktabs}`` and no more."""
    numeric = [printed.is_numeric(n) for n in range(len(printed.headings))]
    lines = [f"% {note}" for note in printed.notes]
    lines += [f"\\begin{{tabular}}{{{''.join('r' if n else 'l' for n in numeric)}}}", r"\toprule"]
    if any(heading.group for heading in printed.headings):
        lines += _latex_groups([heading.group for heading in printed.headings])
    lines += [
        _latex_line([_latex_text(heading.title) for heading in printed.headings]),
        r"\midrule",
    ]
    marks = ("{}", r"\textbf{{{}}}", r"\underline{{{}}}")
    for row in printed.rows:
        lines.append(_latex_line([marks[c.rank].format(_latex_text(c.text)) for c in row]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_groups(groups: Sequence[str]) -> list[str]:
    """Return the line of headings over several columns, and the rules below them."""
    cells, rules, column = [], [], 1
    for group, members in groupby(groups):
        count = len(list(members))
        cells.append(f"\\multicolumn{{{count}}}{{c}}{{{_latex_text(group)}}}" if group else "")
        cells[-1] += " &" * (count - 1) if not group else ""
        if group:
            rules.append(f"\\cmidrule(lr){{{column}-{column + count - 1}}}")
        column += count
    return [_latex_line(cells), "".join(rules)]


_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {
        "|": r"\textbar{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "–": "--",
        "±": r"$\pm$",
        "−": "$-$",
        "Δ": r"$\Delta$",
        "×": r"$\times$",
    }
)


def _latex_text(text: str) -> str:
    return text.translate(_LATEX)


def html(printed: Printed) -> str:
    """Return a table as HTML that the script of the page sorts, by the numbers themselves."""
    numeric = [printed.is_numeric(n) for n in range(len(printed.headings))]
    heads = (
        f"<th{' class=number' if right else ''}><button>{escape(heading.title)}</button></th>"
        for heading, right in zip(printed.headings, numeric, strict=True)
    )
    rows = ("<tr>" + "".join(map(_html_cell, row)) + "</tr>" for row in printed.rows)
    groups = _html_groups([heading.group for heading in printed.headings])
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in printed.notes)
    return (
        f'<div class=scroll><table class="sorts"><thead>{groups}<tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{notes}\n"
    )


def _html_groups(groups: Sequence[str]) -> str:
    """Return the row of headings over several columns; nothing where no column has one."""
    cells = [(escape(group), len(list(members))) for group, members in groupby(groups)]
    row = "".join(
        f'<th colspan="{n}">{group}</th>' if group else "<td></td>" * n for group, n in cells
    )
    return f"<tr>{row}</tr>" if any(groups) else ""


def _html_cell(cell: Cell) -> str:
    text = ("{}", "<b>{}</b>", "<u>{}</u>")[cell.rank].format(escape(cell.text))
    if cell.value is None:
        return f"<td>{text}</td>"
    return f'<td class=number data-value="{cell.value!r}">{text}</td>'


def plain(printed: Printed) -> str:
    """Return a table as text in columns, for a terminal; notes are not in it."""
    columns = list(zip(*printed.rows, strict=True)) or [()] * len(printed.headings)
    lines: list[list[str]] = [[] for _ in range(2 + len(printed.rows))]
    for number, (heading, cells) in enumerate(zip(printed.headings, columns, strict=True)):
        texts = [heading.group, heading.title, *(cell.text for cell in cells)]
        width = max(map(len, texts))
        turn: Callable[[str, int], str] = str.rjust if printed.is_numeric(number) else str.ljust
        for line, text in zip(lines, texts, strict=True):
            line.append(turn(text, width))
    shown = lines if any(heading.group for heading in printed.headings) else lines[1:]
    return "".join("  ".join(line).rstrip() + "\n" for line in shown)
