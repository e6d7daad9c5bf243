"""Training examples: a picture, an imperfect previous mask, and the true mask.

Examples are numbered from 0 without end; number ``i`` depends on ``(seed, i)`` only, so that the
order of work, the batch and the number of workers change nothing. One epoch is ``len(examples)``
numbers and shows every item once, in an order of its own.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import CoordinateMap, Frame, Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.augment import (
    AugmentationParams,
    apply_colours,
    sample_augmentation,
)
from masktrack_core.masks.deform import (
    DeformationParams,
    PriorKind,
    apply_deformation,
    as_prior,
    sample_deformation,
)
from masktrack_core.masks.elementary import VOID
from masktrack_core.masks.regions import CropParams, sample_view, view_frame
from masktrack_core.masks.warp import affine_map, warp_mask
from masktrack_core.ranges import COUNT, check_fields
from masktrack_core.seeds import numpy_rng
from masktrack_core.training.composed import announced, composed


class Example(NamedTuple):
    """One training example of side c."""

    image: NDArray[np.uint8]
    """uint8 ``(3, c, c)``, RGB."""
    prior: NDArray[np.bool_]
    """bool ``(1, c, c)``: the imperfect previous mask; ``(2, c, c)`` with the others' masks."""
    target: NDArray[np.uint8]
    """uint8 ``(c, c)``: 1 object, 0 background, 255 outside the frame, ignored by the loss."""


class Examples(Protocol):
    """Numbered examples, as `masktrack_core.training.loop.train` takes them."""

    def __len__(self) -> int:
        """Return the number of examples of one epoch."""

    def __getitem__(self, number: int, /) -> Example:
        """Return example ``number``, from 0 without end."""

    def digest(self) -> str:
        """Return what tells these examples from others: all that they are made of."""


STILL_AUGMENTATION = AugmentationParams(rotation_deg=0.0)
"""What DeepLabv2 does to still images: mirror every second one."""


@dataclass(frozen=True, kw_only=True)
class Stills:
    """Still images with their masks, and masks deformed beforehand."""

    names: Sequence[str]
    read: Callable[[str], tuple[Frame, Mask]]
    """From a name to the image and its true mask."""
    deformed: Mapping[str, Mask]
    """From ``"name/k"``, k from 0 to ``masks_per_image - 1``, to the deformed mask."""
    digest: Callable[[], str]
    """What tells the content of all images and masks from any other."""
    masks_per_image: int = 2
    """Deformed masks of each image (§4, "two different masks are generated")."""


class StillExamples:
    """Examples of offline training (§3.1): a crop of a still with one of its deformed masks."""

    def __init__(
        self,
        stills: Stills,
        crop: CropParams,
        *,
        augmentation: AugmentationParams = STILL_AUGMENTATION,
        prior_kind: PriorKind = "mask",
        others: DeformationParams | None = None,
        told: bool = False,
        seed: int,
    ) -> None:
        """Take stills, of which at least one is expected; else ``InputError``.

        ``others``: how masks are deformed where other objects are pasted beside the still's own
        (`composed`); None: none are. ``told``: whether the network has a channel for them, which
        is empty where there are none.
        """
        if not len(stills.names) or stills.masks_per_image < 1:
            raise InputError(
                f"stills: expected at least one image and one deformed mask of each, got "
                f"{len(stills.names)} and {stills.masks_per_image}; check the folder of stills"
            )
        self._stills = stills
        self._seed = seed
        self._others = others
        self._told = told
        self._cut = _Cut(crop, augmentation, prior_kind)

    def __len__(self) -> int:
        """Return the number of deformed masks: an epoch shows each once."""
        return len(self._stills.names) * self._stills.masks_per_image

    def __getitem__(self, number: int) -> Example:
        """Return example ``number``; what is shown is a permutation of its epoch's items."""
        epoch, place = divmod(number, len(self))
        item = int(_permutation(self._seed, epoch, len(self))[place])
        still, k = divmod(item, self._stills.masks_per_image)
        name = self._stills.names[still]
        frame, mask = self._stills.read(name)
        deformed = mask
        if self._cut.prior_kind != "none":
            deformed = self._stills.deformed[f"{name}/{k}"]
        _check_shapes(name, frame, mask, deformed)
        rng = numpy_rng(self._seed, "stills", number)
        nobody = np.zeros_like(mask) if self._told else None
        if self._others is None:
            return self._cut(frame, mask, deformed, others=nobody, rng=rng)
        scene = composed(frame, mask, lambda: self._another(rng), rng=rng)
        if scene.others:
            change = sample_deformation(scene.mask, self._others, rng=rng)
            deformed = apply_deformation(scene.mask, change)
        theirs = announced(scene.others, self._others, rng=rng) if self._told else None
        theirs = nobody if theirs is None else theirs
        return self._cut(scene.frame, scene.mask, deformed, others=theirs, rng=rng)

    def _another(self, rng: np.random.Generator) -> tuple[Frame, Mask]:
        names = self._stills.names
        return self._stills.read(names[int(rng.integers(len(names)))])

    def digest(self) -> str:
        """Return what tells these examples from others: content of the stills, crop, seed."""
        names = list(self._stills.names)
        counts = self._stills.masks_per_image, self._seed
        told = self._others, self._told
        return _digest(self._stills.digest(), names, counts, told, self._cut.facts)


