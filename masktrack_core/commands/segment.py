"""``masktrack segment``: a person's clip and annotations in, masks out."""

import argparse
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.commands.moments import moment
from masktrack_core.commands.options import add_mask_values, add_quiet
from masktrack_core.errors import InputError

if TYPE_CHECKING:
    import torch

    from masktrack_core.commands.clips import Annotations
    from masktrack_core.commands.outputs import Export
    from masktrack_core.commands.score import Commands
    from masktrack_core.commands.stages import Motion, Request
    from masktrack_core.commands.stretches import Stretch
    from masktrack_core.datasets.object_masks import AnnotationBox, AnnotationFile
    from masktrack_core.datasets.video_files import Clip
    from masktrack_core.experiment.usage import Usage
    from masktrack_core.tracking.crf import CrfParams

#: Stands for the first frame, whatever number its name has.
FIRST = -1
#: The largest object id: 255 is void.
LAST_ID = 254
#: Methods of `motion.flow`, sets of `tracking.crf`, `exports.forms`: loaded when needed.
FLOWS = ("dis", "epic", "farneback", "raft_small")
EXPORTS = ("coco", "cutout", "contours", "probs")
CRFS = ("deeplab_v1_largefov", "deeplab_v2_resnet101", "deeplab_v2_vgg16", "onavos_davis")

