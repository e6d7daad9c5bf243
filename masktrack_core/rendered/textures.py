"""Procedural textures: skins of objects and backdrops, from a few numbers and a generator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from masktrack_core.arrays import Size
from masktrack_core.rendered.layers import FAR, Surface

Field: TypeAlias = NDArray[np.float32]
"""float32 ``(h, w)``: a scalar pattern in about [0, 1]."""

SHEET = Size(144, 144)
"""A skin's texture sheet, in texels."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The skin of an object: actors with equal looks are look-alikes, never copies."""

    #: name in ``PATTERNS``
    pattern: str
    #: degrees on the colour circle of the two main colours
    hues: tuple[float, float]
    #: 0 grey … 1 pure
    saturation: float = 0.6
    #: brightness of the darker and the lighter colour
    values: tuple[float, float] = (0.3, 0.85)


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """What is behind everything: two blended patterns, a slope of light, and clutter."""

    ground: Look
    #: stretch of the noise along x; > 1 for water, < 1 for trunks and reeds
    stretch: float = 1.0
    #: hue, saturation, value of a sky above the horizon; None for no sky
    sky: tuple[float, float, float] | None = None
    #: height of the horizon under a sky, in shares of the frame's height from above
    horizon: float = 0.3
    #: scattered shapes per frame area
    clutter: int = 20


def colour(hue: float, saturation: float, value: float) -> NDArray[np.float32]:
    """Return RGB in [0, 1] of a hue in degrees, float32 ``(3,)``."""
    hsv = np.array([[[hue % 360, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32).reshape(3)


def fractal(
    rng: Generator, size: Size, *, cells: float = 4.0, stretch: float = 1.0, octaves: int = 4
) -> Field:
    """Return noise in [0, 1] whose coarsest cells number ``cells`` over the height."""
    total = np.zeros(tuple(size), np.float32)
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave * min(1.0, stretch) ** 0.5))
        columns = max(2, round(cells * 2**octave * size.width / size.height / stretch))
        grid = rng.random((rows, columns), dtype=np.float32)
        total += cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC) * 0.55**octave
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low), np.float32)


def _plane(rng: Generator, size: Size) -> tuple[Field, Field]:
    """Return rotated, warped coordinates that run over about [0, 1]."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32) / size.height
    turn = rng.uniform(0, np.pi)
    warp = fractal(rng, size, cells=3, octaves=2) * 0.25
    along = np.cos(turn) * x + np.sin(turn) * y + warp
    return along, np.cos(turn) * y - np.sin(turn) * x + warp[::-1, ::-1]


def _stripes(rng: Generator, size: Size) -> Field:
    along, _ = _plane(rng, size)
    return np.asarray(0.5 + 0.5 * np.tanh(2.5 * np.sin(along * rng.uniform(30, 60))), np.float32)


def _checker(rng: Generator, size: Size) -> Field:
    along, across = _plane(rng, size)
    pitch = rng.uniform(22, 36)
    wave = np.sin(along * pitch) * np.sin(across * pitch)
    return np.asarray(0.5 + 0.5 * np.tanh(4 * wave), np.float32)


def _nearest(rng: Generator, size: Size, count: int) -> Field:
    """Return the distance to scattered points, in the mean distance of neighbours."""
    away = np.full(tuple(size), 255, np.uint8)
    away[rng.integers(size.height, size=count), rng.integers(size.width, size=count)] = 0
    spacing = np.sqrt(size.height * size.width / count)
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, 5) / spacing, np.float32)


def _spots(rng: Generator, size: Size) -> Field:
    away = _nearest(rng, size, int(rng.integers(60, 140)))
    away += 0.25 * fractal(rng, size, cells=10, octaves=2)
    return np.asarray(1 / (1 + np.exp((away - 0.42) * 25)), np.float32)


def _cells(rng: Generator, size: Size) -> Field:
    away = _nearest(rng, size, int(rng.integers(80, 200)))
    return np.asarray(np.clip(away * 1.3, 0, 1), np.float32)


def _patches(rng: Generator, size: Size) -> Field:
    noise = fractal(rng, size, cells=5, octaves=3)
    return np.asarray(1 / (1 + np.exp((np.median(noise) - noise) * 40)), np.float32)


def _fur(rng: Generator, size: Size) -> Field:
    return fractal(rng, size, cells=10, stretch=float(rng.choice([0.25, 4.0])), octaves=3)


def _noise(rng: Generator, size: Size) -> Field:
    return fractal(rng, size, cells=5, octaves=5)


PATTERNS: Mapping[str, Callable[[Generator, Size], Field]] = MappingProxyType(
    {
        "stripes": _stripes,
        "checker": _checker,
        "spots": _spots,
        "cells": _cells,
        "patches": _patches,
        "fur": _fur,
        "noise": _noise,
    }
)


def skin(look: Look, rng: Generator, size: Size = SHEET) -> NDArray[np.float32]:
    """Return a texture sheet of a look, float32 ``(h, w, 3)`` in [0, 1]."""
    field = PATTERNS[look.pattern](rng, size)[..., None]
    dark = colour(look.hues[0], look.saturation, look.values[0])
    light = colour(look.hues[1], look.saturation * 0.85, look.values[1])
    grain = fractal(rng, size, cells=24, octaves=2)[..., None]
    sheet = field * (light - dark)
    sheet += dark
    sheet *= 0.75 + 0.5 * grain
    return np.asarray(np.clip(sheet, 0, 1, out=sheet), np.float32)


def _scatter(sheet: NDArray[np.float32], look: Look, count: int, rng: Generator) -> None:
    """Draw leaves and stones of the ground's colours over a backdrop, in place."""
    height, width = sheet.shape[:2]
    for _ in range(count):
        around = np.linspace(0, 2 * np.pi, int(rng.integers(5, 12)), endpoint=False)
        reach = rng.uniform(0.5, 1, around.size) * rng.uniform(2.0, 8.0)
        lean = np.exp(rng.uniform(-0.7, 0.7))
        x = rng.uniform(0, width) + reach * np.cos(around) * lean
        y = rng.uniform(0, height) + reach * np.sin(around) / lean
        tint = colour(
            rng.choice(look.hues) + rng.uniform(-25, 25),
            look.saturation * rng.uniform(0.5, 1.2),
            rng.uniform(*look.values) * rng.uniform(0.8, 1.1),
        )
        outline = np.stack([x, y], axis=-1) * 8
        cv2.fillPoly(sheet, [outline.astype(np.int32)], tint.tolist(), cv2.LINE_AA, 3)


