"""The embedded benchmark: clips and stills with exact truth, rendered from a seed.

A clip is sampled once (``sample_scene``: individuals, skins, phases) and then rendered; labels
and flow come from the geometry, not from the picture. The scripts of the embedded video sets
are in ``rendered_clips``, the writers in ``rendered_layouts``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from masktrack_core.arrays import Flow, Frame, Frames, Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.rendered.layers import (
    Bend,
    Matrix,
    Placement,
    Surface,
    Thing,
    affine,
    paint,
    pixel_grid,
    surface_flow,
)
from masktrack_core.rendered.puppets import Puppet, part_surface
from masktrack_core.rendered.scripts import Actor, ClipScript, value_at
from masktrack_core.rendered.stills import sample_still_script
from masktrack_core.rendered.textures import backdrop_surface, skin
from masktrack_core.rendered.zoo import ZOO

SHUTTER_SAMPLES = 7
LENS_BLUR = 0.45
"""Standard deviation of the lens, in pixels."""

STILL_MARGIN = 8
"""Pixels of backdrop around a still."""

LEAST_VISIBLE, TRIES = 0.02, 6
"""A still is drawn again where less of the frame shows its object, at most so many times."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A rendered sequence with its truth."""

    frames: Frames
    #: uint8 (T, H, W), the object that each pixel centre shows; 0 backdrop, distractor, occluder
    labels: NDArray[np.uint8]
    #: float32 (T − 1, H, W, 2), exact motion to the next frame of the surface that each pixel
    #: shows, defined everywhere: where that surface is hidden or outside in the next frame (see
    #: ``seen_again``) it points to where the surface would be.
    flow: NDArray[np.float32]
    #: uint8 (T, H, W), running number of the surface that each pixel shows, 0 the backdrop
    surfaces: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Cast:
    """One actor as drawn: its individual, its skins, its place in the gait cycle."""

    actor: Actor
    puppet: Puppet
    surfaces: tuple[Surface, ...]
    #: cycles at frame 0
    start: float
    #: area of the silhouette in square units at frame 0
    unit_area: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A script with every random draw made."""

    script: ClipScript
    ground: Surface
    cast: tuple[Cast, ...]
    #: frequencies (cycles a frame) and phases of the shake, (3, 2) each: x, y, roll
    shake_rates: NDArray[np.float64]
    shake_phases: NDArray[np.float64]


def sample_scene(script: ClipScript, *, rng: Generator) -> Scene:
    """Return the script with individuals, skins, phases and shake drawn.

    Raises ``InputError`` for an actor whose kind is not in the zoo.
    """
    margin = script.size.height // 2 if script.length > 1 else STILL_MARGIN
    return Scene(
        script=script,
        ground=backdrop_surface(script.backdrop, script.size, margin, rng),
        cast=tuple(_sample_cast(actor, rng) for actor in script.actors),
        shake_rates=rng.uniform(0.12, 0.42, (3, 2)),
        shake_phases=rng.uniform(0, 2 * np.pi, (3, 2)),
    )


def _sample_cast(actor: Actor, rng: Generator) -> Cast:
    if actor.kind not in ZOO:
        raise InputError(f"actor kind: expected one of {sorted(ZOO)}, got {actor.kind!r}")
    puppet = ZOO[actor.kind](rng)
    skins = [skin(actor.look, rng)]
    skins.append(skin(actor.second, rng) if actor.second else skins[0])
    start = float(rng.random())
    return Cast(
        actor=actor,
        puppet=puppet,
        surfaces=tuple(part_surface(part, skins[part.tone], rng) for part in puppet.parts),
        start=start,
        unit_area=puppet.covered(start),
    )


def _camera_view(scene: Scene, moment: float) -> Matrix:
    """Return world → screen at a moment counted in frames."""
    script, camera = scene.script, scene.script.camera
    share = moment / max(script.length - 1, 1)
    height, width = script.size
    waves = np.sin(2 * np.pi * scene.shake_rates * moment + scene.shake_phases).sum(axis=1)
    still = np.sin(scene.shake_phases).sum(axis=1)
    shake = camera.shake * height * (waves - still)
    zoom = value_at(camera.zoom, share)
    middle = ((width - 1) / 2, (height - 1) / 2)
    view = affine(
        shift=(
            middle[0] - width * value_at(camera.x, share) + float(shake[0]),
            middle[1] - height * value_at(camera.y, share) + float(shake[1]),
        ),
        degrees=float(np.rad2deg(shake[2] / width)),
        scale=(zoom, zoom),
    )
    return view @ affine(shift=(-middle[0], -middle[1]))


def _things_at(scene: Scene, moment: float) -> list[Thing]:
    """Return the backdrop and the actors, placed at a moment counted in frames."""
    script = scene.script
    height, width = script.size
    share = moment / max(script.length - 1, 1)
    view = _camera_view(scene, moment)
    swell = Bend(
        height=script.swell * height,
        wavenumber=2 * np.pi * 2.2 / width,
        phase=2 * np.pi * moment / 17,
    )
    ground = Placement(outer=view, inner=np.eye(3), bend=swell)
    things = [Thing(surfaces=(scene.ground,), placements=(ground,))]
    for cast in scene.cast:
        actor = cast.actor
        scale = np.sqrt(value_at(actor.area, share) * height * width / cast.unit_area)
        pose = affine(
            shift=(value_at(actor.x, share) * width, value_at(actor.y, share) * height),
            degrees=value_at(actor.angle, share),
            scale=(-scale if actor.mirror else scale, scale),
        )
        cycle = cast.start + moment / actor.period
        things.append(
            Thing(
                surfaces=cast.surfaces,
                placements=cast.puppet.placements(view @ pose, cycle),
                shadow=actor.shadow,
            )
        )
    return things


def _surface_labels(scene: Scene) -> NDArray[np.uint8]:
    """Return the object id of every surface number."""
    ids = [0]
    for cast in scene.cast:
        ids += [cast.actor.label] * len(cast.surfaces)
    return np.array(ids, np.uint8)


def _expose(scene: Scene, moment: int, rng: Generator) -> tuple[Frame, NDArray[np.uint8]]:
    """Return the frame as a camera takes it, and its surface numbers at mid-shutter."""
    script = scene.script
    picture, surfaces = paint(_things_at(scene, moment), script.size)
    if script.shutter:
        for offset in np.linspace(-0.5, 0.5, SHUTTER_SAMPLES) * script.shutter:
            if offset:
                picture += paint(_things_at(scene, moment + offset), script.size)[0]
        picture /= SHUTTER_SAMPLES
    picture *= 255 * value_at(script.light, moment / max(script.length - 1, 1))
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), LENS_BLUR), np.float32)
    picture += script.noise * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), surfaces


def _flow_at(scene: Scene, moment: int, surfaces: NDArray[np.uint8]) -> Flow:
    now, later = (
        [placement for thing in _things_at(scene, when) for placement in thing.placements]
        for when in (moment, moment + 1)
    )
    return surface_flow(surfaces, now, later)


def render_clip(script: ClipScript, *, rng: Generator) -> Clip:
    """Return the frames of a script with exact labels and flow.

    A pixel belongs to the front surface at its centre, at mid-shutter. Same script and
    generator state: same clip. Raises ``InputError`` for an unknown kind of actor.
    """
    scene = sample_scene(script, rng=rng)
    exposures = [_expose(scene, moment, rng) for moment in range(script.length)]
    surfaces = np.stack([numbers for _, numbers in exposures])
    flows = [_flow_at(scene, moment, surfaces[moment]) for moment in range(script.length - 1)]
    return Clip(
        frames=np.stack([frame for frame, _ in exposures]),
        labels=_surface_labels(scene)[surfaces],
        flow=np.stack(flows) if flows else np.zeros((0, *script.size, 2), np.float32),
        surfaces=surfaces,
    )


def seen_again(clip: Clip) -> NDArray[np.bool_]:
    """Return where the surface point seen in a frame is seen in the next one too.

    Shape ``(T − 1, H, W)``. The arrival point is rounded to the nearest pixel; False outside.
    """
    _, height, width = clip.surfaces.shape
    grid = pixel_grid(slice(0, height), slice(0, width))
    seen = np.zeros(clip.flow.shape[:3], np.bool_)
    for t, flow in enumerate(clip.flow):
        there = np.rint(grid + flow).astype(int)
        inside = ((there >= 0) & (there < (width, height))).all(axis=-1)
        x, y = np.clip(there[..., 0], 0, width - 1), np.clip(there[..., 1], 0, height - 1)
        seen[t] = inside & (clip.surfaces[t + 1][y, x] == clip.surfaces[t])
    return seen


def render_still(*, size: Size, rng: Generator) -> tuple[Frame, Mask]:
    """Return a picture like those of the saliency sets, and the mask of its salient object.

    One textured object of a random kind before a random backdrop, sometimes with distractors
    of the same or another look that are not in the mask; same zoo and textures as the clips.
    Drawn again (at most 6 times) where less than 2 % of the frame would be left of the object.
    """
    for _ in range(TRIES):
        scene = sample_scene(sample_still_script(size=size, rng=rng), rng=rng)
        frame, surfaces = _expose(scene, 0, rng)
        mask = _surface_labels(scene)[surfaces] > 0
        if mask.mean() >= LEAST_VISIBLE:
            break
    return frame, mask
