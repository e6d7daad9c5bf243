"""One page for people who only look: tables that sort, figures, a player for each sequence.

The page is HTML with its numbers in it; pictures, script and style lie in the folder ``page``
beside it. It opens from a disk, without a server; a picture is loaded when it is looked at.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import pandas as pd

from masktrack_core.arrays import Size
from masktrack_core.experiment.comparison import spaced
from masktrack_core.experiment.printed import Heading, html, number_text, print_table
from masktrack_core.experiment.results import COMPUTED, COPY, GIVEN, ORACLE

#: Skeleton, script and style of the page.
PAGE_FILES = Path(__file__).with_name("page_files")
#: Sources of methods in the order of the page, and how the sentence about the run calls them.
SOURCES: Mapping[str, str] = {
    COMPUTED: "run here",
    GIVEN: "from masks that were given",
    COPY: "to compare with",
    ORACLE: "oracles, which are shown the truth",
}


@dataclass(frozen=True, kw_only=True)
class ShownText:
    """A table, or a figure."""

    name: str
    #: HTML.
    content: str
    #: What is seen.
    caption: str
    #: Words → where they lead.
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ShownMethod:
    """A row of the tables."""

    #: Also the name of its folder of layers.
    key: str
    name: str
    #: COMPUTED, GIVEN, COPY or ORACLE of `experiment.results`.
    source: str


@dataclass(frozen=True, kw_only=True)
class ShownSequence:
    """A row that opens its player."""

    #: Title of its data set.
    dataset: str
    sequence: str
    #: Of its pictures, from the page.
    folder: str
    #: Of its pictures.
    size: Size
    objects: int
    #: Of all frames.
    names: tuple[str, ...]
    #: Frames that the player shows.
    times: tuple[int, ...]
    #: Method → mean scores of frames, as `frame_means` gives them.
    scores: Mapping[str, pd.DataFrame]
    #: Method → mean J of its objects, in percent.
    means: Mapping[str, float]
    #: Words → where they lead.
    links: Mapping[str, str] = field(default_factory=dict)


def frame_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Return ``t, J, annotated, scored``: the mean over the objects of one sequence.

    ``scores`` has the columns of ``tables.SCORES``. A frame is annotated where it is for all
    objects, and scored where it is for any.
    """
    frames = scores[scores.scored | scores.annotated]
    means = frames.groupby("t").agg(
        J=("J", "mean"), annotated=("annotated", "all"), scored=("scored", "any")
    )
    return means.reset_index()