def _add_sky(
    sheet: NDArray[np.float32], hsv: tuple[float, float, float], ridge: float, rng: Generator
) -> NDArray[np.float32]:
    """Return the backdrop with clouds above a hilly horizon at about row ``ridge``."""
    height, width = sheet.shape[:2]
    clouds = fractal(rng, Size(height, width), cells=3, stretch=2.5, octaves=4)[..., None]
    sky = colour(*hsv) * (0.7 + 0.45 * clouds)
    hills = fractal(rng, Size(4, width), cells=0.02 * width, stretch=width / 6, octaves=3)[0]
    line = ridge + 24 * (hills - 0.5)
    above = np.clip(line[None, :] + 0.5 - np.arange(height)[:, None], 0, 1)[..., None]
    return np.asarray(sheet + above * (sky - sheet), np.float32)


def backdrop_surface(backdrop: Backdrop, size: Size, margin: int, rng: Generator) -> Surface:
    """Return the ground behind a clip, one texel a pixel, with ``margin`` pixels around.

    Its texture is mirrored beyond its border, so the camera may go anywhere.
    """
    room = Size(size.height + 2 * margin, size.width + 2 * margin)
    other = replace(backdrop.ground, pattern="noise", values=backdrop.ground.values[::-1])
    blend = fractal(rng, room, cells=4, stretch=backdrop.stretch, octaves=5)[..., None]
    sheet = skin(backdrop.ground, rng, room)
    sheet += np.clip((blend - 0.35) * 3, 0, 1) * (skin(other, rng, room) - sheet)
    frames = room.height * room.width / (size.height * size.width)
    _scatter(sheet, backdrop.ground, round(backdrop.clutter * frames), rng)
    sheet *= 0.7 + 0.6 * fractal(rng, room, cells=5, stretch=backdrop.stretch)[..., None]
    if backdrop.sky is not None:
        sheet = _add_sky(sheet, backdrop.sky, margin + backdrop.horizon * size.height, rng)
    distance = np.full((*room, 1), FAR, np.float32)
    return Surface(
        atlas=np.concatenate([np.clip(sheet, 0, 1), distance], axis=-1),
        origin=(-float(margin), -float(margin)),
        texel=1.0,
        outline=np.zeros((0, 2), np.float32),
    )
