"""A person's clip from annotations to masks on disk: resumable, deterministic, whole files only.

Objects are followed one by one and meet in the end (paper §5.1: one run per object). What is
complete is kept below ``<out>/.masktrack`` until all is.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from masktrack_core.arrays import Mask, Prob
from masktrack_core.commands.doubts import FILE as DOUBTS
from masktrack_core.commands.doubts import absent_frames, write_doubts
from masktrack_core.commands.outputs import (
    Export,
    check_exports,
    left_to_write,
    noted_exports,
)
from masktrack_core.commands.stages import (
    ObjectRun,
    Request,
    final_track,
    follow_together,
    followed_track,
    motion_frames,
)
from masktrack_core.datasets.object_masks import (
    AnnotationBox,
    AnnotationFile,
    MaskValues,
    read_annotation_files,
)
from masktrack_core.datasets.video_files import Clip
from masktrack_core.devices import return_memory
from masktrack_core.errors import InputError
from masktrack_core.experiment.provenance import core_digest
from masktrack_core.experiment.run_locks import sole_run
from masktrack_core.experiment.usage import read_usage
from masktrack_core.exports.followed import Followed
from masktrack_core.exports.forms import export
from masktrack_core.exports.masks import write_masks
from masktrack_core.files.archives import read_track
from masktrack_core.files.io import file_digest, write_frame, write_text
from masktrack_core.masks.elementary import (
    box_mask,
    is_off_by_rounding,
    resized_mask,
)
from masktrack_core.networks.weights import load_network
from masktrack_core.pictures.overlays import OBJECTS, outline, overlay
from masktrack_core.progress import bar
from masktrack_core.tracking.annotations import (
    annotations_by_object,
    pixels_of_others,
)
from masktrack_core.tracking.propagation import checked_annotations
from masktrack_core.tracking.segmentation import segment_boxes

log = logging.getLogger(__name__)

#: Folder in the output for what is under way and for the record of the run.
WORK = ".masktrack"
RECORD = "run.json"
#: Pictures of annotated frames, which stay.
GIVEN = "given-"

Annotations = Mapping[int, Mapping[int, Mask]]
"""Object id → frame number → mask."""


def read_annotations(
    clip: Clip,
    files: Iterable[AnnotationFile],
    values: MaskValues | None = None,
    *,
    complete: bool = False,
    boxed: Mapping[int, Mapping[int, Mask]] | None = None,
) -> dict[int, dict[int, Mask]]:
    """Return object id → frame → mask of annotated frames, by the rule of `tracking.annotations`.

    ``values`` says what the values of the files are, where `read_objects` cannot tell. ``boxed``:
    frame → object id → the segment of a box (`segments_in_boxes`), outside of what files show.
    ``complete``: a file that is not of one object alone shows all objects of its frame. A mask that
    is a pixel off the frames' size is resized, and that is logged.
    Raises `InputError` naming the file that is unreadable, shows nothing, or is of another size.
    """
    given: dict[int, dict[int, Mask]] = {}
    empty: list[AnnotationFile] = []
    whole: set[int] = set()
    ordered = sorted(files, key=lambda file: file.t)
    for file, found in zip(ordered, read_annotation_files(ordered, values), strict=True):
        shown = given.setdefault(file.t, {})
        for label, mask in found.items():
            if label in shown:
                raise InputError(
                    f"{file.path}: expected one mask of object {label} in frame {file.t}, got two"
                )
            shown[label] = _of_size(clip, file.path, mask)
        if file.object_id is None and complete:
            whole.add(file.t)
        elif not found:
            empty.append(file)
    labels = sorted({label for shown in given.values() for label in shown})
    for file in empty:
        if len(labels) != 1:
            raise InputError(
                f"{file.path}: expected at least one object pixel, got none; where an object is "
                f"gone, say which, obj2={file.path.name}@{file.t}, or give --complete for all"
            )
        given[file.t].setdefault(labels[0], np.zeros(clip.size, np.bool_))
    _add_boxed(given, boxed or {})
    objects = annotations_by_object(given, complete=whole)
    return {label: checked_annotations(clip, objects[label]) for label in objects}


def _add_boxed(given: dict[int, dict[int, Mask]], boxed: Mapping[int, Mapping[int, Mask]]) -> None:
    """Add the segments of boxes to what files show; raise `InputError` for two of one object."""
    for t, segments in boxed.items():
        shown = given.setdefault(t, {})
        drawn = np.logical_or.reduce([*shown.values()]) if shown else np.False_
        for label, segment in segments.items():
            if label in shown:
                raise InputError(
                    f"--box {label}@{t}: expected one annotation of object {label} in frame {t}, "
                    "got a mask of it too; remove one"
                )
            shown[label] = segment & ~drawn


def _of_size(clip: Clip, path: Path, mask: Mask) -> Mask:
    """Return a mask at the size of the frames; raise `InputError` where it is more than rounded."""
    if mask.shape == clip.size:
        return mask
    if is_off_by_rounding(mask, clip.size):
        log.warning("%s: %s, resized to the frames' %s", path, mask.shape, tuple(clip.size))
        return resized_mask(mask, clip.size)
    raise InputError(
        f"{path}: expected the size of the frames, {tuple(clip.size)} (height, width), "
        f"got {mask.shape}; draw the mask on a frame of this clip"
    )


def segments_in_boxes(
    clip: Clip, boxes: Iterable[AnnotationBox], weights: Path, device: torch.device
) -> dict[int, dict[int, Mask]]:
    """Return frame → object id → what a box network sees in the object's box (paper §3.3).

    Raises `InputError` for a box outside the frame, and for two of one object in a frame.
    """
    network, record = load_network(weights)
    if network.spec.prior != "box":
        raise InputError(
            f"{weights}: expected a network that is shown boxes (`input: box`), got one that is "
            f"shown '{network.spec.prior}'; give another one with --box-weights"
        )
    usage = read_usage(record, where=str(weights))
    network = network.to(device)
    segments: dict[int, dict[int, Mask]] = {}
    for t, box, label in bar([*boxes], "look into boxes", unit="box", leave=False):
        mask = box_mask(box, clip.size)
        if int(mask.sum()) != box.width * box.height or not mask.any():
            raise InputError(
                f"--box {label}@{t}: expected x, y, width and height inside a frame of "
                f"{clip.size.width} x {clip.size.height} pixels, got "
                f"{box.x},{box.y},{box.width},{box.height}; correct the box"
            )
        shown = segments.setdefault(t, {})
        if label in shown:
            raise InputError(
                f"--box {label}@{t}: expected one box of object {label} in frame {t}, got two; "
                "give each object its own number"
            )
        shown |= {label: segment_boxes(network, clip, {t: mask}, usage.propagation)[t]}
    return segments


def segment_clip(
    clip: Clip,
    objects: Annotations,
    out: Path,
    request: Request,
    *,
    boxes: Collection[AnnotationBox] = (),
    exports: Sequence[Export] = (),
) -> list[Path]:
    """Write the mask of every frame below ``out``; return the files in order.

    ``clip`` may be some frames of one (`stretches`): ``objects`` are by their places in it,
    ``boxes`` by their numbers.
    Before anything is learnt, a picture of each annotated frame with its masks, and with ``boxes``,
    is written below ``.masktrack`` there, and its place is logged: a wrong box is seen at once.

    One object gives masks of 0 and 255, several give label pictures, named like the frames. A
    clip that was segmented in the same way before is left as it is; what was complete when a run
    stopped is kept, and so are the probabilities of all: ``exports`` may be asked for later.
    Raises `InputError` where ``out`` or an export's place holds something else, or another run is
    at work there.
    """
    out = Path(out)
    _check_apart(clip, out)
    check_exports(exports, clip, out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder for the masks, got a file; give another path")
    out.mkdir(parents=True, exist_ok=True)
    with sole_run(out):
        return _segment_alone(clip, objects, out, request, boxes, exports)


def _segment_alone(
    clip: Clip,
    objects: Annotations,
    out: Path,
    request: Request,
    boxes: Collection[AnnotationBox],
    exports: Sequence[Export],
) -> list[Path]:
    paths = [out / f"{name}.png" for name in clip.names]
    record = _record(clip, objects, request)
    noted = noted_exports(_earlier(out / WORK / RECORD) or {})
    left = left_to_write(exports, noted, overwrite=request.overwrite)
    is_complete = _is_complete(out, paths, record, overwrite=request.overwrite)
    if is_complete:
        log.info("%s: complete already; --overwrite makes it again", out)
    if is_complete and not left:
        return paths
    tracks = _followed_objects(clip, objects, out / WORK, request, boxes)
    if not is_complete:
        _doubt(clip, objects, out, request)
    followed = Followed(
        clip=clip,
        tracks=tracks,
        absent=absent_frames(out / DOUBTS, clip),
        others={label: pixels_of_others(objects, label) for label in objects},
        threshold=request.usage.propagation.threshold,
    )
    if not is_complete:
        write_masks(followed, paths)
        _write_record(out, record | {"complete": True})
        _clean(out / WORK, request, objects)
    noted = {} if request.overwrite else noted
    for one in left:
        export(one.kind, one.path, followed)
        return_memory()
        noted |= {one.place: one.kind}
        _write_record(out, record | {"complete": True, "exports": noted})
    return paths


def _followed_objects(
    clip: Clip,
    objects: Annotations,
    folder: Path,
    request: Request,
    boxes: Collection[AnnotationBox],
) -> dict[int, Mapping[str, Prob]]:
    """Return each object's probabilities, made where they are not there yet."""
    tracks = {label: final_track(folder, str(label), request) for label in objects}
    if not all(track.exists() for track in tracks.values()):
        _show_given(clip, objects, folder, boxes)
        _say_backwards(clip, objects, backwards=request.usage.propagation.backwards)
        motion = motion_frames(clip, folder, request.motion, request.device)
        runs = [
            ObjectRun(
                clip=clip,
                annotations=annotations,
                others=pixels_of_others(objects, label),
                objects=objects,
                motion=motion,
                request=request,
                folder=folder,
                name=str(label),
                words=f"object {place} of {len(objects)}",
            )
            for place, (label, annotations) in enumerate(objects.items(), start=1)
        ]
        if request.together:
            follow_together(runs)
        else:
            for run in runs:
                run.follow()
    return {label: read_track(track, label) for label, track in tracks.items()}


