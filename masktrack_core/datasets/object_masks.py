"""Mask files: the objects in them, by one rule for every kind of picture.

What a file can mean in one way only is read so. What could mean two things is refused with both
named, and a person chooses (``--mask-values``, or the encoding of a layout). Annotations of a clip,
masks that are scored and truths of data sets are all read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Box, Mask
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import Picture, distinct_colours, read_picture, read_size
from masktrack_core.files.io import label_colours, opaque_object
from masktrack_core.masks.elementary import VOID, present_values, split_objects

Objects: TypeAlias = dict[int, Mask]
"""Object id → its mask."""

MaskValues: TypeAlias = Literal["labels", "binary", "palette"]
"""What the values of a mask file are, where a person says it."""

#: Stands for the id of an object in a file that shows one and gives it none.
NAMELESS = 0

_WITHOUT_ID = (
    "a mask of one object without an id, which could be void (--mask-values labels), or the one "
    "object of all masks (--mask-values binary); choose one, or write ids in all"
)
#: Greys below this one are ids: nobody draws a mask so dark.
_DARKEST_MASK = 32
#: Ids whose colours in DAVIS' palette have greys that are all different, also off by one.
_GREY_IDS = range(1, 16)
#: MOTS writes 1000 x class + instance in 16 bits; 10000 is its void.
_MOTS_IDS, _MOTS_VOID = range(1000, 10000), 10000


class AnnotationFile(NamedTuple):
    """A mask file that annotates a frame: whatever objects it shows, or one that it is told."""

    t: int
    path: Path
    #: Whose mask it is; None for the ids in the file.
    object_id: int | None = None


class AnnotationBox(NamedTuple):
    """A box that annotates one object in a frame."""

    t: int
    box: Box
    object_id: int = 1


@dataclass(frozen=True)
class SequenceKind:
    """What the masks of a sequence are, ids or one object without: the same in all of its files.

    Beside ids, 255 is void in some tools, and the object of another tool in others.
    """

    #: Whether a file has ids → the first file that does, or does not.
    _seen: dict[bool, Path] = field(default_factory=dict, repr=False, compare=False)

    def check(self, path: Path, found: Objects, values: MaskValues | None) -> None:
        """Take in what `read_found` gave of a file; raise `InputError` for one of another kind.

        A person who says what the ``values`` are says it of every file.
        """
        if not found or values is not None:
            return
        self._seen.setdefault(NAMELESS not in found, path)
        if len(self._seen) == 2:
            raise InputError(
                f"{self._seen[False]}: expected the ids of objects, as other masks of the sequence "
                f"have them, got {_WITHOUT_ID}, as in {self._seen[True].name}"
            )


def read_annotation_files(
    files: Sequence[AnnotationFile], values: MaskValues | None = None
) -> list[Objects]:
    """Return the objects that each annotation of a clip shows; a mask of its own may be empty.

    Raises what `read_objects` does, `InputError` for several objects in a mask of one of its own,
    and where some files have ids and others an object without (`SequenceKind`).
    """
    kind, each = SequenceKind(), [_read_annotation(file, values) for file in files]
    shared = [(f, found) for f, found in zip(files, each, strict=True) if f.object_id is None]
    for file, found in shared:
        try:
            kind.check(file.path, found, values)
        except InputError as error:
            raise InputError(f"{error}; or say whose mask it is, obj1=MASK@T") from error
    has_ids = any(found.keys() - {NAMELESS} for _, found in shared)
    for file, found in shared:
        if NAMELESS in found and has_ids:
            del found[NAMELESS]  # void, as ``values`` says
        elif NAMELESS in found:
            found[1] = _named(file.path, found, values).pop(1)
            del found[NAMELESS]
    return each


def _read_annotation(file: AnnotationFile, values: MaskValues | None) -> Objects:
    if file.object_id is None:
        return read_found(file.path, values)
    found = read_objects(file.path, values)
    if len(found) > 1:
        raise InputError(
            f"{file.path}: expected the mask of object {file.object_id} alone, got the objects "
            f"{sorted(found)}; give it as {file.t}={file.path.name}"
        )
    nothing = np.zeros(read_size(file.path), np.bool_)
    return {file.object_id: next(iter(found.values()), nothing)}


def read_objects(path: Path, values: MaskValues | None = None) -> Objects:
    """Return the objects in a person's mask file by their id; a mask of one object has id 1.

    A coloured palette, and greys that are small ids (1, 2, 3 …), are labels, 255 void; 16-bit
    values may be those of MOTS, 1000 x class + instance, where no two objects share an instance.
    Black and one other grey or colour, also with soft edges, are one object. Where pixels differ in
    opacity the object is what is opaque. Empty where the picture is black. ``values`` decides for
    what could mean several things: ``labels`` are greys as ids; ``binary`` is one object, above
    half of the largest value; ``palette`` are colours of DAVIS' palette, or their greys.
    Raises `InputError` for unreadable files, and for values that have several meanings, or none.
    """
    return _named(path, read_found(path, values), values)


def _named(path: Path, found: Objects, values: MaskValues | None) -> Objects:
    """Return objects with id 1 for the one without; as ``labels`` 255 alone is no object."""
    if values == "labels" and NAMELESS in found:
        raise InputError(
            f"{path}: expected object ids from 1 to {VOID - 1} beside {VOID}, which is void, got "
            f"[{VOID}] alone; read it as one object with --mask-values binary"
        )
    return {label or 1: mask for label, mask in found.items()}


def read_found(path: Path, values: MaskValues | None = None) -> Objects:
    """Return what `read_objects` does, with the id `NAMELESS` for one object without an id.

    As ``labels``, 255 alone is such an object: void, where other files of the sequence have ids.
    """
    path = Path(path)
    picture = read_picture(path)
    if values == "labels":
        return _labels(path, picture)
    if values == "binary":
        return _one(_above_half(picture))
    if values == "palette":
        return _palette_ids(path, picture)
    cutout = opaque_object(path, picture)
    if cutout is not None:
        _check_opacity(path, picture)
        return _one(cutout)
    if picture.palette is not None and not picture.grey_palette:
        return _indices(path, picture)
    if picture.values.dtype == np.bool_:
        return _one(picture.values)
    grey = _grey(picture)
    if grey is None:
        return _one(_one_colour(path, picture))
    if not picture.lossless:
        return _one(_lossy_mask(path, grey))
    return _grey_objects(path, grey)


def only_object(path: Path, found: Objects, *, object_id: int = 1) -> Mask:
    """Return the mask of a file that shows one object, which may have id 1 or ``object_id``.

    ``found`` is what `read_found` gave. Raises `InputError` for several objects, or another.
    """
    if len(found) > 1 or not found.keys() <= {NAMELESS, 1, object_id}:
        raise InputError(
            f"{path}: expected one object, got the ids {sorted(found)}; choose one (--object of "
            "masktrack score), or read all as one with --mask-values binary"
        )
    return _mask_of(path, found, next(iter(found), NAMELESS))


def numbered_object(path: Path, found: Objects, label: int, values: MaskValues | None) -> Mask:
    """Return the mask of one object of several; empty where the file does not show it.

    ``found`` is what `read_found` gave. Raises `InputError` for a mask of one object without an id,
    where ``values`` does not say that 255 is void.
    """
    if NAMELESS in found and values is None:
        raise InputError(
            f"{path}: expected the ids of objects, as other masks of the sequence have them, got "
            f"{_WITHOUT_ID}"
        )
    return _mask_of(path, found, label)


def _mask_of(path: Path, found: Objects, label: int) -> Mask:
    if label in found:
        return found[label]
    return np.zeros(next(iter(found.values())).shape if found else read_size(path), np.bool_)


def _one(mask: Mask) -> Objects:
    return {NAMELESS: mask} if mask.any() else {}


def _check_opacity(path: Path, picture: Picture) -> None:
    """Raise `InputError` for areas of several opacities, of which some would be lost."""
    levels = present_values(picture.alpha) if picture.alpha is not None else np.zeros(0, np.uint8)
    if picture.alpha is not None and len(levels) > 2 and not _is_soft(picture.alpha, 255):
        raise InputError(
            f"{path}: expected pixels that are opaque or not, got areas of {len(levels)} "
            f"opacities such as {levels[:8].tolist()}; save objects as a palette PNG, and one "
            "object as 0 and 255"
        )


def _grey(picture: Picture) -> NDArray[Any] | None:
    """Return the greys of a picture, bool as 0 and 255; None where it shows colours."""
    values = picture.coloured
    if values.dtype == np.bool_:
        return np.asarray(values * np.uint8(255))
    if values.ndim == 2:
        return values
    # The colours of a JPEG are stored apart, and come back a little off.
    spread = values.max(axis=2) - values.min(axis=2)
    same = not spread.any() if picture.lossless else np.quantile(spread, 0.999) < 32
    return np.asarray(values.max(axis=2)) if same else None


def _indices(path: Path, picture: Picture) -> Objects:
    """Return the objects of a coloured palette, by its indices."""
    assert picture.palette is not None
    used = present_values(picture.values)
    if set(used.tolist()) <= {0, VOID}:
        return _one(np.asarray(picture.values > 0))
    black = [int(i) for i in used if not picture.palette[i].any()]
    if 0 not in black and black:
        raise _either(
            path,
            f"a palette whose black is index {black[0]} and not 0",
            palette="index 0 the background",
            binary="one object on black",
        )
    return split_objects(picture.values.astype(np.uint8))


def _one_colour(path: Path, picture: Picture) -> Mask:
    """Return the object that has one colour on black, with soft edges or without."""
    values = picture.values if picture.palette is None else picture.coloured
    brightness = values.max(axis=2)
    if picture.lossless:
        colours = distinct_colours(values)
        peak = colours[colours.max(axis=1).argmax()].astype(np.float64)
        shades = np.outer(colours.max(axis=1) / peak.max(), peak)
        if len(colours) <= 2 and not colours[0].any():
            return np.asarray(brightness > 0)
        if np.abs(colours - shades).max() <= 2 and _is_soft(brightness, int(peak.max())):
            return np.asarray(brightness > peak.max() / 2)
        raise _either(
            path,
            f"{len(colours)} colours",
            palette="the objects of DAVIS' palette",
            binary="one object where it is bright",
        )
    raise InputError(
        f"{path}: expected a mask, got colours in a lossy picture (JPEG), which keeps no "
        "exact ones; save objects as a palette PNG, or read it as one object where it is bright "
        "with --mask-values binary"
    )


def _lossy_mask(path: Path, grey: NDArray[Any]) -> Mask:
    """Return the one object of a grey JPEG: white on black, and little between."""
    largest = int(grey.max())
    if largest and (largest < 128 or not _is_soft(grey, 255, tolerance=6)):
        raise InputError(
            f"{path}: expected white on black in a lossy picture (JPEG), got greys that lie "
            f"between, up to {largest}; it keeps no object ids: save them as a palette PNG, or "
            "read it as one object where it is bright with --mask-values binary"
        )
    return np.asarray(grey > largest / 2)


def _grey_objects(path: Path, grey: NDArray[Any]) -> Objects:
    """Return the objects of exact greys, 8 or 16 bits."""
    present = present_values(grey)
    ids = [int(i) for i in present if i]
    if not ids:
        return {}
    if max(ids) > 255 and set(ids) <= {*_MOTS_IDS, _MOTS_VOID}:
        return _mots(path, grey)
    if max(ids) < _DARKEST_MASK and (len(ids) == 1 or present[0] == 0):
        return split_objects(grey.astype(np.uint8))
    if len(ids) == 1:
        return _one(np.asarray(grey > 0))
    full = 255 if max(ids) <= 255 else 65535
    if present[0] == 0 and max(ids) > full // 2 and _is_soft(grey, full):
        return _one(np.asarray(grey > max(ids) / 2))
    some = ", ".join(map(str, ids[:8])) + (", …" if len(ids) > 8 else "")
    background = "" if present[0] == 0 else ", and none that is 0, the background"
    readings = {"labels": "an object each"} if max(ids) <= VOID else {}
    if {*ids} - {VOID} and _palette_greys(grey) is not None:
        readings["palette"] = "colours of DAVIS' palette that became grey"
    readings["binary"] = "one object above half of the largest"
    raise _either(path, f"the greys {some}{background}", **readings)


def _either(path: Path, came: str, **readings: str) -> InputError:
    """Return the error for a file of several meanings, with each and how it is chosen."""
    ways = ", or ".join(f"{meaning} (--mask-values {name})" for name, meaning in readings.items())
    return InputError(
        f"{path}: expected a mask of one meaning, got {came}, which could be {ways}; choose one, "
        "or save objects as a palette PNG, and one object as 0 and 255"
    )


def _is_soft(grey: NDArray[Any], full: int, *, tolerance: int = 0) -> bool:
    """Return whether what lies between black and full is a soft edge, not an area of its own.

    An edge changes from pixel to pixel: few squares of 2 x 2 pixels (in a JPEG, whose values come
    back by ``tolerance`` off, 3 x 3) have one grey, and half of the picture at least is none. Where
    there are few greys, or 16 bits, which may be thin or small objects, the full ones must be the
    more.
    """
    few = (full > 255 or present_values(grey).size <= 9) and not tolerance
    low, high = (1 if few else full // 10), full - full // 10
    between = (grey >= low) & (grey < high)
    square = np.ones((3, 3) if tolerance else (2, 2), np.uint8)
    same = cv2.dilate(grey, square) - cv2.erode(grey, square) <= tolerance
    # A border counts as unequal, so that a picture of one row has no squares.
    same[0], same[:, 0] = False, False
    edge, flat = np.count_nonzero(between), np.count_nonzero(same & between)
    most = np.count_nonzero(grey >= high) if few else grey.size // 2
    return bool(flat <= edge // 10 and edge <= most - few)


def _mots(path: Path, grey: NDArray[Any]) -> Objects:
    """Return the objects of MOTS' ids by their instance, whatever their class."""
    ids = [int(i) for i in present_values(grey) if i and i != _MOTS_VOID]
    objects = {i % 1000: np.asarray(grey == i) for i in ids}
    if len(objects) < len(ids) or not set(objects) <= set(range(1, VOID)):
        raise InputError(
            f"{path}: expected ids of MOTS, 1000 x class + instance, of distinct instances from 1 "
            f"to {VOID - 1}, got {ids[:8]}; number the objects from 1 in a palette PNG"
        )
    return objects


