"""``masktrack score``: masks against their truth."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from masktrack_core.commands.options import add_mask_values

if TYPE_CHECKING:
    from pandas import DataFrame

    from masktrack_core.datasets.groups import Groups
    from masktrack_core.experiment.comparison import Comparison
    from masktrack_core.experiment.score_report import Form
    from masktrack_core.measures.scoring import Row, SequenceScore

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

_SCORE_HELP = """\
Score masks against the annotations of DAVIS-2016, or of any data set.

MASKS are <sequence>/<frame>.png, <sequence>/<object>/<frame>.png, or the folder of one sequence as
`masktrack segment` writes it. TRUTH is the same, the root of DAVIS or of YouTube-VOS, or, with
--layout, a data set in any layout that `masktrack check` reads. Measures are the official ones:
region similarity J, contour accuracy F (mean, recall, decay) and temporal instability T. Masks are
read as `masktrack segment` reads them: what could mean several things is refused. Graded masks are
foreground above half of their largest value, as DAVIS has it, with --mask-values binary.

Several MASKS are methods, named like their folders or files, and scored on the same sequences:
those that TRUTH and all of them have. What that leaves out is said.

Objects belong to a sequence: they are the ids in all of its truth. One that the masks lack counts
as missed; one that no truth holds is refused.

T is the mean over the sequences without occlusion and fast deformation (27 of the 50); like the
published numbers it counts the step from the true first mask to the second result.
"""
_SCORE_EXAMPLES = """\
examples:
  masktrack score data/DAVIS results/masks
  masktrack score data/DAVIS osvos.zip fseg.zip results/masks --format md > table.md
  masktrack score data/DAVIS osvos.zip fseg.zip --compare osvos fseg --out scores
  masktrack score data/DAVIS/Annotations/480p osvos.zip --split val --out scores --jobs 8
  masktrack score truth_labels mask_labels --object all
  masktrack score data/DAVIS/Annotations/480p/bear masks    # as `masktrack segment` wrote them
  masktrack score data/SegTrackv2 masks --protocol segtrack_v2
  masktrack score data/YouTubeVOS/train masks --protocol youtube_vos
  masktrack score truth_of_every_fifth_frame masks --sparse
  masktrack score set masks --layout '{frames: "{sequence}/{frame}.jpg", truth: "true/{frame}.png"}'

