"""``masktrack score``: masks against their truth."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from masktrack_core.commands.options import add_mask_values

if TYPE_CHECKING:
    from masktrack_core.measures.scoring import SequenceScore

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

_SCORE_HELP = """\
Score masks against the annotations of DAVIS-2016, or of any data set.

MASKS are <sequence>/<frame>.png, <sequence>/<object>/<frame>.png, or the folder of one sequence as
`masktrack segment` writes it. TRUTH is the same, the root of DAVIS or of YouTube-VOS, or, with
--layout, a data set in any layout that `masktrack check` reads. Measures are the official ones:
region similarity J, contour accuracy F (mean, recall, decay) and temporal instability T. Masks are
read as `masktrack segment` reads them: what could mean several things is refused. Graded masks are
foreground above half of their largest value, as DAVIS has it, with --mask-values binary.

Objects belong to a sequence: they are the ids in all of its truth. One that the masks lack counts
as missed; one that no truth holds is refused.

T is the mean over the sequences without occlusion and fast deformation (27 of the 50); like the
published numbers it counts the step from the true first mask to the second result.
"""
_SCORE_EXAMPLES = """\
examples:
  masktrack score data/DAVIS results/masks
  masktrack score data/DAVIS/Annotations/480p osvos.zip --split val --out scores --jobs 8
  masktrack score truth_labels mask_labels --object all
  masktrack score data/DAVIS/Annotations/480p/bear masks    # as `masktrack segment` wrote them
  masktrack score data/SegTrackv2 masks --layout segtrack_v2 --skip first --object all
  masktrack score truth_of_every_fifth_frame masks --sparse

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
    score.add_argument("masks", type=Path, metavar="MASKS", help="folder or zip of masks to score")
    _add_score_options(score)
    score.set_defaults(run=_score)


def _add_score_options(score: argparse.ArgumentParser) -> None:
    score.add_argument(
        "--split",
        choices=("present", "train", "val", "all"),
        default="present",
        help="sequences that must be there: those in MASKS (default), DAVIS-2016 train or val, "
        "or all of TRUTH",
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
        "--skip",
        type=_skip,
        metavar="ENDS",
        default=("first", "last"),
        help="frames not scored: first,last (DAVIS, default), first, last, or none",
    )
    score.add_argument(
        "--before",
        choices=("counted", "skipped"),
        default="counted",
        help="frames before an object first appears: counted like any other (DAVIS-2017, default), "
        "or skipped, the object's first frame then is its sequence's (YouTube-VOS)",
    )
    score.add_argument(
        "--sparse", action="store_true", help="only some frames have a truth: score those"
    )
    score.add_argument(
        "--layout",
        metavar="NAME",
        help="layout of TRUTH: davis, davis2017, youtube_vos, youtube_objects, segtrack_v2 "
        "(default: found by what is there)",
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


def _score(options: argparse.Namespace) -> int:
    from masktrack_core.measures.scoring import ScoringRules, score

    rules = ScoringRules(skip=options.skip, before=options.before, sparse=options.sparse)
    scores = score(
        options.truth,
        options.masks,
        split=options.split,
        temporal=options.temporal,
        objects=options.objects,
        layout=options.layout,
        rules=rules,
        values=options.mask_values,
        jobs=options.jobs,
        progress=sys.stderr.isatty(),
    )
    _report(scores, options.out)
    return 0


def _report(scores: "Sequence[SequenceScore]", out: Path | None) -> None:
    from masktrack_core.measures.scoring import (
        format_summary,
        frame_rows,
        object_rows,
        read_davis_facts,
        sequence_rows,
        summary_rows,
        write_rows,
    )

    facts = read_davis_facts()
    rows = sequence_rows(scores, facts)
    summary = summary_rows(rows, facts)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_rows(out / "per_frame.csv", frame_rows(scores))
        write_rows(out / "per_sequence.csv", rows)
        write_rows(out / "summary.csv", summary)
    several = len({score.sequence for score in scores}) < len(scores)
    sys.stdout.write(format_summary(summary, object_rows(rows) if several else ()) + "\n")
