"""Truth in COCO's JSON: polygons and run lengths of numbered objects, a picture's file by its name.

Read here and not by pycocotools: its C code trusts what it reads (damaged polygons end the
process), and these files come from strangers. Tests compare the two pixel by pixel.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Size
from masktrack_core.errors import InputError, describe
from masktrack_core.files.decoding import MAX_PIXELS

_Key = TypeVar("_Key")

#: Keys under which tools file what makes annotations of several frames one object.
_TRACK_KEYS = ("track_id", "instance_id", "object_id")
#: COCO finds the inside of a polygon on a grid this much finer than the pixels.
_SCALE = 5


@dataclass(frozen=True, kw_only=True)
class CocoPicture:
    """One entry of ``images`` with the annotations that name it."""

    size: Size
    #: Object id → its segmentations, as in the file.
    objects: Mapping[int, tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """A whole annotation file."""

    path: Path
    #: By the parts of ``file_name``, the last one without its suffix.
    pictures: Mapping[tuple[str, ...], CocoPicture]

    def picture(self, frame: Path, *, folders: int = 0) -> CocoPicture | None:
        """Return the entry of a frame, whose path ends like ``file_name``; None where none does.

        ``folders``: how many folders the name must have at least, where names repeat.
        """
        parts = (*Path(frame).parent.parts, Path(frame).stem)
        ends = (parts[start:] for start in range(len(parts) - folders))
        return next((self.pictures[end] for end in ends if end in self.pictures), None)

    def mask(self, frame: Path, object_id: int) -> Mask:
        """Return an object's pixels in a frame; empty where it is not annotated there.

        Raises `InputError` for a frame that is not listed and a segmentation that makes no sense.
        """
        picture = self.picture(frame)
        if picture is None:
            raise InputError(f"{self.path}: expected an entry of images for {frame}, got none")
        mask = np.zeros(picture.size, np.bool_)
        for segmentation in picture.objects.get(object_id, ()):
            try:
                mask |= segmentation_mask(segmentation, picture.size)
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                raise InputError(
                    f"{self.path}: object {object_id} of {Path(frame).name}: expected polygons or "
                    f"run lengths of {picture.size.height} x {picture.size.width} pixels, got "
                    f"{describe(error)}; export it again"
                ) from error
        return mask


def read_coco(path: Path) -> CocoFile:
    """Return an annotation file in COCO's JSON; kept in memory until it changes.

    Raises `InputError` for what is none, and where several annotations of a picture do not say
    which object they are.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise _unusable(path, describe(error)) from error
    return _read(Path(path), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int, _size: int) -> CocoFile:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        owners: dict[Any, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for annotation in content["annotations"]:
            owners[annotation["image_id"]][_object_id(annotation)].append(annotation)
        pictures: dict[tuple[str, ...], CocoPicture] = {}
        for image in content["images"]:
            name = PurePosixPath(str(image["file_name"]).replace("\\", "/"))
            key = (*name.parent.parts, name.stem)
            if key in pictures or not name.name:
                raise ValueError(f"file_name {str(name)!r} twice or empty")
            pictures[key] = _picture(image, owners.get(image["id"], {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unusable(path, describe(error)) from error
    return CocoFile(path=path, pictures=pictures)


def _picture(image: Mapping[str, Any], owned: Mapping[int, Sequence[Any]]) -> CocoPicture:
    size = Size(int(image["height"]), int(image["width"]))
    if min(size) < 1 or size.height * size.width > MAX_PIXELS:
        raise ValueError(f"a picture of {size.height} x {size.width} pixels")
    if len(owned.get(0, ())) > 1 or (0 in owned and len(owned) > 1):
        raise ValueError(
            f"{image['file_name']}: several annotations of which some have no "
            f"{' or '.join(_TRACK_KEYS)}: which object is which is not known"
        )
    objects = {
        label or 1: tuple(one["segmentation"] for one in ones) for label, ones in owned.items()
    }
    return CocoPicture(size=size, objects=objects)


def _object_id(annotation: Mapping[str, Any]) -> int:
    """Return what makes annotations of several frames one object; 0 where nothing does."""
    for place in (annotation, annotation.get("attributes") or {}):
        for key in _TRACK_KEYS:
            if place.get(key) is not None:
                number = int(place[key])
                if not number >= 1:
                    raise ValueError(f"{key} {number}; objects are numbered from 1")
                return number
    return 0


def listed_frames(
    path: Path, frames: Mapping[_Key, tuple[str, Path]], *, folders: int
) -> dict[_Key, CocoPicture]:
    """Return the entries of those frames that a file lists, under the frames' keys.

    A frame that is listed without annotations has an empty truth; one that is not has none.
    """
    coco = read_coco(path)
    entries = {key: coco.picture(place, folders=folders) for key, (_, place) in frames.items()}
    return {key: entry for key, entry in entries.items() if entry is not None}


def segmentation_mask(segmentation: Any, size: Size) -> Mask:
    """Return the pixels of one segmentation: a list of polygons, or run lengths.

    Run lengths go down the columns, background first; as a list, or as COCO's text. Raises
    ``ValueError``, ``TypeError`` or ``KeyError`` for anything else.
    """
    if isinstance(segmentation, Mapping):
        if [int(side) for side in segmentation["size"]] != [*size]:
            raise ValueError(f"run lengths of size {segmentation['size']}")
        counts = segmentation["counts"]
        return _run_mask(run_lengths(counts) if isinstance(counts, str) else counts, size)
    mask = np.zeros(size, np.bool_)
    for polygon in segmentation:
        mask |= polygon_mask(polygon, size)
    return mask


def run_lengths(text: str) -> list[int]:
    """Return the run lengths in COCO's text: five bits a character, differences from the third on.

    Raises ``ValueError`` for a text that ends within a number or has other characters.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 40:
            raise ValueError(f"the character {character!r} in run lengths")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        value -= (1 << shift) if code & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths that end within a number")
    return counts


def _run_mask(counts: Sequence[int], size: Size) -> Mask:
    lengths = np.asarray(counts, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != size.height * size.width:
        raise ValueError(f"run lengths of {lengths.sum()} pixels")
    values = np.arange(lengths.size) % 2 == 1
    return np.repeat(values, lengths).reshape(size.width, size.height).T


def polygon_mask(polygon: Sequence[float], size: Size) -> Mask:
    """Return the pixels of a polygon ``x, y, x, y, …`` of at least three corners, as COCO does.

    The outline is walked on a grid five times finer than the pixels; where it crosses the middle
    of a column, everything below changes side. Raises ``ValueError`` for coordinates that are not
    finite or further outside the picture than its own size.
    """
    corners = np.asarray(polygon, np.float64)
    if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
        raise ValueError(f"a polygon of {corners.size} numbers")
    corners = corners.reshape(-1, 2)
    largest = 2 * max(size)
    if not (np.isfinite(corners).all() and np.abs(corners).max() <= largest):
        raise ValueError(f"coordinates beyond ±{largest}")
    fine = np.trunc(_SCALE * corners + 0.5).astype(np.int64)
    walks = [_walk(start, end) for start, end in pairwise([*fine, fine[0]])]
    x, y = np.concatenate(walks).T
    return _inside(x, y, size)


def _walk(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the grid points from a corner to the next, both included, one a step of the longer
    axis; computed in the same direction whichever way the edge is walked.
    """
    steps = np.abs(end - start)
    axis = 0 if steps[0] >= steps[1] else 1
    turned = start[axis] > end[axis]
    low, high = (end, start) if turned else (start, end)
    along = np.arange(steps[axis] + 1)
    slope = (high[1 - axis] - low[1 - axis]) / steps[axis] if steps[axis] else 0.0
    points = np.empty((len(along), 2), np.int64)
    points[:, axis] = low[axis] + along
    points[:, 1 - axis] = np.trunc(low[1 - axis] + slope * along + 0.5)
    return points[::-1] if turned else points


def _inside(x: NDArray[np.int64], y: NDArray[np.int64], size: Size) -> Mask:
    """Return the pixels that an odd number of crossings lie above."""
    crossed = x[1:] != x[:-1]
    column = (np.where(x[1:] < x[:-1], x[1:], x[1:] - 1)[crossed] + 0.5) / _SCALE - 0.5
    row = (np.minimum(y[1:], y[:-1])[crossed] + 0.5) / _SCALE - 0.5
    middle = (np.floor(column) == column) & (column >= 0) & (column <= size.width - 1)
    down = np.ceil(row[middle].clip(0, size.height)).astype(np.int64)
    places = column[middle].astype(np.int64) * size.height + down
    changes = np.bincount(places, minlength=size.height * size.width + 1)[:-1]
    return np.asarray(np.cumsum(changes) % 2 == 1).reshape(size.width, size.height).T


def _unusable(path: Path, came: str) -> InputError:
    return InputError(
        f"{path}: expected annotations in COCO's JSON (images, annotations), got {came}; export "
        "them again"
    )
