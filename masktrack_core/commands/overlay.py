"""``masktrack overlay``: masks over their clip, as a video or a folder of frames."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.commands.options import add_mask_values, add_quiet

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands
    from masktrack_core.datasets.object_masks import MaskValues
    from masktrack_core.datasets.video_files import Clip

_HELP = """\
Paint masks over the frames of a clip, each object in its colour.

OUT with a suffix (.mp4, .mkv, .webm, .mov, .avi, .gif) is a video, whose frames are shown when
those of the clip are, with its sound where the form takes it; without one, a folder of PNGs named
like the frames.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    overlay = commands.add_parser(
        "overlay",
        help="paint masks over a clip",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    overlay.add_argument("clip", type=Path, metavar="CLIP", help="video file or folder of frames")
    overlay.add_argument("masks", type=Path, metavar="MASKS", help="folder of masks or labels")
    overlay.add_argument("out", type=Path, metavar="OUT", help="video, or folder of frames")
    overlay.add_argument(
        "--tint", type=float, default=0.3, help="share of the colour inside, 0 to 1 (default: 0.3)"
    )
    add_mask_values(overlay)
    overlay.add_argument(
        "--rate",
        type=float,
        metavar="FPS",
        help="frames a second, without sound (the clip's own times)",
    )
    add_quiet(overlay)
    overlay.set_defaults(run=_overlay)


def _overlay(options: argparse.Namespace) -> int:
    from masktrack_core.commands.outputs import check_places
    from masktrack_core.datasets.video_files import Clip

    check_places([("OUT", options.out)], [("the clip", options.clip), ("masks", options.masks)])
    check_overlay(options.out)
    clip = Clip(options.clip)
    write_overlay(
        clip,
        options.masks,
        options.out,
        tint=options.tint,
        rate=options.rate,
        values=options.mask_values,
    )
    return 0


def write_overlay(
    clip: "Clip",
    masks: Path,
    out: Path,
    *,
    tint: float = 0.3,
    rate: float | None = None,
    values: "MaskValues | None" = None,
) -> None:
    """Write the frames of a clip with the masks of a folder over them.

    Raises `InputError` for a suffix that is no video's, a folder that is there, and masks that do
    not belong to the clip.
    """
    from masktrack_core.files.film_writer import write_video
    from masktrack_core.files.io import atomic_folder, write_frame
    from masktrack_core.pictures.films import overlay_clip
    from masktrack_core.progress import bar

    drawn = overlay_clip(clip, masks, tint=tint, values=values)
    frames = bar(drawn, "overlay", total=len(clip), unit="frame")
    check_overlay(out)
    if out.suffix:
        if rate is None:
            write_video(out, frames, rate=clip.rate, times=clip.times, sound=clip.sound)
        else:
            write_video(out, frames, rate=rate)
        return
    with atomic_folder(out) as folder:
        for name, frame in zip(clip.names, frames, strict=True):
            write_frame(folder / f"{name}.png", frame)


def check_overlay(out: Path) -> None:
    """Raise `InputError` for a place where no overlay can be written: known before it is made."""
    from masktrack_core.errors import InputError
    from masktrack_core.files.film_writer import check_suffix

    if out.suffix:
        check_suffix(out)
        if out.is_dir():
            raise InputError(f"{out}: expected a video's name, got a folder; give another name")
    elif out.exists():
        raise InputError(
            f"{out}: expected a new folder for the frames, but it is there; remove it, or give "
            "another name"
        )
