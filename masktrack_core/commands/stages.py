"""One object of a person's clip, followed: learn, propagate, refine, each stage a file.

A stage whose file is there is not run again, so that a killed run loses little: the first-frame
training goes on from its last state, everything else begins the stage of its object anew.
"""

import copy
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from masktrack_core.arrays import Mask, Prob
from masktrack_core.datasets.video_files import Clip
from masktrack_core.devices import return_memory
from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import Usage
from masktrack_core.files.archives import (
    ArchivedFrames,
    GreyArchive,
    ProbArchive,
    frame_key,
    object_key,
    read_track,
    write_grey_archive,
    write_prob_archive,
)
from masktrack_core.motion.flow import FlowImageParams, FlowModel, FlowParams, flow_images
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.progress import bar
from masktrack_core.tracking.annotations import ObjectAnnotations, masks_of_others
from masktrack_core.tracking.crf import CrfParams
from masktrack_core.tracking.filling import Some, filled
from masktrack_core.tracking.propagation import FrameSequence, propagate
from masktrack_core.tracking.refinement import refined_frames
from masktrack_core.tracking.segmentation import finetune, finetune_shared
from masktrack_core.tracking.together import propagate_together
from masktrack_core.training.loop import RunParams, TrainingDivergedError, TrainingInterruptedError
from masktrack_core.training.state import remove_state

log = logging.getLogger(__name__)

#: Seconds of first-frame training that a killed run may lose.
_STATE_EVERY_S = 60.0
#: Words before the bar of a training for all objects.
SHARED = "all objects"
#: Archive of objects that are followed together.
TOGETHER = "together.zip"
#: Processes that make examples beside a GPU.
_WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What the flow stream shows (paper §3.3)."""

    method: FlowParams = field(default_factory=FlowParams)
    image: FlowImageParams = field(default_factory=FlowImageParams)
    #: Weights of a learned flow.
    weights: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asks for, beside the clip, its annotations and the folder of masks."""

    weights: Path
    usage: Usage
    #: Second stream: the flow magnitude, through the network as it is in its file.
    motion: Motion | None = None
    #: Refinement of each object, before the objects meet.
    crf: CrfParams | None = None
    seed: int = 0
    #: Expected J below which a tiny mask is dropped, the object being absent; None keeps all.
    absent_below: float | None = None
    #: Device on which the network runs; results differ between devices in the last digits.
    device: torch.device = field(default_factory=partial(torch.device, "cpu"))
    #: Whether several objects are followed side by side, so that no pixel is two objects'.
    together: bool = False
    #: Frames that are followed first, the others filled between them; empty where all are.
    marks: tuple[int, ...] = ()
    #: Processes of the dense CRF; results do not depend on it.
    processes: int = 1
    #: Make again what is there.
    overwrite: bool = False


def followed_track(folder: Path, name: str, request: Request) -> Path:
    """Return where the probabilities of an object are before any CRF, to be read by `read_track`.

    Objects that are followed together share an archive.
    """
    return folder / (TOGETHER if request.together else f"{name}.zip")


def final_track(folder: Path, name: str, request: Request) -> Path:
    """Return where the probabilities of an object are in the end."""
    if request.crf is None:
        return followed_track(folder, name, request)
    return folder / f"{name}.refined.zip"


def motion_frames(
    clip: Clip, folder: Path, motion: Motion | None, device: torch.device
) -> FrameSequence | None:
    """Return the flow pictures of a clip, drawn into ``folder`` where they are not there yet.

    A learned flow is computed on ``device``.
    """
    if motion is None:
        return None
    path = folder / "flow.zip"
    if not path.exists():
        frames = (clip[t] for t in range(len(clip)))
        model = _learned_flow(motion, device)
        images = flow_images(frames, motion.method, motion.image, model=model)
        shown = bar(images, "flow", total=len(clip), unit="frame")
        write_grey_archive(path, ((frame_key(t), image) for t, image in enumerate(shown)))
    return ArchivedFrames(GreyArchive(path))


def _learned_flow(motion: Motion, device: torch.device) -> FlowModel | None:
    if (motion.method.method == "raft_small") != (motion.weights is not None):
        raise InputError(
            "flow: expected weights for raft_small, and for no other method, got "
            f"{motion.method.method} with {motion.weights}; give --flow-weights beside "
            "--flow raft_small"
        )
    if motion.weights is None:
        return None
    from masktrack_core.motion.raft import load_raft

    return load_raft(motion.weights, device=device)


