"""One page for people who only look: tables that sort, figures, the worst frames of each sequence.

The text of the page holds everything, pictures too: it can be mailed, and opens without a server.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from masktrack_core.experiment.printed import number_text


@dataclass(frozen=True, kw_only=True)
class ShownFrame:
    """One frame with truth and result drawn over it."""

    caption: str
    jpeg: bytes


@dataclass(frozen=True, kw_only=True)
class ShownSequence:
    """A row that opens: one method on one object of one sequence, in percent."""

    method: str
    dataset: str
    sequence: str
    object_id: int
    J: float
    F: float
    #: Mean J of the worst tenth of the frames.
    worst: float
    #: J of every scored frame, in order of time.
    curve: tuple[float, ...]
    frames: tuple[ShownFrame, ...]


def worst_frames(scores: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return ``count`` scored frames of lowest J, worst first; annotated ones are left out.

    ``scores`` holds one object of one sequence, with the columns of ``tables.SCORES``. Neighbours
    look alike: each lies a ``count * 2``-th of the sequence from the others, as long as there are
    such frames.
    """
    candidates = scores[scores.scored & ~scores.annotated]
    ordered = candidates.sort_values(["J", "t"], kind="stable")
    distance = len(candidates) / (2 * count) if count else 0
    chosen: list[int] = []
    for t in ordered.t:
        if len(chosen) < count and all(abs(t - other) >= distance for other in chosen):
            chosen.append(t)
    return ordered[ordered.t.isin(chosen)]


