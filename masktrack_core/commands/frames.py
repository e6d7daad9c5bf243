"""``masktrack frames``: frames of a clip as pictures, numbered as every command numbers them."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.commands.moments import frames_at, moments
from masktrack_core.commands.options import add_quiet
from masktrack_core.errors import InputError

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands

log = logging.getLogger(__name__)

_HELP = """\
Write frames of a clip as PNGs, upright, each named by its number: DIR/00120.png.

With --grid they have a ruler, whose numbers are pixels of the frame, to read off the x, y, width
and height of a --box, and are named 00120-grid.png: draw masks on those without.
"""
_EXAMPLES = """\
examples:
  masktrack frames clip.mp4 --at 0,120 --grid --out look
  masktrack frames clip.mp4 --at 4.5s,1:02 --out look
  masktrack frames clip.mp4 --out all          # every frame
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    frames = commands.add_parser(
        "frames",
        help="frames of a clip as pictures, with a ruler",
        description=_HELP,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    frames.add_argument("clip", type=Path, metavar="CLIP", help="video file or folder of frames")
    frames.add_argument(
        "--at",
        type=moments,
        metavar="T,...",
        help="frames by number, or by time, such as 4.5s (default: every frame)",
    )
    frames.add_argument("--grid", action="store_true", help="draw a ruler over each")
    frames.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of pictures")
    add_quiet(frames)
    frames.set_defaults(run=_frames)


def _frames(options: argparse.Namespace) -> int:
    from masktrack_core.datasets.video_files import Clip
    from masktrack_core.files.io import write_frame
    from masktrack_core.pictures.rulers import ruled
    from masktrack_core.progress import bar

    clip, out = Clip(options.clip), Path(options.out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder for the frames, got a file; give another path")
    if clip.path.is_dir() and out.resolve() == clip.path.resolve():
        raise InputError(f"{out}: expected another folder than the clip's; give a new one")
    chosen = range(len(clip)) if options.at is None else frames_at(clip, options.at)
    for t in bar(chosen, "frames", unit="frame"):
        path = out / f"{clip.names[t]}{'-grid' if options.grid else ''}.png"
        write_frame(path, ruled(clip[t]) if options.grid else clip[t])
        if options.at is not None:
            log.info("frame %d: %s", t, path)
    return 0
