"""Stills in which objects meet: others are pasted beside, behind and in front of the first.

Photographs of saliency sets show one object each, and a network that is told of others has to see
some. A guest is the object of another still, or the same object again: of one kind, it can be told
apart by the masks before alone. Where a still's own mask is in several large parts, one of them may
be the object and the rest others.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from masktrack_core.arrays import Box, Frame, Mask, Size
from masktrack_core.masks.deform import DeformationParams, apply_deformation, sample_deformation
from masktrack_core.masks.elementary import bounding_box
from masktrack_core.masks.regions import box_centre, view_frame
from masktrack_core.masks.warp import Matrix, affine_map, similarity, warp_mask

# Paper: nothing of it. Ours, of networks with `others` alone; chosen by no search.
#: Shares: of stills that stay as they are, of masks in parts that are parted, of those with two
#: guests, of guests that are the same object again, that stand in front, that become the object,
#: and of others that are not announced.
PLAIN, PARTED, TWO, AGAIN, IN_FRONT, SWAPPED, SILENT = 0.15, 0.5, 0.3, 0.4, 0.4, 0.3, 0.15
#: Share of a mask from which on a part is large.
_PART = 0.15
#: Longer side of a guest in those of the object, and the distance of their centres in the half
#: sides of both: below 1 they overlap.
_SIZES, _DISTANCES = (0.5, 1.3), (0.4, 1.05)
#: Share of an object that has to stay visible for a guest to be let in.
_VISIBLE = 0.3


class Scene(NamedTuple):
    """A picture of several objects."""

    frame: Frame
    mask: Mask
    """bool ``(H, W)``: what is seen of the object."""
    others: tuple[Mask, ...]
    """What is seen of each of the others."""


def composed(
    frame: Frame, mask: Mask, guest: Callable[[], tuple[Frame, Mask]], *, rng: np.random.Generator
) -> Scene:
    """Return a still with one or two guests, or as it is; ``guest`` gives another still."""
    if rng.random() < PLAIN or not mask.any():
        return Scene(frame, mask, ())
    parts = _parts(mask) if rng.random() < PARTED else [mask]
    place = int(rng.integers(len(parts)))
    scene = Scene(frame, parts[place], tuple(parts[:place] + parts[place + 1 :]))
    for _ in range(1 + (rng.random() < TWO)):
        again = rng.random() < AGAIN
        scene = _joined(scene, *((frame, mask) if again else guest()), rng=rng)
    if scene.others and rng.random() < SWAPPED:
        first, *rest = scene.others
        scene = Scene(scene.frame, first, (scene.mask, *rest))
    return scene


def announced(
    others: tuple[Mask, ...], params: DeformationParams, *, rng: np.random.Generator
) -> Mask | None:
    """Return where the others are said to be, deformed as the object's mask is; None: unsaid."""
    if not others or rng.random() < SILENT:
        return None
    moved = [apply_deformation(one, sample_deformation(one, params, rng=rng)) for one in others]
    return np.asarray(np.logical_or.reduce(moved))


def _parts(mask: Mask) -> list[Mask]:
    """Return the large parts of a mask, or the mask where there is one at most."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    areas = np.bincount(labels.ravel(), minlength=count)
    large = [n for n in range(1, count) if areas[n] > _PART * areas[1:].sum()]
    return [labels == n for n in large] if len(large) > 1 else [mask]


def _joined(scene: Scene, guest: Frame, shape: Mask, *, rng: np.random.Generator) -> Scene:
    """Return a scene with one more object, or as it was where one would be hidden."""
    own, theirs = bounding_box(scene.mask), bounding_box(shape)
    if own is None or theirs is None:
        return scene
    size = Size(*scene.mask.shape)
    view = _placed(own, theirs, rng=rng)
    picture, pasted = view_frame(guest, view, size), warp_mask(shape, affine_map(view, size))
    whole = int(pasted.sum())
    in_front = rng.random() < IN_FRONT
    if not in_front:
        pasted &= ~np.logical_or.reduce([scene.mask, *scene.others])
    seen = [(one & ~pasted, int(one.sum())) for one in (scene.mask, *scene.others)]
    if any(one.sum() < _VISIBLE * area for one, area in [*seen, (pasted, whole)]) or not whole:
        return scene
    # A cut that is a pixel wide would tell who was pasted.
    alpha = cv2.GaussianBlur(pasted.astype(np.float32), (3, 3), 0)[..., None]
    mixed = scene.frame + alpha * (picture.astype(np.float32) - scene.frame)
    mask, *others = (one for one, _ in seen)
    return Scene(np.rint(mixed).astype(np.uint8), mask, (*others, pasted))


def _placed(own: Box, theirs: Box, *, rng: np.random.Generator) -> Matrix:
    """Return the affine change from pixels of the still to those of a guest beside its object."""
    share, apart = rng.uniform(*_SIZES), rng.uniform(*_DISTANCES)
    scale = max(theirs.width, theirs.height) / (share * max(own.width, own.height))
    angle = rng.uniform(0, 2 * np.pi)
    reach = np.array([own.width + theirs.width / scale, own.height + theirs.height / scale]) / 2
    place = box_centre(own) + apart * reach * (np.cos(angle), np.sin(angle))
    view = similarity((0.0, 0.0), scale=scale, flip=bool(rng.random() < 0.5))
    view[:, 2] = box_centre(theirs) - view[:, :2] @ place
    return view
