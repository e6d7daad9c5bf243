"""What annotated frames say of each object: one rule for the command, the library, the workflow.

1. An object is in the video from its first annotation on. Before it nothing is claimed where an
   earlier annotated frame lacks it; where its first annotation is the first of all, the frames
   before are reached backwards (paper §5.4), or not, as asked.
2. A pixel that an annotation gives to one object belongs to no other in that frame.
3. An object that a later annotated frame lacks goes on as predicted there. Where that frame is
   complete (a whole truth, or told so), the object has no pixel in it, and none until its next
   annotation.
4. An empty mask of an object says the same of it, "not here", as long as another is not empty.

Every frame else goes to the annotation of the object that is nearest in time, the earlier of two.
"""

import logging
from collections.abc import Collection, Mapping
from itertools import pairwise

import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.errors import InputError

_log = logging.getLogger(__name__)

Given = Mapping[int, Mapping[int, Mask]]
"""Frame → object → mask: what an annotated frame shows; an empty mask says "not here"."""

ObjectAnnotations = Mapping[int, Mapping[int, Mask]]
"""Object → frame → mask: what is known of each object; an empty mask says "not here"."""


def annotations_by_object(
    given: Given, *, complete: Collection[int] = ()
) -> dict[int, dict[int, Mask]]:
    """Return what annotated frames say of each object, by the rule of this module.

    ``complete`` are the frames that show all objects there are. One line is logged for each object
    that another frame lacks. Raises ``InputError`` for an object whose masks are all empty.
    """
    objects: dict[int, dict[int, Mask]] = {}
    for label in sorted({label for shown in given.values() for label in shown}):
        own = {t: shown[label] for t, shown in sorted(given.items()) if label in shown}
        seen = [t for t, mask in own.items() if mask.any()]
        if not seen:
            raise InputError(
                f"object {label}: expected a mask with at least one object pixel in some annotated "
                f"frame, got empty ones in {sorted(own)}; annotate a frame in which it is visible"
            )
        lacking = [t for t in sorted(given) if t not in own]
        gone = [t for t in lacking if t < seen[0] or t in complete]
        nothing = np.zeros_like(own[seen[0]])
        objects[label] = dict(sorted((own | dict.fromkeys(gone, nothing)).items()))
        goes_on = [t for t in lacking if t not in gone]
        if goes_on:
            _log.info(
                "object %d: not in the annotation of frame %s; it goes on as predicted there, "
                "outside of the others (a complete annotation, --complete, says that it is gone)",
                label,
                ", ".join(map(str, goes_on)),
            )
    return objects


def pixels_of_others(objects: ObjectAnnotations, label: int) -> dict[int, Mask]:
    """Return the pixels that annotations give to other objects, by frame; there only."""
    taken: dict[int, Mask] = {}
    for other, annotations in objects.items():
        for t, mask in annotations.items() if other != label else ():
            if mask.any():
                taken[t] = taken[t] | mask if t in taken else mask
    own = objects.get(label, {})
    return {t: mask & ~own[t] if t in own else mask for t, mask in taken.items()}


def masks_of_others(objects: ObjectAnnotations, label: int) -> dict[int, list[Mask]]:
    """Return the masks that annotations give to other objects, by frame, without empty ones."""
    found: dict[int, list[Mask]] = {}
    for other, annotations in sorted(objects.items()):
        for t, mask in annotations.items() if other != label else ():
            if mask.any():
                found.setdefault(t, []).append(mask)
    return found


def nearest_spans(
    annotated: Collection[int],
    length: int,
    *,
    absent: Collection[int] = (),
    backwards: bool = True,
) -> list[tuple[int, range]]:
    """Return (annotated frame, frames reached from it in order) so that none is reached twice.

    A frame goes to the annotation nearest in time; halfway between two, to the earlier one. In the
    frames ``absent`` the object is said to be away: frames before them are reached forwards,
    frames after them, up to the next annotation, not at all. ``backwards``: frames before the first
    annotation are reached from it. Annotated and absent frames themselves are in no span.
    """
    marks = sorted({*annotated, *absent})
    spans = []
    if backwards and marks[0] not in absent:
        spans.append((marks[0], range(marks[0] - 1, -1, -1)))
    for left, right in pairwise(marks):
        if left in absent:
            continue
        middle = right - 1 if right in absent else (left + right) // 2
        spans.append((left, range(left + 1, middle + 1)))
        spans.append((right, range(right - 1, middle, -1)))
    if marks[-1] not in absent:
        spans.append((marks[-1], range(marks[-1] + 1, length)))
    return [span for span in spans if len(span[1])]


def annotation_sources(
    annotations: Mapping[int, Mask], length: int, *, backwards: bool = True
) -> dict[int, int]:
    """Return the annotated frame from which each frame is reached; without those never reached."""
    absent = [t for t, mask in annotations.items() if not mask.any()]
    there = [t for t in annotations if t not in absent]
    spans = nearest_spans(there, length, absent=absent, backwards=backwards)
    return {t: t for t in annotations} | {t: start for start, order in spans for t in order}