exit status: 0 scored, and what was left out is named on the standard error; 2 some mask is missing,
extra, of the wrong size or unreadable (all are named, nothing is written), or nothing is left.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    score = commands.add_parser(
        "score",
        help="score a folder of masks with J, F and T",
        description=_SCORE_HELP,
        epilog=_SCORE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument(
        "truth", type=Path, metavar="TRUTH", help="root of DAVIS, or a folder of true masks"
    )
    score.add_argument(
        "masks",
        type=Path,
        metavar="MASKS",
        nargs="+",
        help="folders or zips of masks to score, a method each",
    )
    _add_score_options(score)
    score.set_defaults(run=_score)


def _add_score_options(score: argparse.ArgumentParser) -> None:
    score.add_argument(
        "--split",
        choices=("present", "train", "val", "all"),
        default="present",
        help="sequences that are scored: those that TRUTH and all MASKS have (default), DAVIS-2016 "
        "train or val, or all of TRUTH",
    )
    score.add_argument(
        "--sequences",
        metavar="A,B",
        type=_names,
        help="sequences that are scored, instead of --split",
    )
    score.add_argument(
        "--strict",
        action="store_true",
        help="refuse where TRUTH and MASKS do not have the same sequences",
    )
    score.add_argument(
        "--temporal",
        choices=("stable", "all", "none"),
        default="stable",
        help="sequences of which T is taken: where DAVIS-2016 does (default), all, or none",
    )
    score.add_argument(
        "--object",
        metavar="ID",
        dest="objects",
        type=_object_id,
        help="score one object of label PNGs, or of folders <sequence>/<object>/: its id, or 'all' "
        "for each apart (default: masks of one object)",
    )
    add_mask_values(score)
    score.add_argument(
        "--protocol",
        metavar="NAME",
        help="layout of TRUTH, frames and mean of a benchmark: davis2016, davis2017, youtube_vos, "
        "mose, lvos, youtube_objects, youtube_objects_by_class or segtrack_v2; the options below "
        "say otherwise",
    )
    score.add_argument(
        "--skip",
        type=_skip,
        metavar="ENDS",
        help="frames not scored: first,last (DAVIS, default), first, last, or none",
    )
    score.add_argument(
        "--before",
        choices=("counted", "skipped"),
        help="frames before an object first appears: counted like any other (DAVIS-2017, default), "
        "or skipped, the object's first frame then is its sequence's (YouTube-VOS)",
    )
    score.add_argument(
        "--sparse", action="store_true", help="only some frames have a truth: score those"
    )
    score.add_argument(
        "--layout",
        metavar="NAME",
        type=_layout,
        help="layout of TRUTH: davis, davis2017, youtube_vos, mose, lvos, youtube_objects, "
        "segtrack_v2, or patterns as in a configuration (default: found by what is there)",
    )
    score.add_argument(
        "--format",
        dest="form",
        choices=("text", "md", "tex", "csv", "json"),
        default="text",
        help="of what is printed: text (default), Markdown, LaTeX with booktabs, CSV or JSON with "
        "every digit; in percent",
    )
    score.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="names of two of the MASKS: their difference in J, its interval, wins and losses, and "
        "the frames in which they differ most; with --out comparison.csv, comparison_frames.csv, "
        "comparison.pdf and .png too",
    )
    score.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write per_frame.csv, per_sequence.csv and summary.csv there (fractions, every digit)",
    )
    score.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes, one sequence each (default: %(default)s)",
    )


def _object_id(text: str) -> int | str:
    if text == "all" or (text.isdecimal() and 1 <= int(text) <= 254):
        return text if text == "all" else int(text)
    raise argparse.ArgumentTypeError(f"expected an object id from 1 to 254, or all, got {text!r}")


def _skip(text: str) -> tuple[str, ...]:
    words = () if text == "none" else tuple(text.split(","))
    if set(words) - {"first", "last"}:
        raise argparse.ArgumentTypeError(f"expected first,last, first, last or none, got {text!r}")
    return words


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _layout(text: str) -> "str | dict[str, Any]":
    if not text.lstrip().startswith("{"):
        return text
    import yaml

    try:
        return dict(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"expected patterns like {{frames: ..., truth: ...}}, got {text!r}"
        ) from error


def _score(options: argparse.Namespace) -> int:
    from masktrack_core.datasets.protocol import known_protocol
    from masktrack_core.measures.scoring import ScoringRules, score_groups, score_methods

    protocol = options.protocol and known_protocol(options.protocol, where="--protocol")
    rules = ScoringRules.of(
        protocol, skip=options.skip, before=options.before, sparse=options.sparse
    )
    layout = options.layout or (protocol.layout if protocol else None)
    methods = _methods(options.masks)
    _check_compared(options.compare, methods)
    scores = score_methods(
        options.truth,
        methods,
        split=options.split,
        sequences=options.sequences,
        strict=options.strict,
        temporal=options.temporal,
        objects=options.objects,
        layout=layout,
        rules=rules,
        values=options.mask_values,
        jobs=options.jobs,
        progress=sys.stderr.isatty(),
    )
    compared = _compared(scores, options.compare)
    groups = score_groups(options.truth, layout, scores, protocol) if protocol else None
    _report(scores, options.out, options.form, groups)
    if compared is not None:
        stream = sys.stdout if options.form == "text" else sys.stderr  # data stay data
        found, frames = compared
        stream.write(f"\n{found.sentence}\n{_where(found, frames)}")
        if options.out is not None:
            _write_comparison(found, frames, options.out)
    return 0


