"""What a benchmark scores: which frames of a sequence, and which mean over its objects.

`PROTOCOLS` is the table of known ones. Each says where its rules were read; where the code of an
evaluator is not public, that is said too.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from masktrack_core.errors import InputError

Before: TypeAlias = Literal["counted", "skipped"]
"""What becomes of the frames before an object first appears. ``counted``: they are frames like any
other, right where nothing is claimed, as in DAVIS-2017 (davis2017-evaluation scores frames 2 to
n-1 of every object; there all are in the first). ``skipped``: the object begins at its first frame,
which is given to the method and takes the place of the sequence's first, as in YouTube-VOS."""

After: TypeAlias = Literal["counted", "skipped"]
"""The same of the frames after the last that has a truth of the object. ``skipped``: that one takes
the place of the sequence's last, as in LVOS, where each object has a range of frames."""

Mean: TypeAlias = Literal["objects", "sequences", "classes", "seen"]
"""Over what a benchmark's mean is taken: over objects; or over groups of which each is the mean
over its objects: sequences, classes, or objects of seen and of unseen classes."""
MEANS: tuple[Mean, ...] = get_args(Mean)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a benchmark lies on disk and is scored: keys of a row of ``datasets``."""

    layout: str
    skip: tuple[str, ...] = ("first",)
    before: Before = "skipped"
    after: After = "counted"
    mean: Mean = "objects"
    #: Which classes or sequences are seen ones: a table of facts.
    seen: str | None = None


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        # davis-matlab and fperazzi/davis, `db_eval_sequence`: frames 2 to n-1, mean of sequences.
        "davis2016": Protocol(layout="davis", skip=("first", "last"), before="counted"),
        # davisvideochallenge/davis2017-evaluation @30b698a, `evaluation.py`: masks [1:-1] of every
        # object, mean over all objects of the set. Void is background.
        "davis2017": Protocol(layout="davis2017", skip=("first", "last"), before="counted"),
        # youtube-vos.org, "Evaluation": J and F over the objects of seen and of unseen categories,
        # the mean of the four. The server's code is not public: that an object counts from the
        # frame after its first annotation is how everybody reads it.
        "youtube_vos": Protocol(layout="youtube_vos", mean="seen", seen="youtube_vos_seen"),
        # henghuiding/MOSE-api @b9afc7d, `MOSEv2/sam2_rcms/tools/score.py`: frames 1 to n-2 of every
        # object of `meta.json`, mean over objects. The code of MOSEv1's server is not public.
        "mose": Protocol(layout="mose", skip=("first", "last"), before="counted"),
        # LingyiHongfd/lvos-evaluation @c05e889, `evaluation_mt.py`: of an object's `frame_range`
        # neither the first nor the last; `evaluation_method.py`: the mean over objects of seen and
        # over those of unseen videos. Its older state @2aa19df counts both ends.
        "lvos": Protocol(
            layout="lvos",
            skip=("first", "last"),
            after="skipped",
            mean="seen",
            seen="lvos_unseen",
        ),
        # The paper (§5.1): "averaged across videos".
        "youtube_objects": Protocol(layout="youtube_objects", mean="sequences"),
        # PReMVOS and OnAVOS, `eval_youtube.py`: the mean of the ten classes.
        "youtube_objects_by_class": Protocol(layout="youtube_objects", mean="classes"),
        # The paper (§5.1) with OnAVOS' list: every object is a run of its own and counts once.
        "segtrack_v2": Protocol(layout="segtrack_v2"),
    }
)


def known_protocol(name: object, *, where: str = "protocol") -> Protocol:
    """Return a protocol by its name; raise `InputError` with the names that there are."""
    if not isinstance(name, str) or name not in PROTOCOLS:
        raise InputError(f"{where}: unknown name {name!r}; known are {sorted(PROTOCOLS)}")
    return PROTOCOLS[name]


def with_protocol(row: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return a row of ``datasets`` with what its ``protocol`` says and the row does not.

    Raises `InputError` for an unknown protocol.
    """
    name = row.get("protocol")
    if name is None:
        return dict(row)
    rules = asdict(known_protocol(name, where=f"{where}.protocol"))
    return rules | {"skip": list(rules["skip"])} | dict(row)


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
    the sequence counts, an object's first; ``length`` may be that up to an object's last. Raises
    :class:`InputError` on other words and where no frame would remain.
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
