"""COCO's JSON: an entry a frame, an annotation an object and frame, ``track_id`` the object.

Written annotation by annotation: memory does not grow with the clip.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.exports.followed import Followed
from masktrack_core.files.io import atomic_path
from masktrack_core.masks.elementary import bounding_box

#: Of the one category.
_CATEGORY = 1


def write_coco(path: Path, followed: Followed, times: Iterable[int]) -> None:
    """Write the objects' pixels as run lengths in COCO's text, as pycocotools reads them."""
    write_annotations(path, followed, times, run_lengths_of)


def write_annotations(
    path: Path,
    followed: Followed,
    times: Iterable[int],
    segmentation: Callable[[Mask], object],
) -> None:
    """Write an annotation of each object in each frame where it is, ``segmentation`` of its pixels.

    An image's id is its frame's number plus one, also where the clip is some of its frames.
    ``file_name`` is that of a frame of the folder, or of the picture that ``masktrack frames``
    writes of a film.
    """
    images = (
        {
            "id": followed.clip.numbers[t] + 1,
            "file_name": _file_name(followed, t),
            "width": followed.clip.size.width,
            "height": followed.clip.size.height,
        }
        for t in followed.times
    )
    annotations = _annotations(followed, times, segmentation)
    categories = [{"id": _CATEGORY, "name": "object"}]
    parts = {"images": images, "annotations": annotations, "categories": categories}
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("{")
        for place, (name, entries) in enumerate(parts.items()):
            file.write(f'{"," if place else ""}\n"{name}": [')
            for number, entry in enumerate(entries):
                file.write(f"{',' if number else ''}\n{json.dumps(entry)}")
            file.write("\n]")
        file.write("\n}\n")


def _annotations(
    followed: Followed, times: Iterable[int], segmentation: Callable[[Mask], object]
) -> Iterator[dict[str, Any]]:
    number = 0
    for t in times:
        for label, mask in followed.masks(t).items():
            box = bounding_box(mask)
            if box is None:
                continue
            number += 1
            yield {
                "id": number,
                "image_id": followed.clip.numbers[t] + 1,
                "category_id": _CATEGORY,
                "track_id": label,
                "iscrowd": 0,
                "area": int(mask.sum()),
                "bbox": [*box],
                "segmentation": segmentation(mask),
            }


def _file_name(followed: Followed, t: int) -> str:
    file = followed.clip.file(t)
    return f"{followed.clip.names[t]}.png" if file is None else file.name


def run_lengths_of(mask: Mask) -> dict[str, Any]:
    """Return a mask as COCO's run lengths: down the columns, background first, as text."""
    pixels = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    ends = np.flatnonzero(pixels[1:] != pixels[:-1])
    counts = np.diff(ends, prepend=0).tolist()
    return {"size": [*mask.shape], "counts": run_text(counts)}


def run_text(counts: list[int]) -> str:
    """Return run lengths in COCO's text: five bits a character, differences from the third on."""
    characters = []
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        while True:
            code, value = value & 31, value >> 5
            ends = value == (-1 if code & 16 else 0)
            characters.append(chr(48 + (code if ends else code | 32)))
            if ends:
                break
    return "".join(characters)
