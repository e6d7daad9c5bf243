"""The whole method for people: frames and annotations in, masks out (paper §3)."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import pandas as pd

from masktrack_core.arrays import Mask
from masktrack_core.augment import AugmentationParams
from masktrack_core.deform import DeformationParams, as_prior
from masktrack_core.examples import FirstFrameExamples, FirstFrameParams
from masktrack_core.masks import canonical
from masktrack_core.network import MaskTrackNet
from masktrack_core.propagation import (
    FrameSequence,
    PropagationParams,
    checked_annotations,
    predict,
    propagate,
)
from masktrack_core.regions import CropParams
from masktrack_core.training import RunParams, TrainParams, train

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FinetuningParams:
    """How a network learns one object from its annotated frames (paper §3.2, §4)."""

    #: the optimiser and its schedule
    schedule: TrainParams = field(default_factory=partial(TrainParams, iterations=200))
    #: the training set made of the annotated frames
    examples: FirstFrameParams = field(default_factory=FirstFrameParams)

    @classmethod
    def from_rows(cls, rows: Mapping[str, Any], *, samples: int) -> Self:
        """Return the parameters of the rows that one row of ``finetunings`` names."""
        return cls(
            schedule=TrainParams(**rows["schedule"]),
            examples=FirstFrameParams(
                crop=CropParams(**rows["crop"]),
                augmentation=AugmentationParams(**rows["augmentation"]),
                deformation=DeformationParams(**rows["deformation"]),
                samples=samples,
            ),
        )


def finetune(
    network: MaskTrackNet,
    frames: FrameSequence,
    annotations: Mapping[int, Mask],
    params: FinetuningParams,
    *,
    seed: int,
    run: RunParams | None = None,
) -> pd.DataFrame:
    """Train the network, in place, on the annotated frames; return its losses.

    Raises ``InputError`` for annotations that do not fit the frames.
    """
    annotations = checked_annotations(frames, annotations)
    examples = FirstFrameExamples(
        [(frames[t], mask) for t, mask in sorted(annotations.items())],
        params.examples,
        prior_kind=network.spec.prior,
        seed=seed,
    )
    return train(network, examples, params.schedule, seed=seed, run=run)


def segment_boxes(
    network: MaskTrackNet,
    frames: FrameSequence,
    boxes: Mapping[int, Mask],
    params: PropagationParams,
) -> dict[int, Mask]:
    """Return the segment of each box (paper §3.3, "Box annotation").

    ``boxes`` maps frames to masks of which only the bounding box is looked at. Where the network
    finds nothing the box itself is returned, and a warning logged.
    """
    segments = {}
    for t, box in boxes.items():
        box = as_prior(canonical(box), "box")
        segment = predict(network, frames[t], box, params) > params.threshold
        if not segment.any():
            _log.warning("frame %d: the network finds nothing in the box; the box is used", t)
        segments[t] = segment if segment.any() else box
    return segments


def segment_video(
    network: MaskTrackNet,
    frames: FrameSequence,
    annotations: Mapping[int, Mask],
    *,
    finetuning: FinetuningParams | None,
    propagation: PropagationParams,
    seed: int = 0,
) -> Iterator[tuple[int, Mask]]:
    """Yield ``(t, mask)`` of every frame of a video, from the masks of one or a few of them.

    ``finetuning`` None skips the online stage. The network given is changed by the online stage;
    pass a copy to keep it. Not in order of time when an annotated frame is not the first.
    """
    if finetuning is not None:
        finetune(network, frames, annotations, finetuning, seed=seed)
    for t, prob in propagate(network, [frames], annotations, propagation):
        yield t, prob > propagation.threshold