@dataclass(frozen=True, kw_only=True)
class FirstFrameParams:
    """How the annotated frames become a training set (§3.2, §4)."""

    crop: CropParams = field(default_factory=CropParams)
    """What part of the frame the network sees."""
    augmentation: AugmentationParams = field(default_factory=AugmentationParams)
    """What frame and mask undergo together."""
    deformation: DeformationParams = field(default_factory=DeformationParams)
    """What makes the mask an imperfect previous one."""
    samples: int = 1000
    """Different samples of all annotated frames together (§4, "∼10³")."""
    # Paper: nothing of other objects. Ours, off by default.
    neighbours: bool = False
    """Whether every second crop is moved towards another object, which is background there; a
    network that is told of others then sees them in their channel."""

    def __post_init__(self) -> None:
        """Refuse a training set of nothing with ``InputError``."""
        check_fields("first frame", self, samples=COUNT)


class FirstFrameExamples:
    """Examples of online training (§3.2): the annotated frames, augmented and deformed."""

    def __init__(
        self,
        annotated: Sequence[tuple[Frame, Mask]],
        params: FirstFrameParams,
        *,
        prior_kind: PriorKind = "mask",
        others: Sequence[Sequence[Mask]] | None = None,
        told: bool = False,
        seed: int,
    ) -> None:
        """Take annotated frames, of which at least one is expected; else ``InputError``.

        ``others``: the masks of the other objects in each of them, looked at with
        ``params.neighbours``; ``told``: whether the network has a channel for them.
        """
        if not len(annotated):
            raise InputError(
                "annotated: expected at least one frame with its mask, got none; annotate a frame"
            )
        for place, (frame, mask) in enumerate(annotated):
            _check_shapes(f"annotated frame {place}", frame, mask, mask)
        self._annotated = annotated
        seen = others if others is not None and params.neighbours else [()] * len(annotated)
        self._others = [[mask for mask in masks if mask.any()] for masks in seen]
        self._told = told
        self._deformation = params.deformation
        self._samples = params.samples
        self._seed = seed
        self._cut = _Cut(params.crop, params.augmentation, prior_kind)

    def __len__(self) -> int:
        """Return the number of different samples."""
        return self._samples

    def __getitem__(self, number: int) -> Example:
        """Return example ``number``, made on the fly; number + samples is the same again."""
        item = number % self._samples
        turn, place = divmod(item, len(self._annotated))
        frame, mask = self._annotated[place]
        others = self._others[place]
        rng = numpy_rng(self._seed, "first frame", item)
        deformed = apply_deformation(mask, sample_deformation(mask, self._deformation, rng=rng))
        beside = others[int(rng.integers(len(others)))] if others and turn % 2 else None
        theirs = self._announced(others, np.zeros_like(mask), rng=rng) if self._told else None
        return self._cut(frame, mask, deformed, others=theirs, beside=beside, rng=rng)

    def _announced(
        self, others: Sequence[Mask], nothing: Mask, *, rng: np.random.Generator
    ) -> Mask:
        """Return where the others are said to be: each deformed as the object is."""
        changes = [sample_deformation(mask, self._deformation, rng=rng) for mask in others]
        moved = [apply_deformation(*pair) for pair in zip(others, changes, strict=True)]
        return np.asarray(np.logical_or.reduce([nothing, *moved]))

    def digest(self) -> str:
        """Return what tells these examples from others: frames, masks, what is done to them."""
        parts = [part for pair in self._annotated for part in pair]
        arrays = [(one.shape, hashlib.sha256(one.tobytes()).hexdigest()) for one in parts]
        counts = self._samples, self._seed
        theirs = [hashlib.sha256(mask.tobytes()).hexdigest() for m in self._others for mask in m]
        return _digest(arrays, counts, self._deformation, theirs, self._told, self._cut.facts)


