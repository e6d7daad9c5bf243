"""What a rendered clip is made of, as data: actors, camera, and the script of a clip."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from masktrack_core.arrays import Size
from masktrack_core.rendered.textures import Backdrop, Look

Keys: TypeAlias = tuple[float, ...]
"""Values at equally spaced moments from the first to the last frame."""

DAVIS_ATTRIBUTES = (
    "AC", "BC", "CS", "DB", "DEF", "EA", "FM", "HO", "IO", "LR", "MB", "OCC", "OV", "ROT", "SC",
    "SV",
)  # fmt: skip
"""The sixteen attributes of DAVIS (Perazzi et al., CVPR 2016, Table 1), in its order."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One moving object, distractor or occluder."""

    #: name in ``rendered_zoo.ZOO``
    kind: str
    look: Look
    #: centre, in shares of the frame's width and height
    x: Keys
    y: Keys
    #: share of the frame that the unoccluded object covers
    area: Keys
    #: id in the truth; 0: not to be tracked (distractor, occluder)
    label: int = 0
    #: second skin (fins, wheels, heads); None: the same skin
    second: Look | None = None
    #: degrees clockwise
    angle: Keys = (0.0,)
    #: frames of one cycle of the gait, wave or spin
    period: float = 12.0
    #: looks to the left
    mirror: bool = False
    #: darkness of the shadow on what is behind, 0 none
    shadow: float = 0.35


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Motion of the camera over the world, seen from the first frame."""

    #: shift of the view, in shares of the frame's width and height
    x: Keys = (0.0,)
    y: Keys = (0.0,)
    zoom: Keys = (1.0,)
    #: amplitude of the shake in shares of the frame's height
    shake: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ClipScript:
    """Everything about a clip but the random draws."""

    #: name of the sequence, as ``layouts`` makes it from the folders; without /
    name: str
    #: frames
    length: int
    size: Size
    backdrop: Backdrop
    #: from back to front
    actors: tuple[Actor, ...]
    camera: Camera = Camera()
    #: class, video and shot of YouTube-Objects; empty in the other sets
    shot: tuple[str, ...] = ()
    #: DAVIS codes that hold by construction
    attributes: tuple[str, ...] = ()
    #: share of the frame interval in which the shutter is open; 0: no motion blur
    shutter: float = 0.0
    #: exposure of the picture
    light: Keys = (1.0,)
    #: standard deviation of the sensor noise, in grey levels of 255
    noise: float = 3.0
    #: height of the wave in the backdrop (water, leaves), in shares of the frame's height
    swell: float = 0.0

    @property
    def objects(self) -> list[int]:
        """Return the ids of the objects that have a truth."""
        return sorted({actor.label for actor in self.actors} - {0})


def value_at(keys: Keys, share: float) -> float:
    """Return the smooth (Catmull-Rom) curve through keys, at a share 0 … 1 of the clip.

    Before the first and after the last key the curve stays at that key.
    """
    if len(keys) == 1:
        return float(keys[0])
    place = float(np.clip(share, 0, 1)) * (len(keys) - 1)
    left = min(int(place), len(keys) - 2)
    t = place - left
    before, start = keys[max(left - 1, 0)], keys[left]
    end, after = keys[left + 1], keys[min(left + 2, len(keys) - 1)]
    out, into = (end - before) / 2, (after - start) / 2
    return float(
        start * (2 * t**3 - 3 * t**2 + 1)
        + out * (t**3 - 2 * t**2 + t)
        + end * (3 * t**2 - 2 * t**3)
        + into * (t**3 - t**2)
    )