@dataclass(frozen=True, kw_only=True)
class ObjectRun:
    """One object under way: what is known of it, and where its files are."""

    clip: Clip
    annotations: Mapping[int, Mask]
    #: By frame, the pixels that annotations give to other objects.
    others: Mapping[int, Mask]
    #: The annotations of all objects, this one's too.
    objects: ObjectAnnotations
    #: The flow pictures, where the request has a flow stream.
    motion: FrameSequence | None
    request: Request
    #: Folder of the files, and the object's name there.
    folder: Path
    name: str
    #: Words before the progress bars.
    words: str

    def follow(self) -> Path:
        """Return the archive of the object's probabilities, made where it is not there yet.

        Raises `InputError` where the first-frame training diverges, and ``KeyboardInterrupt``
        when it was told to stop, after saving its state.
        """
        final = final_track(self.folder, self.name, self.request)
        if final.exists():
            return final
        track = followed_track(self.folder, self.name, self.request)
        if not track.exists():
            if self.request.marks:
                self._fill(track)
            else:
                self._propagate(track, range(len(self.clip)))
        return_memory()
        return track if self.request.crf is None else self._refined(track, self.request.crf)

    @property
    def streams(self) -> list[FrameSequence]:
        """Return what the networks look at."""
        return [self.clip] if self.motion is None else [self.clip, self.motion]

    def _propagate(self, path: Path, chosen: Sequence[int]) -> None:
        """Write the archive of the probabilities in some frames, as if there were no others."""
        place = {t: number for number, t in enumerate(chosen)}
        probs = propagate(
            self.networks(),
            [Some(stream, chosen) for stream in self.streams],
            {place[t]: mask for t, mask in self.annotations.items()},
            self.request.usage.propagation,
            others={place[t]: mask for t, mask in self.others.items()},
        )
        shown = self._bar(probs, total=len(chosen))
        write_prob_archive(path, ((frame_key(chosen[t]), prob) for t, prob in shown))

    def _fill(self, track: Path) -> None:
        """Write the archive of all frames, those of the request's marks followed first."""
        first, marks = self.folder / f"{self.name}.marks.zip", self.request.marks
        if not first.exists():
            self._propagate(first, marks)
        archive = ProbArchive(first)
        probs = filled(
            self.networks(),
            self.streams,
            marks,
            lambda t: archive[frame_key(t)],
            self.request.usage.propagation,
            absent=[t for t, mask in self.annotations.items() if not mask.any()],
        )
        write_prob_archive(track, ((frame_key(t), prob) for t, prob in self._bar(probs, "fill")))

    def networks(self) -> list[MaskTrackNet]:
        """Return the network of each stream: frames the one that learnt, flow the one given."""
        given = load_network(self.request.weights)[0].to(self.request.device)
        learnt = given if self.request.usage.finetuning is None else self._learnt(given)
        return [learnt] if self.motion is None else [learnt, given]

    def _learnt(self, given: MaskTrackNet) -> MaskTrackNet:
        """Return the network after first-frame training, always as read from its file."""
        name = "shared" if self._learns_all else self.name
        path, state = self.folder / f"{name}.safetensors", self.folder / f"{name}.state"
        if not path.exists():
            self._learn(copy.deepcopy(given), path, state)
        remove_state(state)
        return load_network(path)[0].to(self.request.device)

    @property
    def _learns_all(self) -> bool:
        """Return whether one training is for all objects."""
        return learns_all(self.request, len(self.objects))

    def _learn(self, network: MaskTrackNet, path: Path, state: Path) -> None:
        finetuning, seed = self.request.usage.finetuning, self.request.seed
        assert finetuning is not None
        words = f"{SHARED if self._learns_all else self.words}: learn"
        # Beside a GPU the cores have nothing else to do; at most as many are taken as there are.
        workers = 0 if self.request.device.type == "cpu" else _WORKERS
        run = RunParams(state=state, save_every_s=_STATE_EVERY_S, workers=workers, progress=words)
        given = network, self.clip
        others = masks_of_others(self.objects, int(self.name))
        try:
            if self._learns_all:
                finetune_shared(*given, self.objects, finetuning, seed=seed, run=run)
            else:
                finetune(*given, self.annotations, finetuning, others=others, seed=seed, run=run)
        except TrainingDivergedError as error:
            raise InputError(f"{self.request.weights}: {error}") from error
        except TrainingInterruptedError as stopped:
            raise KeyboardInterrupt from stopped
        save_weights(path, network, {})
        return_memory()

    def _refined(self, track: Path, crf: CrfParams) -> Path:
        """Return the archive of the probabilities after the dense CRF (paper §5.2)."""
        path = final_track(self.folder, self.name, self.request)
        archive, times = read_track(track, int(self.name)), range(len(self.clip))
        pairs = ((self.clip[t], archive[frame_key(t)]) for t in times)
        probs = refined_frames(pairs, crf, processes=self.request.processes)
        shown = self._bar(zip(times, probs, strict=True), "refine")
        write_prob_archive(path, ((frame_key(t), prob) for t, prob in shown))
        return path

    def _bar(
        self,
        probs: Iterable[tuple[int, Prob]],
        stage: str = "follow",
        *,
        total: int | None = None,
    ) -> Iterable[tuple[int, Prob]]:
        words = f"{self.words}: {stage}"
        return bar(probs, words, total=total or len(self.clip), unit="frame")


def learns_all(request: Request, objects: int) -> bool:
    """Return whether one network learns all of several objects."""
    finetuning = request.usage.finetuning
    return finetuning is not None and finetuning.shared and objects > 1


def follow_together(runs: Sequence[ObjectRun]) -> None:
    """Write the archive of all objects' probabilities, and each one's after the CRF, where absent.

    Raises what `ObjectRun.follow` raises.
    """
    first = runs[0]
    track = first.folder / TOGETHER
    if not track.exists():
        usage = first.request.usage
        if usage.finetuning is None or learns_all(first.request, len(runs)):
            networks = dict.fromkeys((int(run.name) for run in runs), first.networks())
        else:
            networks = {int(run.name): run.networks() for run in runs}
        probs = propagate_together(
            networks,
            first.streams,
            {int(run.name): run.annotations for run in runs},
            usage.propagation,
        )
        total = len(first.clip) * len(runs)
        shown = bar(probs, f"{len(runs)} objects: follow", total=total, unit="frame")
        write_prob_archive(track, ((object_key(label, t), prob) for t, label, prob in shown))
    for run in runs:
        run.follow()