def _labels(path: Path, picture: Picture) -> Objects:
    """Return an object for each grey or palette index but 0 and 255."""
    values = picture.values if picture.palette is not None else _grey(picture)
    if values is None or not picture.lossless:
        raise InputError(
            f"{path}: expected object ids as palette indices or greys in a lossless file, got "
            f"{'colours' if picture.lossless else 'a lossy one'}; save them as a palette PNG"
        )
    if values.max() > VOID and set(present_values(values).tolist()) <= {0, *_MOTS_IDS, _MOTS_VOID}:
        return _mots(path, values)
    if values.any() and set(present_values(values).tolist()) <= {0, VOID}:
        return _one(np.asarray(values > 0))
    if values.max() > VOID:
        raise InputError(
            f"{path}: expected object ids from 1 to {VOID - 1} beside {VOID}, which is void, got "
            f"{[int(i) for i in np.unique(values) if i][:8]}; renumber the objects, or read it as "
            "one object with --mask-values binary"
        )
    return split_objects(values.astype(np.uint8))


def _above_half(picture: Picture) -> Mask:
    """Return one object: palette indices but 0 and void, else what is above half of the largest.

    As DAVIS' ``db_read_result`` has it, values of 0 and one other count above 0.
    """
    if picture.palette is not None and not picture.grey_palette and not picture.palette[0].any():
        void = VOID if len(present_values(picture.values)) > 2 else 0
        return np.asarray((picture.values > 0) & (picture.values != void))
    values = picture.coloured
    brightness = values.max(axis=2) if values.ndim == 3 else values
    return np.asarray(brightness > int(brightness.max()) / 2)