def _doubt(clip: Clip, objects: Annotations, out: Path, request: Request) -> None:
    """Write what is to be doubted, from the tracks before any CRF; not where they are gone."""
    tracks = {label: followed_track(out / WORK, str(label), request) for label in objects}
    if all(track.exists() for track in tracks.values()):
        archives = {label: read_track(track, label) for label, track in tracks.items()}
        below, params = request.absent_below or 0.0, request.usage.propagation
        write_doubts(clip, objects, archives, params, out / DOUBTS, absent_below=below)


def _clean(folder: Path, request: Request, objects: Annotations) -> None:
    """Remove what no later command needs: probabilities stay, for exports, and pictures."""
    kept = {final_track(folder, str(label), request) for label in objects} | {folder / RECORD}
    for file in folder.iterdir():
        if file not in kept and not file.name.startswith(GIVEN):
            file.unlink()


def _show_given(
    clip: Clip, objects: Annotations, folder: Path, boxes: Collection[AnnotationBox]
) -> None:
    """Write a picture of each annotated frame, and log where they lie."""
    given = {t for masks in objects.values() for t, mask in masks.items() if mask.any()}
    for t in sorted(given):
        masks = {
            label: masks[t] for label, masks in objects.items() if t in masks and masks[t].any()
        }
        colours = [OBJECTS[(label - 1) % len(OBJECTS)] for label in masks]
        drawn = overlay(clip[t], [*masks.values()], colours)
        for box in (one for one in boxes if one.t == clip.numbers[t]):
            drawn = outline(drawn, box.box, OBJECTS[(box.object_id - 1) % len(OBJECTS)])
        path = folder / f"{GIVEN}{clip.names[t]}.png"
        write_frame(path, drawn)
        log.info("frame %d as it was annotated, objects %s: %s", clip.numbers[t], [*masks], path)


