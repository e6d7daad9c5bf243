"""``masktrack segment``: a person's clip and annotations in, masks out."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.errors import InputError

if TYPE_CHECKING:
    import torch

    from masktrack_core.arrays import Box
    from masktrack_core.cli_score import Commands
    from masktrack_core.own_videos import Annotations, Request
    from masktrack_core.usage import Usage
    from masktrack_core.video_files import Clip

_HELP = """\
Follow objects through a clip, from the mask of one frame or of a few.

CLIP is a video file or a folder of frames. The masks are written as PNGs named like the frames, or
00000, 00001, … for a video: 0 and 255 for one object, a palette PNG with object ids for several.
"""
_EXAMPLES = """\
examples:
  masktrack segment clip.mp4 --first mask.png --weights rgb.safetensors --out masks
  masktrack segment frames/ --annotations 0=m0.png,40=m40.png --weights rgb.safetensors --out masks
  masktrack segment clip.mp4 --box 120,40,200,160 --box-weights box.safetensors \\
      --weights rgb.safetensors --out masks --overlay look.mp4

A stopped run goes on with the same command: objects that are complete are kept. The same files,
seed, device and number of threads give the same masks, byte by byte.

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
    segment.add_argument("--weights", type=Path, required=True, help="network (.safetensors)")
    segment.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of masks")
    given = segment.add_mutually_exclusive_group(required=True)
    given.add_argument("--first", type=Path, metavar="MASK", help="mask or labels of frame 0")
    given.add_argument(
        "--annotations",
        type=_annotation_files,
        metavar="T=MASK,…",
        help="masks or labels of several frames, numbered from 0",
    )
    given.add_argument("--box", type=_box, metavar="X,Y,W,H", help="box in frame 0, pixels")
    segment.add_argument(
        "--box-weights", type=Path, metavar="FILE", help="network that turns the box into a mask"
    )
    _add_settings(segment)
    segment.set_defaults(run=_segment)


def _add_settings(segment: argparse.ArgumentParser) -> None:
    segment.add_argument("--overlay", type=Path, metavar="FILE", help="video to look at, e.g. .mp4")
    segment.add_argument(
        "--no-finetune", action="store_true", help="skip the online stage: faster, less exact"
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
    segment.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    segment.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="CPU threads"
    )
    segment.add_argument("--seed", type=int, default=0, help="of the online stage (default: 0)")
    segment.add_argument("--overwrite", action="store_true", help="make again what is there")


def _annotation_files(text: str) -> dict[int, Path]:
    files = {}
    for entry in text.split(","):
        frame, equals, path = entry.partition("=")
        if not equals or not frame.strip().isdecimal() or not path or int(frame) in files:
            raise argparse.ArgumentTypeError(
                f"expected distinct frames like 0=first.png,40=later.png, got {entry!r}"
            )
        files[int(frame)] = Path(path)
    return files


def _box(text: str) -> "Box":
    from masktrack_core.arrays import Box

    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"expected x,y,width,height in pixels, got {text!r}")
    return Box(*(int(number) for number in numbers))


def _segment(options: argparse.Namespace) -> int:
    if (options.box is None) != (options.box_weights is None):
        raise InputError(
            "--box: expected --box-weights with it, and not without it; train a network with "
            "`input: box`, or give a mask with --first"
        )
    if options.threads < 1 or (options.iterations is not None and options.iterations < 1):
        raise InputError("--threads and --iterations: expected at least 1")
    from masktrack_core.devices import use_device
    from masktrack_core.own_videos import segment_clip
    from masktrack_core.video_files import Clip

    clip = Clip(options.clip)
    device = use_device(options.device, options.threads)
    request = _request(options, device)
    objects = _objects(clip, options, device)
    segment_clip(clip, objects, options.out, request)
    if options.overlay is not None:
        from masktrack_core.cli_overlay import write_overlay

        write_overlay(clip, options.out, options.overlay)
    return 0


def _objects(clip: "Clip", options: argparse.Namespace, device: "torch.device") -> "Annotations":
    from masktrack_core.own_videos import annotate_box, read_annotations

    if options.box is not None:
        return annotate_box(clip, options.box, options.box_weights, device)
    return read_annotations(clip, options.annotations or {0: options.first})


def _request(options: argparse.Namespace, device: "torch.device") -> "Request":
    from masktrack_core.own_videos import Request
    from masktrack_core.usage import read_usage
    from masktrack_core.weights import load_network

    _, record = load_network(options.weights)
    usage = _adjusted(read_usage(record, where=str(options.weights)), options)
    return Request(
        weights=options.weights,
        usage=usage,
        seed=options.seed,
        device=device,
        overwrite=options.overwrite,
    )


def _adjusted(usage: "Usage", options: argparse.Namespace) -> "Usage":
    """Return how the network is used, where the person says otherwise than its file."""
    from dataclasses import replace

    if options.no_finetune:
        usage = replace(usage, finetuning=None)
    if options.iterations is not None and usage.finetuning is not None:
        schedule = replace(usage.finetuning.schedule, iterations=options.iterations)
        usage = replace(usage, finetuning=replace(usage.finetuning, schedule=schedule))
    if options.dilation is not None:
        if not 0 <= options.dilation < 1000:
            raise InputError(f"--dilation: expected pixels from 0, got {options.dilation}")
        propagation = replace(usage.propagation, dilation_radius=options.dilation)
        usage = replace(usage, propagation=propagation)
    return usage
