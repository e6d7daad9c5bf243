"""A person's clip from annotations to masks on disk: resumable, deterministic, whole files only.

Objects are followed one by one and meet in the end (paper §5.1: one run per object). What is
complete is kept below ``<out>/.masktrack`` until all is.
"""

import copy
import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from masktrack_core.archives import ProbArchive, frame_key, write_prob_archive
from masktrack_core.arrays import Box, Mask
from masktrack_core.datasets import folder_fingerprint
from masktrack_core.download import file_digest
from masktrack_core.errors import InputError
from masktrack_core.io import atomic_path, write_labels, write_mask
from masktrack_core.masks import box_mask, merge_objects
from masktrack_core.network import MaskTrackNet
from masktrack_core.object_masks import read_objects
from masktrack_core.propagation import PropagationParams, check_annotations, propagate
from masktrack_core.segmentation import finetune, segment_boxes
from masktrack_core.training import RunParams, TrainingDivergedError
from masktrack_core.usage import Usage, read_usage
from masktrack_core.video_files import Clip
from masktrack_core.weights import load_network

log = logging.getLogger(__name__)

#: Folder in the output for what is under way and for the record of the run.
WORK = ".masktrack"

Annotations = Mapping[int, Mapping[int, Mask]]
"""Object id → frame number → mask."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asks for, beside the clip, its annotations and the folder of masks."""

    weights: Path
    usage: Usage
    seed: int = 0
    #: Device on which the network runs; results differ between devices in the last digits.
    device: torch.device = field(default_factory=partial(torch.device, "cpu"))
    #: Make again what is there.
    overwrite: bool = False


def read_annotations(clip: Clip, files: Mapping[int, Path]) -> dict[int, dict[int, Mask]]:
    """Return object id → frame → mask of annotated frames, given as one file a frame.

    Raises `InputError` naming the file that is unreadable, empty, or of another size.
    """
    objects: dict[int, dict[int, Mask]] = {}
    for t, path in sorted(files.items()):
        found = read_objects(path)
        if not found:
            raise InputError(
                f"{path}: expected at least one object pixel, got none; annotate a frame in which "
                "the object is visible"
            )
        for label, mask in found.items():
            if mask.shape != clip.size:
                raise InputError(
                    f"{path}: expected the size of the frames, {tuple(clip.size)} (height, width), "
                    f"got {mask.shape}; draw the mask on a frame of this clip"
                )
            objects.setdefault(label, {})[t] = mask
    for annotations in objects.values():
        check_annotations(clip, annotations)
    return dict(sorted(objects.items()))


def annotate_box(
    clip: Clip, box: Box, weights: Path, device: torch.device
) -> dict[int, dict[int, Mask]]:
    """Return the annotation that a box network makes of a box in the first frame (paper §3.3).

    Raises `InputError` for a box outside the frame.
    """
    mask = box_mask(box, clip.size)
    if int(mask.sum()) != box.width * box.height or not mask.any():
        raise InputError(
            f"box: expected x, y, width and height inside a frame of {clip.size.width} x "
            f"{clip.size.height} pixels, got {box.x},{box.y},{box.width},{box.height}"
        )
    network, record = load_network(weights)
    usage = read_usage(record, where=str(weights))
    return {1: segment_boxes(network.to(device), clip, {0: mask}, usage.propagation)}


