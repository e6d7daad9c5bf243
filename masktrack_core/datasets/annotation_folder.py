"""A folder of annotations: label pictures named like the frames, and empty masks of objects.

``00040.png`` shows the objects of frame 00040 that were drawn there, as ids. ``00040.object2.png``
is empty: object 2 is not there.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from masktrack_core.arrays import Mask, Size
from masktrack_core.datasets.object_masks import AnnotationFile
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_labels, write_mask

_NAME = re.compile(r"(?P<frame>.+?)(?:\.object(?P<object>[1-9][0-9]*))?\.png")


def annotation_files(folder: Path, names: Sequence[str]) -> list[AnnotationFile]:
    """Return the annotations of a folder, in order; ``names``: of the clip's frames.

    Raises `InputError` for a folder without any, and for a picture that is named like no frame.
    """
    places = {name: t for t, name in enumerate(names)}
    files = []
    for path in sorted(Path(folder).glob("[!.]*.png")):
        found = _NAME.fullmatch(path.name)
        if found is None or found["frame"] not in places:
            raise InputError(
                f"{path}: expected a name of a frame, such as {names[0]}.png, got one of none; "
                "give the annotations of this clip"
            )
        label = int(found["object"]) if found["object"] else None
        files.append(AnnotationFile(places[found["frame"]], path, label))
    if not files:
        raise InputError(
            f"{folder}: expected label pictures such as {names[0]}.png, got none; draw a mask"
        )
    return sorted(files, key=lambda file: (file.t, file.object_id or 0))


def write_annotated_frame(folder: Path, name: str, shown: Mapping[int, Mask], size: Size) -> None:
    """Write what is drawn in a frame, object id → mask; an empty mask says "not here".

    What the folder has of the frame is replaced; files of nothing are removed.
    """
    labels = np.zeros(tuple(size), np.uint8)
    for label, mask in shown.items():
        labels[mask] = label
    gone = {folder / f"{name}.object{n}.png" for n, mask in shown.items() if not mask.any()}
    for path in gone:
        write_mask(path, np.zeros(tuple(size), np.bool_))
    picture = folder / f"{name}.png"
    if labels.any():
        write_labels(picture, labels)
    else:
        picture.unlink(missing_ok=True)
    for path in set(folder.glob(f"{name}.object*.png")) - gone:
        path.unlink()