def _check_compared(names: Sequence[str] | None, methods: Mapping[str, Path]) -> None:
    """Raise `InputError` unless two different methods are named, or none."""
    from masktrack_core.errors import InputError

    wrong = [name for name in names or () if name not in methods]
    if names and (wrong or names[0] == names[1]):
        raise InputError(
            f"--compare: expected two of {sorted(methods)}, got "
            f"{repr(wrong[0]) if wrong else f'{names[0]!r} twice'}; name two MASKS"
        )


#: Frames that are named in which two methods differ most.
_FRAMES = 6


def _compared(
    scores: "dict[str, list[SequenceScore]]", names: Sequence[str] | None
) -> "tuple[Comparison, DataFrame] | None":
    """Return the comparison of two methods, and the frames in which they differ most."""
    if names is None:
        return None
    from masktrack_core.experiment.comparison import (
        compare_methods,
        frames_of_methods,
        most_different,
    )

    first, second = names
    frames = frames_of_methods(scores[first], scores[second])
    found = compare_methods(first, second, scores)
    return found, most_different(frames, first, second, count=_FRAMES)


def _where(compared: "Comparison", frames: "DataFrame") -> str:
    """Return the frames in which two methods differ most, a line each."""
    from masktrack_core.experiment.printed import number_text

    several = frames.duplicated(["sequence", "frame"]).any() or (frames.object > 1).any()
    lines = []
    for row in frames.to_dict("records"):
        which = f", object {row['object']}" if several else ""
        js = [number_text(row[f"J {name}"]) for name in (compared.first, compared.second)]
        lines.append(f"  {row['sequence']}/{row['frame']}{which}: J {js[0]} and {js[1]}\n")
    return "".join(["They differ most in\n", *lines]) if lines else ""


def _write_comparison(compared: "Comparison", frames: "DataFrame", out: Path) -> None:
    from masktrack_core.files.io import write_csv
    from masktrack_core.pictures.comparison_figure import comparison_figure
    from masktrack_core.pictures.figures import write_figure

    write_csv(out / "comparison.csv", compared.rows)
    write_csv(out / "comparison_frames.csv", frames)
    write_figure(comparison_figure(compared), [out / "comparison.pdf", out / "comparison.png"])


def _methods(paths: Sequence[Path]) -> dict[str, Path]:
    """Return masks by the names of their folders or files; by their paths where two agree."""
    from masktrack_core.errors import InputError

    names = [path.name.removesuffix(".zip") for path in paths]
    if len(set(names)) < len(paths):
        names = [str(path) for path in paths]
    if len(set(names)) < len(paths):
        raise InputError(f"MASKS: expected each method once, got {names}; leave one out")
    return dict(zip(names, paths, strict=True))


def _report(
    scores: "Mapping[str, Sequence[SequenceScore]]",
    out: Path | None,
    form: "Form",
    groups: "Groups | None",
) -> None:
    from masktrack_core.experiment.score_report import score_report
    from masktrack_core.measures.scoring import (
        frame_rows,
        read_davis_facts,
        sequence_rows,
        summary_rows,
        write_rows,
    )

    facts = read_davis_facts()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        tables: dict[str, list[Row]] = {"per_frame": [], "per_sequence": [], "summary": []}
        for method, mine in scores.items():
            named: Row = {"method": method} if len(scores) > 1 else {}
            rows = sequence_rows(mine, facts)
            tables["per_frame"] += [named | row for row in frame_rows(mine)]
            tables["per_sequence"] += [named | row for row in rows]
            tables["summary"] += [named | row for row in summary_rows(rows, facts, groups=groups)]
        for name, all_rows in tables.items():
            write_rows(out / f"{name}.csv", all_rows)
    sys.stdout.write(score_report(scores, facts, form, groups=groups))
