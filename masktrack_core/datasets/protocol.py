"""Which frames of a sequence a benchmark scores."""

from collections.abc import Collection
from typing import Literal, TypeAlias

from masktrack_core.errors import InputError

Before: TypeAlias = Literal["counted", "skipped"]
"""What becomes of the frames before an object first appears. ``counted``: they are frames like any
other, right where nothing is claimed, as in DAVIS-2017 (davis2017-evaluation scores frames 2 to
n-1 of every object; there all are in the first). ``skipped``: the object begins at its first frame,
which is given to the method and takes the place of the sequence's first, as in YouTube-VOS."""


def before_note(frame: str, before: Before) -> str:
    """Return in words what is done with the frames before an object's first, and why."""
    if before == "skipped":
        rule = "it is scored from there, as in YouTube-VOS (before: counted has DAVIS-2017's)"
    else:
        rule = "the frames before count, as in DAVIS-2017 (before: skipped has YouTube-VOS')"
    return f"first seen in frame {frame}; {rule}"


def scored_frames(length: int, skip: Collection[str], *, start: int = 0) -> slice:
    """Return the frames of a sequence that count, as a slice.

    ``skip`` holds ``"first"``, ``"last"``, both (DAVIS) or neither. The other data sets of the
    paper skip the first frame only, which is given to the method. ``start`` is the frame from which
    the sequence counts, an object's first. Raises :class:`InputError` on other words and where no
    frame would remain.
    """
    unknown = set(skip) - {"first", "last"}
    if isinstance(skip, str) or unknown:
        raise InputError(f"skip: expected a collection of 'first' and 'last', got {skip!r}")
    begin, stop = start + int("first" in skip), length - int("last" in skip)
    if begin >= stop:
        late = f" that begins at frame {start}" if start else ""
        raise InputError(
            f"length: a sequence of {length} frames{late} has none left to score without its "
            f"{' and '.join(sorted(skip)) or 'frames'}; give a longer sequence or skip less"
        )
    return slice(begin, stop)