class _Cut:
    """From a frame, its mask and the deformed mask to one random example."""

    def __init__(
        self, crop: CropParams, augmentation: AugmentationParams, prior_kind: PriorKind
    ) -> None:
        if prior_kind == "none" and crop.region is not None:
            raise InputError(
                f"crop.region: expected none for a network without previous mask, got "
                f"{crop.region}; a region needs a mask to be around"
            )
        self.prior_kind: PriorKind = prior_kind
        self._crop = crop
        self._augmentation = augmentation

    @property
    def facts(self) -> tuple[object, ...]:
        return self.prior_kind, self._crop, self._augmentation

    def __call__(
        self,
        frame: Frame,
        mask: Mask,
        deformed: Mask,
        *,
        others: Mask | None = None,
        beside: Mask | None = None,
        rng: np.random.Generator,
    ) -> Example:
        augmentation = sample_augmentation(self._augmentation, rng=rng)
        size = Size(self._crop.size, self._crop.size)
        view = sample_view(mask, deformed, self._crop, augmentation, beside=beside, rng=rng)
        coordinates = affine_map(view, size)
        image = apply_colours(view_frame(frame, view, size), augmentation)
        guides = [as_prior(warp_mask(deformed, coordinates), self.prior_kind)]
        guides += [] if others is None else [warp_mask(others, coordinates)]
        target = warp_mask(mask, coordinates).astype(np.uint8)
        # Paper: the authors' script crops a rotated frame to its largest inner rectangle and
        # resizes it; we keep the scale and leave out of the loss what the frame does not show.
        target[_outside(coordinates, Size(*mask.shape))] = VOID
        return Example(image.transpose(2, 0, 1), np.stack(guides), target)


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return the order of the items of one epoch."""
    return numpy_rng(seed, "epoch", epoch).permutation(count)


def _outside(coordinates: CoordinateMap, size: Size) -> Mask:
    """Return where an affine map leaves the frame: nowhere if its corners do not."""
    right, lower = size.width - 0.5, size.height - 0.5
    x, y = coordinates[..., 0], coordinates[..., 1]
    ends = x[[0, 0, -1, -1], [0, -1, 0, -1]], y[[0, 0, -1, -1], [0, -1, 0, -1]]
    if min(map(np.min, ends)) >= -0.5 and ends[0].max() <= right and ends[1].max() <= lower:
        return np.zeros(x.shape, np.bool_)
    return np.asarray((x < -0.5) | (x > right) | (y < -0.5) | (y > lower))


def _check_shapes(name: str, frame: Frame, mask: Mask, deformed: Mask) -> None:
    if not frame.shape[:2] == mask.shape == deformed.shape or not mask.size:
        raise InputError(
            f"{name}: expected frame, mask and deformed mask of one size, got {frame.shape[:2]}, "
            f"{mask.shape} and {deformed.shape}; make the deformed masks from these masks"
        )
