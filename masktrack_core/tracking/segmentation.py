"""The whole method for people: frames and annotations in, masks out (paper §3)."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Self

import pandas as pd

from masktrack_core.arrays import Frame, Mask
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams, as_prior
from masktrack_core.masks.elementary import canonical
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.ranges import FRACTION, check_fields
from masktrack_core.tracking.annotations import ObjectAnnotations, masks_of_others
from masktrack_core.tracking.propagation import (
    FrameSequence,
    PropagationParams,
    checked_annotations,
    predict,
    propagate,
)
from masktrack_core.tracking.together import propagate_together
from masktrack_core.training.examples import FirstFrameExamples, FirstFrameParams
from masktrack_core.training.loop import RunParams, TrainParams, train

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FinetuningParams:
    """How a network learns one object from its annotated frames (paper §3.2, §4)."""

    #: the optimiser and its schedule
    schedule: TrainParams = field(default_factory=partial(TrainParams, iterations=200))
    #: the training set made of the annotated frames
    examples: FirstFrameParams = field(default_factory=FirstFrameParams)
    #: ours: share of the offline weights in the mean of them and the fine-tuned ones, from 0
    offline_share: float = 0.0
    # Paper: a network for each object (§5.1). Ours, off by default.
    #: whether one network learns all objects of a video (`finetune_shared`)
    shared: bool = False

    def __post_init__(self) -> None:
        """Refuse a share that leaves nothing of what was learnt with ``InputError``."""
        check_fields("finetuning", self, offline_share=FRACTION)

    @classmethod
    def from_rows(
        cls,
        rows: Mapping[str, Any],
        *,
        samples: int = 1000,
        offline_share: float = 0.0,
        neighbours: bool = False,
        shared: bool = False,
    ) -> Self:
        """Return the parameters of a row of ``finetunings`` and of the rows that it names."""
        return cls(
            offline_share=offline_share,
            shared=shared,
            schedule=TrainParams(**rows["schedule"]),
            examples=FirstFrameParams(
                crop=CropParams(**rows["crop"]),
                augmentation=AugmentationParams(**rows["augmentation"]),
                deformation=DeformationParams(**rows["deformation"]),
                samples=samples,
                neighbours=neighbours,
            ),
        )


def finetune(
    network: MaskTrackNet,
    frames: FrameSequence,
    annotations: Mapping[int, Mask],
    params: FinetuningParams,
    *,
    others: Mapping[int, Sequence[Mask]] | None = None,
    seed: int,
    run: RunParams | None = None,
) -> pd.DataFrame:
    """Train the network, in place, on the annotated frames; return its losses.

    With ``offline_share`` its weights are then averaged with those it came with (Wortsman et al.,
    "Robust fine-tuning of zero-shot models", CVPR 2022): one network, which forgets less.
    An empty mask, "not here", is no example. ``others`` are, by frame, the masks of the other
    objects (`annotations.masks_of_others`), looked at where ``params.examples.neighbours`` says so.
    Raises ``InputError`` for annotations that do not fit the frames.
    """
    shown = _shown(frames, annotations, others or {})
    return _finetuned(network, shown, params, seed=seed, run=run)


def finetune_shared(
    network: MaskTrackNet,
    frames: FrameSequence,
    objects: ObjectAnnotations,
    params: FinetuningParams,
    *,
    seed: int,
    run: RunParams | None = None,
) -> pd.DataFrame:
    """Train the network, in place, on all annotated objects of a video; return its losses.

    The objects take turns: what is object in one crop is background in the next, and the mask that
    guides says which is meant. All else as `finetune` does it for one of them; the steps of the
    schedule are those of all objects together.
    """
    each = [
        _shown(frames, annotations, masks_of_others(objects, label))
        for label, annotations in sorted(objects.items())
    ]
    return _finetuned(network, [*chain.from_iterable(each)], params, seed=seed, run=run)


_Shown = tuple[Frame, Mask, Sequence[Mask]]
"""A frame, the mask of the object in it, and the masks of the others."""


def _shown(
    frames: FrameSequence, annotations: Mapping[int, Mask], others: Mapping[int, Sequence[Mask]]
) -> list[_Shown]:
    """Return what a network learns an object from: the annotated frames that show it, in order."""
    checked = sorted(checked_annotations(frames, annotations).items())
    return [(frames[t], mask, others.get(t, ())) for t, mask in checked if mask.any()]


def _finetuned(
    network: MaskTrackNet,
    shown: Sequence[_Shown],
    params: FinetuningParams,
    *,
    seed: int,
    run: RunParams | None,
) -> pd.DataFrame:
    """Train a network on what it is shown, and average it with what it was."""
    examples = FirstFrameExamples(
        [(frame, mask) for frame, mask, _ in shown],
        params.examples,
        prior_kind=network.spec.prior,
        others=[others for _, _, others in shown],
        told=network.spec.others,
        seed=seed,
    )
    before = copy.deepcopy(network.state_dict()) if params.offline_share else {}
    losses = train(network, examples, params.schedule, seed=seed, run=run)
    # Paper: the fine-tuned network alone. Ours forgets what an object that turns will look like.
    for name, offline in before.items():
        network.state_dict()[name].lerp_(offline, params.offline_share)
    return losses


def segment_boxes(
    network: MaskTrackNet,
    frames: FrameSequence,
    boxes: Mapping[int, Mask],
    params: PropagationParams,
) -> dict[int, Mask]:
    """Return the segment of each box (paper §3.3, "Box annotation").

    ``boxes`` maps frames to masks of which only the bounding box is looked at. A segment lies in
    its box. Where the network finds nothing there the box itself is returned, and a warning logged.
    An empty mask stays empty: "not here".
    """
    segments = {}
    for t, box in boxes.items():
        if not box.any():
            segments[t] = box
            continue
        box = as_prior(canonical(box), "box")
        # Paper: silent on what the network finds outside the box. An annotated box bounds the
        # object: what lies outside is not part of it.
        segment = (predict(network, frames[t], box, params) > params.threshold) & box
        if not segment.any():
            _log.warning("frame %d: the network finds nothing in the box; the box is used", t)
        segments[t] = segment if segment.any() else box
    return segments


def segment_together(
    network: MaskTrackNet,
    frames: FrameSequence,
    objects: ObjectAnnotations,
    *,
    finetuning: FinetuningParams | None,
    propagation: PropagationParams,
    seed: int = 0,
) -> Iterator[tuple[int, int, Mask]]:
    """Return ``(t, object, mask)`` of every frame and object, followed side by side.

    ``objects``: object → frame → mask, as `annotations.annotations_by_object` makes it. Of each
    pixel one object has it at most, but where annotations overlap. ``finetuning`` None skips the
    online stage, else each object has a copy of the network that learns it, or all have one with
    ``finetuning.shared``; the one given stays as it is. Nothing is computed before the first is
    asked for. Order, and what is raised at once: `propagate_together`.
    """
    networks = dict.fromkeys(objects, network)
    if finetuning is not None and finetuning.shared:
        networks = dict.fromkeys(objects, copy.deepcopy(network))
    elif finetuning is not None:
        networks = {label: copy.deepcopy(network) for label in objects}
    probs = propagate_together(networks, [frames], objects, propagation)

    def masks() -> Iterator[tuple[int, int, Mask]]:
        if finetuning is not None and finetuning.shared:
            finetune_shared(networks[min(objects)], frames, objects, finetuning, seed=seed)
        elif finetuning is not None:
            for label, annotations in objects.items():
                others = masks_of_others(objects, label)
                finetune(networks[label], frames, annotations, finetuning, others=others, seed=seed)
        for t, label, prob in probs:
            yield t, label, prob > propagation.threshold

    return masks()


def segment_video(
    network: MaskTrackNet,
    frames: FrameSequence,
    annotations: Mapping[int, Mask],
    *,
    finetuning: FinetuningParams | None,
    propagation: PropagationParams,
    others: Mapping[int, Mask] | None = None,
    seed: int = 0,
) -> Iterator[tuple[int, Mask]]:
    """Return ``(t, mask)`` of every frame of a video, from the masks of one or a few of them.

    ``finetuning`` None skips the online stage. The network given is changed by the online stage;
    pass a copy to keep it. Not in order of time when an annotated frame is not the first. Nothing
    is computed before the first is asked for. What annotations say, and how they are made for
    several objects: `tracking.annotations`. Raises at once what `propagate` raises.
    """
    probs = propagate(network, [frames], annotations, propagation, others=others)

    def masks() -> Iterator[tuple[int, Mask]]:
        if finetuning is not None:
            finetune(network, frames, annotations, finetuning, seed=seed)
        for t, prob in probs:
            yield t, prob > propagation.threshold

    return masks()
