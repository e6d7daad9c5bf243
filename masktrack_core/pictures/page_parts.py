"""The style and the behaviour of ``results/index.html``: no file beside it, no server."""

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
