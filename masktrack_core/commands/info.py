"""``masktrack info``: what a clip is, and what will be done to it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.commands.options import add_quiet

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands
    from masktrack_core.datasets.video_files import Clip
    from masktrack_core.files.film_reader import FilmFacts, VideoFile

_HELP = """\
Say what a clip is and what every command does to its frames before it looks at them.

Frames are counted by decoding the whole clip, since headers may lie.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    info = commands.add_parser(
        "info",
        help="say what a clip is, and what will be done to it",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    info.add_argument("clip", type=Path, metavar="CLIP", help="video file or folder of frames")
    add_quiet(info)
    info.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    from masktrack_core.datasets.video_files import Clip

    clip = Clip(options.clip)
    lines = _folder(clip) if clip.film is None else _film(clip.film)
    sys.stdout.writelines(f"{name:<11}{words}\n" for name, words in lines)
    return 0


def _folder(clip: "Clip") -> list[tuple[str, str]]:
    return [
        ("clip", f"{clip.path}, a folder of frames"),
        ("size", f"{clip.size.width} x {clip.size.height}"),
        ("frames", f"{len(clip)}, {clip.names[0]} to {clip.names[-1]}"),
        ("rate", f"none of its own: {clip.rate:g} a second in films that are written"),
        ("done to it", "nothing but what the log says: greys become RGB, 16 bits 8"),
    ]


def _film(film: "VideoFile") -> list[tuple[str, str]]:
    facts, turned = film.facts, film.facts.rotation % 360
    lines = [
        ("clip", f"{film.path}, a film"),
        ("container", facts.container),
        ("codec", f"{facts.codec}, {facts.pixels}"),
        ("depth", f"{facts.bits} bits{', HDR' if facts.hdr else ''}"),
        ("size", f"{facts.width} x {facts.height}, as shown"),
        ("rotation", f"{turned}° counterclockwise" if turned else "none"),
        ("frames", f"{len(film)}, 0 to {len(film) - 1}"),
        ("rate", f"{facts.rate:.6g} a second{', variable' if facts.variable else ''}"),
        ("length", f"{float(film.times[-1]) + 1 / facts.rate:.2f} s"),
        ("sound", ", ".join(facts.sound) or "none"),
    ]
    names = ["done to it"] + [""] * len(lines)
    return [*lines, *zip(names, changes(facts), strict=False)]


def changes(facts: "FilmFacts") -> list[str]:
    """Return what is done to the frames of a film, and to what is written of it, a line each."""
    turned = facts.rotation % 360
    found = ["decoded to RGB of 8 bits"]
    if turned:
        found.append(f"turned by {turned}° counterclockwise, to stand upright")
    if facts.bits > 8:
        found.append(f"{facts.bits} bits reduced to 8")
    if facts.hdr:
        found.append("HDR to BT.709: its white of 203 cd/m² to 255, what is brighter too")
    if facts.interlaced:
        found.append("interlaced: both fields stay in a frame, as they are")
    if facts.pixel_aspect != 1:
        found.append(f"pixels of {facts.pixel_aspect} width to height stay as they are")
    if facts.variable:
        found.append("its variable rate is kept: a film shows each frame when the clip does")
    if facts.sound:
        found.append("its sound goes into films that are written, where their form takes it")
    return found
