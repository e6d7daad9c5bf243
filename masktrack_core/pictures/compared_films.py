"""Methods side by side as a film, each frame captioned with method, frame and J."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masktrack_core.arrays import Frame, Mask
from masktrack_core.datasets.videos import Video
from masktrack_core.files.io import read_mask
from masktrack_core.pictures.overlays import OBJECTS, TRUTH, Colour, enlarge, overlay
from masktrack_core.pictures.player import SMALLEST, shown_size
from masktrack_core.pictures.sheets import measured

_INK, _STRIP = (255, 255, 255), (28, 30, 33)


def compared_frames(
    videos: Sequence[Video], methods: Mapping[str, Sequence[Path]], *, truth: bool
) -> Iterator[Frame]:
    """Yield the frames of a film: a panel a method, before them the truth where it is asked for.

    ``videos`` are the objects of one sequence, ``methods`` the folders of masks of each. Frames
    that no method has masks of are left out; a panel without masks shows the bare frame, without J.
    Frames keep their size, but small ones grow by a whole factor (`player.shown_size`).
    """
    width = shown_size(videos[0].size, videos[0].size.width + SMALLEST).width
    for t, name in enumerate(videos[0].frame_names):
        found = {method: _masks(folders, name) for method, folders in methods.items()}
        if not any(found.values()):
            continue
        frame, panels = videos[0].frame(t), []
        if truth:
            truths = [mask for video in videos if (mask := video.truth(t)) is not None]
            panels.append(_panel(frame, truths, (TRUTH,), f"truth, frame {name}", width))
        for method, masks in found.items():
            words = [method, f"frame {name}", measured(videos, masks, t) if masks else ""]
            text = ", ".join(filter(None, words))
            panels.append(_panel(frame, masks, OBJECTS, text, width))
        yield tiled(panels)


def _panel(
    frame: Frame, masks: Sequence[Mask], colours: Sequence[Colour], text: str, width: int
) -> Frame:
    return captioned(overlay(*enlarge(frame, masks, width=width), colours), text)


def _masks(folders: Sequence[Path], name: str) -> list[Mask]:
    """Return the masks of a frame, of every object or none."""
    paths = [folder / f"{name}.png" for folder in folders]
    return [read_mask(path) for path in paths] if all(map(Path.exists, paths)) else []


def tiled(panels: Sequence[Frame]) -> Frame:
    """Return panels of one size: up to three side by side, more in lines; the rest is black."""
    columns = len(panels) if len(panels) <= 3 else ceil(sqrt(len(panels)))
    rest = [np.zeros_like(panels[0])] * (-len(panels) % columns)
    every = [*panels, *rest]
    lines = [np.hstack(every[n : n + columns]) for n in range(0, len(every), columns)]
    return np.vstack(lines)


def captioned(frame: Frame, text: str) -> Frame:
    """Return a frame below a strip with a line of text, made smaller where it would not fit."""
    width = frame.shape[1]
    points = max(width // 40, 12)
    height = 2 * round(0.85 * points)
    strip = Image.new("RGB", (width, height), _STRIP)
    draw = ImageDraw.Draw(strip)
    room = width - points
    font = _font(points)
    while draw.textlength(text, font) > room and points > 1:
        points -= 1
        font = _font(points)
    draw.text((width / 2, height / 2), text, _INK, font, anchor="mm")
    return np.vstack([np.asarray(strip), frame])


@cache
def _font(points: int) -> ImageFont.FreeTypeFont:
    """Return the font of the figures, which comes with matplotlib."""
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", points)