def worst_frames(scores: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return ``count`` scored frames of lowest J, worst first; annotated ones are left out.

    ``scores`` holds a row a frame: ``t, J, annotated, scored``. Neighbours look alike: each lies a
    ``count * 2``-th of the sequence from the others, as long as there are such frames.
    """
    candidates = scores[scores.scored & ~scores.annotated]
    ordered = candidates.sort_values(["J", "t"], kind="stable")
    distance = (ordered.t.max() - ordered.t.min() + 1) / (2 * count) if count else 0
    return ordered[ordered.t.isin(spaced(ordered.t, distance)[:count])]


def run_sentence(methods: Sequence[ShownMethod], sequences: Sequence[ShownSequence]) -> str:
    """Return what was run on what, as text."""
    parts = []
    for source, words in SOURCES.items():
        names = [method.name for method in methods if method.source == source]
        if names:
            parts.append(f"{words}: {', '.join(names)}")
    counts: dict[str, int] = {}
    for shown in sequences:
        counts[shown.dataset] = counts.get(shown.dataset, 0) + 1
    places = [f"{count} sequence{'s' * (count != 1)} of {title}" for title, count in counts.items()]
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}. On {', '.join(places)}." if places else ""


def results_page(
    tables: Sequence[ShownText],
    figures: Sequence[ShownText],
    methods: Sequence[ShownMethod],
    sequences: Sequence[ShownSequence],
    *,
    title: str,
    made: str,
    configuration: str,
    worst: int,
) -> str:
    """Return the HTML of the page.

    ``tables`` are those of `printed.html`; ``made`` says when and by what, ``configuration`` is
    shown as it is. Methods stand in the order of `SOURCES`, sequences worst first by the first
    method. ``worst`` frames of each are shown. Every text is escaped.
    """
    rank = list(SOURCES)
    methods = sorted(methods, key=lambda method: rank.index(method.source))
    first = methods[0].key if methods else ""
    sequences = sorted(sequences, key=lambda shown: shown.means.get(first, float("inf")))
    head = (
        f"<p>{escape(run_sentence(methods, sequences))}</p>"
        f'<p class="note">{escape(made)}</p>'
        f"<details><summary>configuration</summary><pre>{escape(configuration)}</pre></details>"
    )
    skeleton = Template((PAGE_FILES / "page.html").read_text("utf-8"))
    return skeleton.substitute(
        title=escape(title),
        head=head,
        tables="\n".join(map(_table, tables)),
        figures="\n".join(map(_figure, figures)) or '<p class="note">None were asked for.</p>',
        sequences=f'<div id="list">{_list(methods, sequences)}</div>',
        footer=escape(made),
        results=_script_json(
            {
                "methods": [{"key": method.key, "name": method.name} for method in methods],
                "sequences": [_player(shown, worst) for shown in sequences],
            }
        ),
    )


def _table(shown: ShownText) -> str:
    return (
        f"<h3>{escape(shown.name)}</h3>{shown.content}"
        f'<p class="note">{escape(shown.caption)} {_links(shown.links)}</p>'
    )


def _figure(shown: ShownText) -> str:
    return (
        f"<figure>{shown.content}<figcaption><b>{escape(shown.name)}.</b> {escape(shown.caption)} "
        f"{_links(shown.links)}</figcaption></figure>"
    )


def _links(links: Mapping[str, str]) -> str:
    """Return links between commas; a path is quoted, as a browser needs it."""
    return ", ".join(f'<a href="{quote(to)}">{escape(words)}</a>' for words, to in links.items())


def picture(path: str, size: Size, words: str) -> str:
    """Return the HTML of a picture that is loaded when it is looked at."""
    return (
        f'<img src="{quote(path)}" width="{size.width}" height="{size.height}" loading="lazy" '
        f'alt="{escape(words)}">'
    )


def _list(methods: Sequence[ShownMethod], sequences: Sequence[ShownSequence]) -> str:
    """Return the table of sequences, whose rows the page's script opens."""
    rows = [
        {"dataset": shown.dataset, "sequence": shown.sequence, "objects": shown.objects}
        | {method.key: shown.means.get(method.key, float("nan")) for method in methods}
        for shown in sequences
    ]
    headings = [
        Heading(key="sequence", title="sequence"),
        *(Heading(key=method.key, title=method.name) for method in methods),
    ]
    table = pd.DataFrame(rows, columns=["dataset", "sequence", "objects", *_keys(methods)])
    if (table.objects > 1).any():
        headings.insert(1, Heading(key="objects", title="objects", decimals=0))
    if table.dataset.nunique() > 1:
        headings.insert(1, Heading(key="dataset", title="data set"))
    return html(print_table(table, headings))


def _keys(methods: Sequence[ShownMethod]) -> list[str]:
    return [method.key for method in methods]


def _player(shown: ShownSequence, worst: int) -> dict[str, Any]:
    """Return what the script needs of a sequence."""
    return {
        "title": f"{shown.dataset}, {shown.sequence}",
        "folder": quote(shown.folder),
        "size": [shown.size.width, shown.size.height],
        "objects": shown.objects,
        "names": shown.names,
        "times": shown.times,
        "links": {words: quote(to) for words, to in shown.links.items()},
        "scores": {key: _scores(shown, frames, worst) for key, frames in shown.scores.items()},
    }


def _scores(shown: ShownSequence, frames: pd.DataFrame, worst: int) -> dict[str, Any]:
    """Return J of every frame as printed, None where it is not scored, and the worst frames."""
    texts: list[str | None] = [None] * len(shown.names)
    for t, value in zip(frames.t, frames.J, strict=True):
        texts[t] = number_text(100 * value)
    there = frames[frames.t.isin(shown.times)]
    return {"J": texts, "worst": worst_frames(there, worst).t.tolist()}


def _script_json(value: Any) -> str:
    """Return JSON that may stand inside of a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