_HELP = """\
Follow objects through a clip, from the mask of one frame or of a few.

CLIP is a video file or a folder of frames. The masks are written as PNGs named like the frames, or
00000, 00001, ... for a video: 0 and 255 for one object, a palette PNG with object ids for several.
An object is in the video from its first annotation on. A later annotated frame without it leaves it
as predicted, outside of the others, or, with --complete, ends it until its next annotation.
A network comes with the project; what it was trained on is the first thing that is said. How a
network is propagated and trained on the first frame stands in its file.
"""
_EXAMPLES = """\
examples:
  masktrack segment clip.mp4 --first mask.png --out masks --overlay look.mp4
  masktrack segment clip.mp4 --first mask.png --out masks --flow --crf
  masktrack segment frames/ --annotations 0=m0.png,40=m40.png --weights my.safetensors --out masks
  masktrack segment frames/ --annotations 0=labels0.png,obj2=empty.png@8 --out masks
  masktrack segment clip.mp4 --box 120,40,200,160 --no-finetune --out masks
  masktrack segment clip.mp4 --box 1@0:120,40,200,160 --box 2@35:400,80,60,60 --out masks
  masktrack segment clip.mp4 --first mask.png --out masks --export coco=out.json \
      --export cutout=out.mov
  masktrack segment clip.mp4 --start 1:10 --end 1:30 --every 5 --box 120,40,200,160 --out masks

Before it learns, a picture of each annotated frame is written to DIR/.masktrack/given-*.png.

A stopped run goes on with the same command and the same version of the code; what another version
made is refused. Kept are, object by object, the network that learnt it (a training that Ctrl-C
stops loses nothing, a killed one a minute at most), its masks, and those after --crf; the pictures
of --flow; all below DIR/.masktrack until everything is done. What was under way otherwise begins
anew. The same files, seed, device and number of threads give the same masks, byte by byte.
DIR/doubt.csv says how far the masks of each frame are to be doubted; the stretch of each object to
look at is said in the end.
The probabilities stay there: the same command with another --export writes it and learns nothing.

exit status: 0 done; 2 the input cannot be used (one line says why); 130 stopped.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    segment = commands.add_parser(
        "segment",
        help="follow objects through a clip",
        description=_HELP,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    segment.add_argument("clip", type=Path, metavar="CLIP", help="video file or folder of frames")
    segment.add_argument(
        "--weights", type=Path, metavar="FILE", help="network, .safetensors (default: the included)"
    )
    segment.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of masks")
    given = segment.add_mutually_exclusive_group()
    given.add_argument(
        "--first", type=Path, metavar="MASK", help="mask or labels of the first frame"
    )
    given.add_argument(
        "--annotations",
        type=_annotation_files,
        metavar="T=MASK,...",
        help="masks or labels of several frames, by the numbers in their names, else from 0; "
        "objN=MASK@T is the mask of object N in frame T, empty where it is not there; or the "
        "folder of `masktrack annotate`",
    )
    segment.add_argument(
        "--box",
        type=_box,
        action="append",
        default=[],
        metavar="[N@T:]X,Y,W,H",
        help="box of object N in frame T, pixels (default: of object 1 in the first); the object's "
        "mask there lies in it; may be given again, and beside masks",
    )
    segment.add_argument(
        "--box-weights",
        type=Path,
        metavar="FILE",
        help="network that turns the box into a mask (default: the included)",
    )
    segment.add_argument(
        "--complete",
        action="store_true",
        help="the labels of a frame show all objects: one that is not among them is gone until "
        "its next annotation (default: it goes on as predicted)",
    )
    segment.add_argument(
        "--backwards",
        action=argparse.BooleanOptionalAction,
        help="reach the frames before the first annotation from it (as the network says, else yes)",
    )
    add_mask_values(segment)
    _add_stretch(segment)
    _add_settings(segment)
    segment.set_defaults(run=_segment)


def _add_stretch(segment: argparse.ArgumentParser) -> None:
    segment.add_argument(
        "--start",
        type=moment,
        metavar="T",
        help="first frame, by number, or by time, such as 4.5s or 1:02 (default: the clip's)",
    )
    segment.add_argument(
        "--end", type=moment, metavar="T", help="last frame, likewise (default: the clip's)"
    )
    segment.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="follow every Nth frame from the first on, and annotated ones; those between are left "
        "out, as if the clip did not have them",
    )
    segment.add_argument(
        "--fill",
        action="store_true",
        help="with --every: then follow those between too, each from the nearest",
    )


def _add_settings(segment: argparse.ArgumentParser) -> None:
    segment.add_argument("--overlay", type=Path, metavar="FILE", help="video to look at, e.g. .mp4")
    segment.add_argument(
        "--export",
        type=_export,
        action="append",
        default=[],
        metavar="FORM=PATH",
        help="also write coco=X.json (run lengths), contours=X.json (polygons, COCO's JSON too), "
        "cutout=X.mov, X.webm or a folder (frames with alpha), probs=folder; may be given again",
    )
    segment.add_argument(
        "--flow",
        nargs="?",
        const="dis",
        choices=FLOWS,
        help="average with what the network sees in the motion, by this method (default: dis)",
    )
    segment.add_argument(
        "--flow-weights", type=Path, metavar="FILE", help="of the method raft_small"
    )
    segment.add_argument(
        "--crf",
        nargs="?",
        const="onavos_davis",
        choices=CRFS,
        help="refine with a dense CRF, a second or so a frame "
        "(default: onavos_davis, found on DAVIS)",
    )
    segment.add_argument(
        "--objects",
        choices=("together", "alone"),
        default="alone",
        help="follow several each alone until they meet in the end (paper §5.1), or side by side, "
        "of each pixel one at most in every frame, with an included network that is told where the "
        "others are; beside --fill always alone (default: alone)",
    )
    segment.add_argument(
        "--no-finetune", action="store_true", help="skip the online stage: faster, less exact"
    )
    segment.add_argument(
        "--guard",
        action=argparse.BooleanOptionalAction,
        help="hold back what makes a mask grow and less like the object (with --no-finetune, else "
        "not)",
    )
    segment.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="steps of the online stage (as the network says)",
    )
    segment.add_argument(
        "--dilation",
        type=float,
        metavar="PX",
        help="radius that coarsens the previous mask (as the network says, else 5)",
    )
    segment.add_argument(
        "--absent-below",
        type=float,
        metavar="J",
        help="an object has left where its mask is below a quarter of the annotated area and the J "
        "to be expected of it below this, such as 0.2 (default: off)",
    )
    segment.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    segment.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="CPU threads"
    )
    segment.add_argument("--seed", type=int, default=0, help="of the online stage (default: 0)")
    segment.add_argument("--overwrite", action="store_true", help="make again what is there")
    add_quiet(segment)


def _annotation_files(text: str) -> "list[AnnotationFile] | Path":
    if Path(text).is_dir():
        return Path(text)
    from masktrack_core.datasets.object_masks import AnnotationFile

    files: list[AnnotationFile] = []
    for entry in text.split(","):
        own = re.fullmatch(r"obj([1-9][0-9]*)=(.+)@([0-9]+)", entry.strip())
        frame, equals, path = entry.partition("=")
        if own:
            file = AnnotationFile(int(own[3]), Path(own[2]), int(own[1]))
        elif equals and frame.strip().isdecimal() and path:
            file = AnnotationFile(int(frame), Path(path))
        else:
            file = None
        if file is None or (file.t, file.object_id) in [(one.t, one.object_id) for one in files]:
            raise argparse.ArgumentTypeError(
                "expected distinct frames like 0=first.png,40=later.png, or masks of one object "
                f"like obj2=mask.png@40, got {entry!r}"
            )
        files.append(file)
    return files


def _box(text: str) -> "AnnotationBox":
    from masktrack_core.arrays import Box
    from masktrack_core.datasets.object_masks import AnnotationBox

    found = re.fullmatch(
        r"(?:([1-9][0-9]*)@([0-9]+):)?([0-9]+),([0-9]+),([0-9]+),([0-9]+)", text.replace(" ", "")
    )
    if found is None or int(found[1] or 1) > LAST_ID:
        raise argparse.ArgumentTypeError(
            "expected x,y,width,height in pixels, or object@frame: before them, such as "
            f"2@35:400,80,60,60, objects 1 to {LAST_ID}, got {text!r}"
        )
    box = Box(*(int(found[place]) for place in range(3, 7)))
    return AnnotationBox(int(found[2] or FIRST), box, int(found[1] or 1))


def _export(text: str) -> "Export":
    from masktrack_core.commands.outputs import Export

    kind, _, path = text.partition("=")
    if kind not in EXPORTS or not path:
        raise argparse.ArgumentTypeError(
            f"expected one of {', '.join(EXPORTS)} and where it goes, such as coco=out.json, got "
            f"{text!r}"
        )
    return Export(kind, Path(path))


def _segment(options: argparse.Namespace) -> int:
    _check_together(options)
    from masktrack_core.commands.ahead import guesses, stages
    from masktrack_core.commands.clips import segment_clip
    from masktrack_core.commands.overlay import check_overlay, write_overlay
    from masktrack_core.datasets.video_files import Clip
    from masktrack_core.devices import use_device
    from masktrack_core.progress import course

    _check_places(options)
    if options.overlay is not None:
        check_overlay(options.overlay)
    clip = Clip(options.clip)
    device = use_device(options.device, options.threads)
    stretch = _stretch(clip, options)
    files, boxes = _given(clip, options, stretch.start)
    stretch.check({box.t for box in boxes} | {file.t for file in files})
    cut = stretch.cut(_objects(clip, files, boxes, options, device))
    clip, objects = cut.clip, cut.objects
    together = options.objects == "together" and len(objects) > 1 and not cut.marks
    request = _request(options, device, together=together, marks=cut.marks)
    ahead = stages(len(clip), len(objects), request, options.export, options.overlay)
    with course(ahead, guesses(clip.size)):
        segment_clip(clip, objects, options.out, request, boxes=boxes, exports=options.export)
        if options.overlay is not None:
            write_overlay(clip, options.out, options.overlay)
    return 0


def _check_together(options: argparse.Namespace) -> None:
    """Raise `InputError` for options that do not fit together, before anything is computed."""
    from masktrack_core.networks.records import read_record

    if not options.box and options.first is None and options.annotations is None:
        raise InputError(
            "segment: expected --first, --annotations or --box, got none of them; "
            "say where the object is in some frame"
        )
    if not options.box and options.box_weights is not None:
        raise InputError("--box-weights: expected beside --box, got it alone; remove it")
    if options.threads < 1 or (options.iterations is not None and options.iterations < 1):
        raise InputError(
            "--threads and --iterations: expected at least 1, got "
            f"{options.threads} and {options.iterations}; correct them, or leave them out"
        )
    if options.every < 1 or (options.fill and options.every == 1):
        raise InputError(
            "--every: expected at least 1, and at least 2 beside --fill, got "
            f"{options.every}; give --every N, or remove --fill"
        )
    if not 0 <= (options.absent_below or 0.0) <= 1:
        raise InputError(
            f"--absent-below: expected a J from 0 to 1, such as 0.2, got {options.absent_below}; "
            "correct it, or leave it out"
        )
    if not 0 <= (options.dilation or 0) < 1000:
        raise InputError(
            f"--dilation: expected pixels from 0 to 999, got {options.dilation}; correct it, or "
            "leave it out"
        )
    for weights in filter(None, (options.weights, options.box_weights)):
        read_record(weights)
    if (options.flow == "raft_small") != (options.flow_weights is not None):
        raise InputError(
            "--flow-weights: expected beside --flow raft_small, and nowhere else, got "
            f"{options.flow_weights} with --flow {options.flow}"
        )


def _check_places(options: argparse.Namespace) -> None:
    """Raise `InputError` where an output would take the place of an input or of another output."""
    from masktrack_core.commands.outputs import check_places

    read = [("the clip", options.clip), ("--out", options.out)]
    if isinstance(options.annotations, Path):
        read.append(("--annotations", options.annotations))
    else:
        read += [(f"the mask of frame {file.t}", file.path) for file in options.annotations or ()]
    for name in ("first", "weights", "box_weights", "flow_weights"):
        if getattr(options, name) is not None:
            read.append((f"--{name.replace('_', '-')}", getattr(options, name)))
    written = [(f"--export {one.kind}", one.path) for one in options.export]
    if options.overlay is not None:
        written.append(("--overlay", options.overlay))
    check_places(written, read)


def _given(
    clip: "Clip", options: argparse.Namespace, first: int
) -> "tuple[list[AnnotationFile], list[AnnotationBox]]":
    """Return masks and boxes with the frames that a person means by their numbers.

    ``first``: the frame of those that are given without a number.
    """
    from masktrack_core.datasets.object_masks import AnnotationFile

    listed: list[AnnotationFile] | Path = options.annotations or []
    if isinstance(listed, Path):
        from masktrack_core.datasets.annotation_folder import annotation_files

        files, stated = annotation_files(listed, clip.names), set()
    else:
        files, stated = listed, {file.t for file in listed}
    places = clip.numbered((stated | {box.t for box in options.box}) - {FIRST}) | {FIRST: first}
    if listed is files:
        files = [file._replace(t=places[file.t]) for file in files]
    if options.first is not None:
        files = [AnnotationFile(first, options.first)]
    return files, [box._replace(t=places[box.t]) for box in options.box]


def _stretch(clip: "Clip", options: argparse.Namespace) -> "Stretch":
    from masktrack_core.commands.stretches import Stretch, Wanted

    wanted = Wanted(start=options.start, end=options.end, every=options.every, fill=options.fill)
    return Stretch(clip, wanted)


def _objects(
    clip: "Clip",
    files: "list[AnnotationFile]",
    boxes: "list[AnnotationBox]",
    options: argparse.Namespace,
    device: "torch.device",
) -> "Annotations":
    from masktrack_core.commands.clips import read_annotations, segments_in_boxes
    from masktrack_core.networks.included import included_network

    boxed = {}
    if boxes:
        weights = options.box_weights or included_network("box")
        boxed = segments_in_boxes(clip, boxes, weights, device)
    complete = options.complete
    return read_annotations(clip, files, options.mask_values, complete=complete, boxed=boxed)


def _request(
    options: argparse.Namespace, device: "torch.device", *, together: bool, marks: tuple[int, ...]
) -> "Request":
    from masktrack_core.commands.stages import Request
    from masktrack_core.experiment.models import load
    from masktrack_core.networks.included import included_network

    weights = options.weights or included_network("objects" if together else "mask")
    usage = load(weights).usage
    logging.getLogger(__name__).info("%s: trained on %s", weights.name, usage.trained_on)
    return Request(
        weights=weights,
        usage=_adjusted(usage, options),
        motion=_motion(options),
        crf=_crf(options),
        seed=options.seed,
        absent_below=options.absent_below,
        together=together,
        marks=marks,
        device=device,
        processes=options.threads,
        overwrite=options.overwrite,
    )


def _motion(options: argparse.Namespace) -> "Motion | None":
    if options.flow is None:
        return None
    from masktrack_core.commands.stages import Motion
    from masktrack_core.motion.flow import FlowParams

    return Motion(method=FlowParams(method=options.flow), weights=options.flow_weights)


def _crf(options: argparse.Namespace) -> "CrfParams | None":
    if options.crf is None:
        return None
    from dataclasses import replace

    from masktrack_core.tracking.crf import PUBLISHED

    params = PUBLISHED[options.crf]
    return replace(params, region_margin=round(2 * params.bilateral_sxy))


def _adjusted(usage: "Usage", options: argparse.Namespace) -> "Usage":
    """Return how the network is used, where the person says otherwise than its file."""
    from dataclasses import replace

    if options.no_finetune:
        usage = usage.untaught()
    if options.guard is not None:
        usage = replace(usage, propagation=replace(usage.propagation, guard=options.guard))
    if options.iterations is not None and usage.finetuning is not None:
        schedule = replace(usage.finetuning.schedule, iterations=options.iterations)
        usage = replace(usage, finetuning=replace(usage.finetuning, schedule=schedule))
    if options.backwards is not None:
        propagation = replace(usage.propagation, backwards=options.backwards)
        usage = replace(usage, propagation=propagation)
    if options.dilation is not None:
        propagation = replace(usage.propagation, dilation_radius=options.dilation)
        usage = replace(usage, propagation=propagation)
    return usage