def _palette_ids(path: Path, picture: Picture) -> Objects:
    """Return the objects of a palette, or of the colours or greys that DAVIS' palette became."""
    if picture.palette is not None:
        return split_objects(picture.values.astype(np.uint8))
    grey = _grey(picture)
    if grey is not None and set(present_values(grey).tolist()) <= {0, VOID}:
        return _one(np.asarray(grey > 0))
    ids = None
    if picture.lossless:
        ids = _palette_colours(picture.values) if grey is None else _palette_greys(grey)
    if ids is None:
        raise InputError(
            f"{path}: expected colours of DAVIS' palette, or their greys, in a lossless file, got "
            f"{'others' if picture.lossless else 'a lossy one'}; save objects as a palette PNG"
        )
    return split_objects(ids)


def _palette_colours(values: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return the ids of the colours of DAVIS' palette; None where one is not in it."""
    code = np.array([65536, 256, 1])
    known = {int(colour @ code): i for i, colour in reversed([*enumerate(label_colours())])}
    found, where = np.unique(values @ code, return_inverse=True)
    ids = [known.get(int(colour)) for colour in found]
    if None in ids:
        return None
    return np.array(ids, np.uint8)[where].reshape(values.shape[:2])


def _palette_greys(grey: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return the ids whose colours in DAVIS' palette have these greys; None where one has none.

    Libraries round the grey of a colour up or down.
    """
    shades = (label_colours() @ np.array([0.299, 0.587, 0.114])).tolist()
    ids = np.zeros(grey.shape, np.uint8)
    for value in np.unique(grey[grey > 0]).tolist():
        near = [i for i in _GREY_IDS if abs(shades[i] - value) <= 1]
        if len(near) != 1:
            return None
        ids[grey == value] = near[0]
    return ids