def segment_clip(clip: Clip, objects: Annotations, out: Path, request: Request) -> list[Path]:
    """Write the mask of every frame below ``out``; return the files in order.

    One object gives masks of 0 and 255, several give label pictures, named like the frames. A
    clip that was segmented in the same way before is left as it is; objects that were complete
    when a run stopped are kept. Raises `InputError` where ``out`` holds something else.
    """
    out = Path(out)
    paths = [out / f"{name}.png" for name in clip.names]
    record = _record(clip, objects, request)
    if _is_complete(out, paths, record, overwrite=request.overwrite):
        log.info("%s: complete already; --overwrite makes it again", out)
        return paths
    network, _ = load_network(request.weights)
    tracks = {}
    for place, (label, annotations) in enumerate(objects.items(), start=1):
        words = f"object {place} of {len(objects)}"
        tracks[label] = out / WORK / f"{label}.zip"
        if not tracks[label].exists():
            _follow(copy.deepcopy(network), clip, annotations, tracks[label], request, words=words)
    _write_masks(clip, tracks, paths, request.usage.propagation)
    _write_record(out, record | {"complete": True})
    for track in tracks.values():
        track.unlink()
    return paths


def _follow(
    network: MaskTrackNet,
    clip: Clip,
    annotations: Mapping[int, Mask],
    track: Path,
    request: Request,
    *,
    words: str,
) -> None:
    """Write the probabilities of one object in every frame."""
    network.to(request.device)
    usage = request.usage
    if usage.finetuning is not None:
        run = RunParams(progress=f"{words}: learn")
        try:
            finetune(network, clip, annotations, usage.finetuning, seed=request.seed, run=run)
        except TrainingDivergedError as error:
            raise InputError(f"{request.weights}: {error}") from error
    probs = propagate(network, [clip], annotations, usage.propagation)
    shown = tqdm(probs, f"{words}: follow", total=len(clip), unit="frame", mininterval=1.0)
    write_prob_archive(track, ((frame_key(t), prob) for t, prob in shown))


def _write_masks(
    clip: Clip, tracks: Mapping[int, Path], paths: list[Path], params: PropagationParams
) -> None:
    archives = {label: ProbArchive(track) for label, track in tracks.items()}
    for t, path in enumerate(paths):
        probs = {label: archive[frame_key(t)] for label, archive in archives.items()}
        labels = merge_objects(probs, threshold=params.threshold)
        if set(tracks) == {1}:
            write_mask(path, labels > 0)
        else:
            write_labels(path, labels)


def _record(clip: Clip, objects: Annotations, request: Request) -> dict[str, object]:
    """Return what decides the masks, and so whether an earlier run can be gone on with."""
    digest = hashlib.sha256()
    for label, annotations in objects.items():
        for t, mask in sorted(annotations.items()):
            digest.update(f"{label} {t} {mask.shape} ".encode() + mask.tobytes())
    usage = asdict(request.usage)
    return {
        "frames": [clip.path.name, len(clip), folder_fingerprint([clip.path])],
        "weights": [request.weights.name, file_digest(request.weights)],
        "annotations": digest.hexdigest(),
        "usage": json.loads(json.dumps(usage)),
        "seed": request.seed,
    }


def _is_complete(
    out: Path, paths: list[Path], record: dict[str, object], *, overwrite: bool
) -> bool:
    """Return whether the masks of this very run are there; prepare the folder where not.

    Raises `InputError` where the folder holds what another run, or something else, made.
    """
    place = out / WORK / "run.json"
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder for the masks, got a file; give another path")
    earlier = _earlier(place)
    if overwrite:
        shutil.rmtree(out / WORK, ignore_errors=True)
    elif earlier is not None:
        changed = [key for key, value in record.items() if earlier.get(key) != value]
        if changed:
            raise InputError(
                f"{out}: expected masks of the same run, got some made with other "
                f"{', '.join(changed)}; give --overwrite, or another folder"
            )
        if earlier.get("complete") and all(path.exists() for path in paths):
            return True
    elif any(path.exists() for path in paths):
        raise InputError(
            f"{out}: expected a new folder, got masks that this command did not write; give "
            "--overwrite, or another folder"
        )
    _write_record(out, record)
    return False


def _earlier(place: Path) -> dict[str, object] | None:
    if not place.exists():
        return None
    try:
        earlier = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def _write_record(out: Path, record: Mapping[str, object]) -> None:
    with atomic_path(out / WORK / "run.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