def _say_backwards(clip: Clip, objects: Annotations, *, backwards: bool) -> None:
    """Log what becomes of the frames before the first annotation of all."""
    for label, annotations in objects.items():
        first = min(annotations)
        if first and annotations[first].any():
            log.info(
                "object %d: frames %d to %d, before its first annotation, %s",
                label,
                clip.numbers[0],
                clip.numbers[first - 1],
                "are reached backwards (--no-backwards leaves them empty)"
                if backwards
                else "are left empty (--backwards reaches them)",
            )


def _check_apart(clip: Clip, out: Path) -> None:
    """Raise `InputError` where masks would lie among the frames of the clip."""
    if clip.path.is_dir() and out.resolve() == clip.path.resolve():
        raise InputError(
            f"{out}: expected another folder than the clip's, where masks and frames would mix; "
            "give a new one"
        )


def _record(clip: Clip, objects: Annotations, request: Request) -> dict[str, object]:
    """Return what decides the masks, and so whether an earlier run can be gone on with."""
    digest = hashlib.sha256()
    for label, annotations in objects.items():
        for t, mask in sorted(annotations.items()):
            digest.update(f"{label} {t} {mask.shape} ".encode() + mask.tobytes())
    settings = {"usage": request.usage, "flow": request.motion, "crf": request.crf}
    described = {key: asdict(value) for key, value in settings.items() if value is not None}
    learned = None if request.motion is None else request.motion.weights
    plain: dict[str, object] = json.loads(json.dumps(described, default=str))
    return plain | {
        "frames": clip.digest(),
        "masks": list(clip.names),
        "weights": file_digest(request.weights),
        "flow_weights": "" if learned is None else file_digest(learned),
        "annotations": digest.hexdigest(),
        "seed": request.seed,
        "together": request.together,
        "marks": hashlib.sha256(repr(request.marks).encode()).hexdigest(),
        "absent_below": request.absent_below,
        "code": core_digest(__file__),
    }