def results_page(
    tables: Mapping[str, str],
    figures: Mapping[str, bytes],
    sequences: Sequence[ShownSequence],
    *,
    title: str,
    footer: str,
) -> str:
    """Return the HTML of the page.

    ``tables``: by title, as `printed.html` writes them; ``figures``: PNG files by name. Sequences
    come worst first. Every other text is escaped.
    """
    parts = [f"<h1>{escape(title)}</h1>", _navigation()]
    parts += [
        '<h2 id="tables">Tables</h2>'
        "<p>In percent; J is region similarity (mIoU), F contour accuracy.</p>"
    ]
    for name, table in tables.items():
        parts.append(f"<h3>{escape(name)}</h3>{table}")
    parts.append('<h2 id="figures">Figures</h2>')
    for name, png in figures.items():
        source = _source("image/png", png)
        parts.append(
            f'<figure><img src="{source}" alt="{escape(name)}"><figcaption>{escape(name)}'
            "</figcaption></figure>"
        )
    parts.append(_sequences(sequences))
    body = "\n".join([*parts, f"<footer>{escape(footer)}</footer>"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{body}\n<script>{SCRIPT}</script></body></html>\n"
    )


def _navigation() -> str:
    places = (("tables", "Tables"), ("figures", "Figures"), ("frames", "Sequences, worst first"))
    return "<nav>" + "".join(f'<a href="#{a}">{b}</a>' for a, b in places) + "</nav>"


def _source(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def _head(names: Iterable[str], numeric: Iterable[bool]) -> str:
    cells = (
        f"<th{' class=number' if right else ''}><button>{escape(name)}</button></th>"
        for name, right in zip(names, numeric, strict=True)
    )
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class=number data-value="{value}">{number_text(value)}</td>'
    if isinstance(value, int):
        return f'<td class=number data-value="{value}">{value}</td>'
    return f"<td>{escape(str(value))}</td>"


def _sequences(sequences: Sequence[ShownSequence]) -> str:
    """Return the table of sequences, each row followed by the row of its frames."""
    columns = {"method": False, "data set": False, "sequence": False, "object": True}
    columns |= {"J": True, "F": True, "worst tenth": True, "J over time": False}
    rows = []
    for shown in sorted(sequences, key=lambda one: one.J):
        values = (shown.method, shown.dataset, shown.sequence, shown.object_id)
        cells = "".join(_cell(value) for value in (*values, shown.J, shown.F, shown.worst))
        rows.append(
            f"<tr class=opens tabindex=0 aria-expanded=false>{cells}"
            f"<td>{_curve(shown.curve)}</td></tr>"
            f"<tr class=frames><td colspan={len(columns)}><div class=strip>"
            f"{''.join(map(_frame, shown.frames))}</div></td></tr>"
        )
    head = _head(columns, columns.values())
    return (
        '<h2 id="frames">Sequences, worst first</h2><p>A row opens its worst frames. '
        '<span class=key style="background:#f0e442"></span> outline of the truth, '
        '<span class=key style="background:#d55e00"></span> result.</p>'
        f"<p>{_choice('method', 0, [s.method for s in sequences])}"
        f"{_choice('data set', 1, [s.dataset for s in sequences])}</p>"
        f'<div class=scroll><table class="sorts" id="sequences">{head}'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _choice(name: str, column: int, values: Sequence[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in dict.fromkeys(values))
    return (
        f'<label>{name} <select data-column="{column}"><option value="">all</option>{options}'
        "</select></label>"
    )


def _frame(frame: ShownFrame) -> str:
    caption = escape(frame.caption)
    source = _source("image/jpeg", frame.jpeg)
    return (
        f'<figure><img src="{source}" alt="{caption}" loading=lazy>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _curve(values: Sequence[float]) -> str:
    """Return a small picture of J over time, 0 below and 1 above."""
    step = 100 / max(len(values) - 1, 1)
    points = " ".join(f"{n * step:.1f},{20 - 20 * value:.1f}" for n, value in enumerate(values))
    return (
        '<svg width="104" height="22" viewBox="-2 -1 104 22" role="img" aria-label="J over time">'
        '<path d="M0 20H100" stroke="#ccc"/>'
        f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="1.3"/></svg>'
    )


STYLE = """
:root { --line: #ddd; --soft: #f5f6f8; --ink: #1c1e21; --mark: #0072b2; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1150px;
  margin: 0 auto; padding: 1rem 1.2rem 4rem; }
h1 { font-size: 1.6rem; margin: .6rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
nav a { margin-right: 1rem; } a { color: var(--mark); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
th { background: var(--soft); position: sticky; top: 0; white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible, tr.opens:focus-visible { outline: 2px solid var(--mark); }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.opens { cursor: pointer; } tr.opens:hover, tr.open { background: var(--soft); }
tr.opens td:first-child::before { content: "▸ "; } tr.open td:first-child::before { content: "▾ "; }
tr.frames > td { padding: .6rem; } tr.frames { display: none; } tr.open + tr.frames {
  display: table-row; }
figure { margin: 0 0 2rem; } figure img { max-width: 100%; height: auto; border: 1px solid
  var(--line); }
.strip { display: flex; flex-wrap: wrap; gap: .6rem; } .strip figure { margin: 0; width: 250px; }
p.note { color: #555; font-size: .9rem; margin: .4rem 0; }
.strip figcaption { font-size: .85rem; }
label { margin-right: 1rem; } select { font: inherit; }
.key { display: inline-block; width: .9em; height: .9em; vertical-align: -1px; }
footer { margin-top: 3rem; color: #555; font-size: .85rem; }
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...body.rows].filter(row => !row.classList.contains("frames"));
      const pairs = rows.map(row => [row, row.classList.contains("opens")
        ? row.nextElementSibling : null]);
      const key = row => { const cell = row.cells[column];
        return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value); };
      pairs.sort(([a], [b]) => { const x = key(a), y = key(b);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
      for (const [row, frames] of pairs) { body.append(row); if (frames) body.append(frames); }
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}
for (const row of document.querySelectorAll("tr.opens")) {
  const turn = () => row.setAttribute("aria-expanded", row.classList.toggle("open"));
  row.addEventListener("click", turn);
  row.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); turn(); } });
}
for (const choice of document.querySelectorAll("select[data-column]")) {
  choice.addEventListener("change", () => {
    const table = document.getElementById("sequences");
    const wanted = [...document.querySelectorAll("select[data-column]")]
      .map(one => [Number(one.dataset.column), one.value]);
    for (const row of table.querySelectorAll("tr.opens")) {
      row.hidden = !wanted.every(([n, value]) => !value || row.cells[n].textContent === value);
      if (row.hidden) row.classList.remove("open");
    }
  });
}
"""
