"""Masks painted over frames, for people to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from masktrack_core.arrays import Frame, Labels, Mask
from masktrack_core.decoding import read_picture
from masktrack_core.errors import InputError
from masktrack_core.io import label_colours, read_labels, read_mask
from masktrack_core.masks import VOID, boundary, split_objects
from masktrack_core.video_files import Clip


def paint(frame: Frame, labels: Labels, *, opacity: float = 0.5) -> Frame:
    """Return the frame with each object tinted in its colour and outlined.

    ``opacity`` 0 leaves the outline alone, 1 hides the object. Void is not painted. Raises
    `InputError` for labels of another size than the frame.
    """
    if labels.shape != frame.shape[:2] or not 0 <= opacity <= 1:
        raise InputError(
            f"overlay: expected labels of shape {frame.shape[:2]} and an opacity from 0 to 1, got "
            f"{labels.shape} and {opacity}"
        )
    painted = frame.copy()
    colours = label_colours()
    for label, mask in split_objects(labels).items():
        tint = opacity * colours[label] + (1 - opacity) * frame[mask]
        painted[mask] = (tint + 0.5).astype(np.uint8)
        painted[boundary(mask)] = colours[label]
    return painted


def overlay(clip: Clip, masks: Path, *, opacity: float = 0.5) -> Iterator[Frame]:
    """Yield the frames of a clip with the masks of a folder over them, found by name.

    Frames without a mask stay as they are. Raises `InputError` where no mask has a frame's name.
    """
    paths = {path.stem: path for path in Path(masks).glob("[!.]*.png")}
    if not paths.keys() & set(clip.names):
        raise InputError(
            f"{masks}: expected masks named like the frames, such as {clip.names[0]}.png, got "
            f"{sorted(paths)[:3]}; give the folder of this clip's masks"
        )
    for t, name in enumerate(clip.names):
        frame = clip[t]
        if name in paths:
            objects = read_objects(paths[name])
            frame = paint(frame, as_labels(objects, frame.shape[:2]), opacity=opacity)
        yield frame


def as_labels(objects: dict[int, Mask], shape: Sequence[int]) -> Labels:
    """Return masks by object id as one label picture; a later id lies over an earlier one."""
    labels = np.zeros(tuple(shape), np.uint8)
    for label, mask in objects.items():
        if mask.shape != labels.shape:
            raise InputError(
                f"mask: expected shape {labels.shape} like its frame, got {mask.shape}"
            )
        labels[mask] = label
    return labels


def read_objects(path: Path) -> dict[int, Mask]:
    """Return the objects in a person's mask file by their id; a mask of one object has id 1.

    A coloured palette, and greys that are small ids (1, 2, 3 …), are labels, 255 void. Anything
    else is one object, read as `masktrack_core.io.read_mask`. Empty where there is none. Raises
    `InputError` for unreadable files, for colours, and for greys that could be either.
    """
    picture = read_picture(path)
    values = picture.coloured if picture.grey_palette else picture.values
    if picture.palette is not None and not picture.grey_palette:
        if set(np.unique(values).tolist()) <= {0, VOID}:
            return _one(np.asarray(values > 0))
        return split_objects(read_labels(path))
    if values.ndim == 3:
        hues = np.unique(values.reshape(-1, 3), axis=0) if picture.lossless else values[:0, 0]
        if len(hues) > 2 and not (values == values[..., :1]).all():
            raise InputError(
                f"{path}: expected one object, or several in a palette PNG, got {len(hues)} "
                "colours; save it with a palette, or in one colour on black"
            )
        return _one(read_mask(path))
    ids = [int(i) for i in np.unique(values) if i] if picture.lossless else []
    if len(ids) == 1:
        return _one(np.asarray(values > 0))
    small = [i for i in ids if i < 32]
    if not small:
        return _one(read_mask(path))
    if len(small) == len(ids):
        return split_objects(values.astype(np.uint8))
    if set(ids) - set(small) == {VOID} and len(ids) <= 8:
        raise InputError(
            f"{path}: expected object ids or a mask, got the greys {ids}, which could be either; "
            "save ids as a palette PNG, or a mask as 0 and 255 alone"
        )
    return _one(read_mask(path))


def _one(mask: Mask) -> dict[int, Mask]:
    return {1: mask} if mask.any() else {}