def _is_complete(
    out: Path, paths: list[Path], record: dict[str, object], *, overwrite: bool
) -> bool:
    """Return whether the masks of this very run are there; prepare the folder where not.

    Raises `InputError` where the folder holds what another run, or something else, made.
    """
    earlier = _earlier(out / WORK / RECORD)
    if overwrite:
        _remove_masks(out, earlier or {})
        shutil.rmtree(out / WORK, ignore_errors=True)
    elif earlier is not None:
        keys = sorted((record.keys() | earlier.keys()) - {"complete", "masks", "exports"})
        changed = [key for key in keys if earlier.get(key) != record.get(key)]
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
    _write_record(out, record | {"exports": noted_exports(earlier or {})})
    return False


def _remove_masks(out: Path, earlier: Mapping[str, object]) -> None:
    """Remove the masks that an earlier run wrote, which may be of more frames than this one's."""
    names = earlier.get("masks")
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and Path(name).name == name:
            (out / f"{name}.png").unlink(missing_ok=True)


def _earlier(place: Path) -> dict[str, object] | None:
    if not place.exists():
        return None
    try:
        earlier = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def _write_record(out: Path, record: Mapping[str, object]) -> None:
    write_text(out / WORK / RECORD, json.dumps(record, indent=1, sort_keys=True))
