"""The zoo: one function per kind of object; every draw is another individual.

Here the lifeless kinds and the list of all; the animals are in ``rendered_animals``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from masktrack_core.rendered.animals import (
    bird,
    cow,
    creature,
    fish,
    octopus,
    quadruped,
    snake,
    spider,
    walker,
)
from masktrack_core.rendered.layers import Bend
from masktrack_core.rendered.puppets import (
    Part,
    Puppet,
    ellipse,
    limb,
    polar,
    polygon,
    rotated,
    wobbly,
)

Maker: TypeAlias = Callable[[Generator], Puppet]


def car(rng: Generator) -> Puppet:
    """Return a car with open windows on two spinning, spoked wheels."""
    roof = rng.uniform(0.36, 0.5)
    body = polygon(
        (1.05, 0.12), (1.0, -0.1), (0.5, -0.16), (0.22, -roof), (-0.5, -roof), (-0.78, -0.14),
        (-1.05, -0.1), (-1.05, 0.12), rounding=1,
    )  # fmt: skip
    front = polygon((0.34, -0.15), (0.14, -roof + 0.07), (-0.1, -roof + 0.07), (-0.1, -0.15),
                    rounding=0)  # fmt: skip
    rear = polygon((-0.18, -0.15), (-0.18, -roof + 0.07), (-0.46, -roof + 0.07), (-0.64, -0.15),
                   rounding=0)  # fmt: skip
    gaps = tuple(rotated(ellipse(0.05, 0.045, at=(0.14, 0.0)), turn) for turn in range(0, 360, 72))
    wheel = (ellipse(0.25, 0.25), *gaps)
    return Puppet(
        parts=(
            Part(contours=(body, front, rear)),
            Part(contours=wheel, joint=(0.6, 0.16), spin=1, tone=1),
            Part(contours=wheel, joint=(-0.62, 0.16), spin=1, tone=1),
        )
    )


def kite(rng: Generator) -> Puppet:
    """Return a kite with a long thin tail in which a wave runs."""
    sail = polygon((0.75, 0.0), (0.1, -0.52), (-0.5, 0.0), (0.1, 0.52), rounding=0)
    tail = rotated(limb(1.1, 0.08, 0.06), 180)
    parts = [Part(contours=(tail,), joint=(-0.45, 0.0), tone=1)]
    for at in np.arange(0.3, 1.15, 0.34):
        bow = polygon((0, 0), (-0.1, -0.17), (0.1, -0.17), (0, 0), (0.1, 0.17), (-0.1, 0.17),
                      rounding=0)  # fmt: skip
        parts.append(Part(contours=(bow,), joint=(-0.45 - float(at), 0.0), swing=25,
                          phase=float(rng.random())))  # fmt: skip
    parts.append(Part(contours=(sail,), swing=6))
    return Puppet(parts=tuple(parts), bend=Bend(height=0.22, wavenumber=4.5, power=1))


def star(rng: Generator) -> Puppet:
    """Return a star with soft arms of unequal length."""
    arms = int(rng.integers(5, 8))
    around = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    uneven = 1 + 0.15 * np.cos(2 * around + rng.uniform(0, 6.28))
    radius = (0.32 + 0.68 * (0.5 + 0.5 * np.cos(arms * around)) ** 1.6) * uneven
    bend = Bend(height=0.09, wavenumber=2.5)
    return Puppet(parts=(Part(contours=(polar(radius),)),), bend=bend, pulse=0.06)


def gear(rng: Generator) -> Puppet:
    """Return a toothed wheel with spokes: a hole-ridden rigid shape."""
    teeth = int(rng.integers(8, 13))
    around = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    rim = polar(0.92 + 0.1 * np.tanh(4 * np.cos(teeth * around)))
    spokes = int(rng.integers(3, 6))
    gap = np.linspace(0.22 / spokes * 3, 2 * np.pi / spokes - 0.22 / spokes * 3, 14)
    arc = np.stack([np.cos(gap), np.sin(gap)], axis=-1)
    hole = np.concatenate([0.74 * arc, 0.3 * arc[::-1]]).astype(np.float32)
    holes = tuple(rotated(hole, 360 / spokes * k) for k in range(spokes))
    return Puppet(parts=(Part(contours=(rim, *holes)),))


def propeller(rng: Generator) -> Puppet:
    """Return curved blades that turn around a hub."""
    blades = int(rng.integers(3, 5))
    blade = polygon((0.0, -0.05), (0.4, -0.2), (0.95, -0.16), (1.05, 0.02), (0.5, 0.08), (0, 0.07))
    parts = [Part(contours=(ellipse(0.17, 0.17),), spin=1, tone=1)]
    parts += [
        Part(contours=(blade,), parent=0, rest=360 / blades * k, tone=0) for k in range(blades)
    ]
    return Puppet(parts=tuple(parts))


def crescent(rng: Generator) -> Puppet:
    """Return a fat crescent or an almost closed ring."""
    opening = rng.uniform(0.5, 1.3)
    arc = np.linspace(opening, 2 * np.pi - opening, 50)
    width = rng.uniform(0.14, 0.22) * (0.4 + np.sin(np.linspace(0, np.pi, 50)))
    spoke = np.stack([np.cos(arc), np.sin(arc)], axis=-1)
    outline = np.concatenate(
        [(0.8 + width)[:, None] * spoke, ((0.8 - width)[:, None] * spoke)[::-1]]
    )
    part = Part(contours=(outline.astype(np.float32),))
    return Puppet(parts=(part,), bend=Bend(height=0.1, wavenumber=2.0), pulse=0.08)


def aeroplane(rng: Generator) -> Puppet:
    """Return an aeroplane from above with a turning propeller."""
    sweep = rng.uniform(0.15, 0.5)
    hull = polygon((1.0, 0), (0.8, -0.12), (-0.5, -0.1), (-1.05, -0.03), (-1.05, 0.03),
                   (-0.5, 0.1), (0.8, 0.12))  # fmt: skip
    wings = polygon((0.45, 0), (0.35 - sweep, -1.05), (0.1 - sweep, -1.05), (0.0, 0),
                    (0.1 - sweep, 1.05), (0.35 - sweep, 1.05), rounding=1)  # fmt: skip
    tail = polygon((-0.72, 0), (-0.98, -0.4), (-1.12, -0.4), (-1.02, 0), (-1.12, 0.4),
                   (-0.98, 0.4), rounding=1)  # fmt: skip
    blade = limb(0.56, 0.035, 0.035, start=-0.28)
    return Puppet(
        parts=(
            Part(contours=(wings,), shade=0.85),
            Part(contours=(tail,), tone=1),
            Part(contours=(hull,)),
            Part(contours=(rotated(blade, 90),), joint=(1.0, 0.0), flap=0.5, tone=1),
        )
    )


def blob(rng: Generator) -> Puppet:
    """Return a soft lump of random outline."""
    outline = wobbly(ellipse(0.9, rng.uniform(0.5, 0.9)), 0.3, rng)
    bend = Bend(height=0.12, wavenumber=2.2)
    return Puppet(parts=(Part(contours=(outline,)),), bend=bend, pulse=0.1)


def trunk(rng: Generator) -> Puppet:
    """Return a tall trunk with branches, to stand in front of things."""
    half = np.linspace(-2.2, 2.2, 24)
    edge = 0.2 + 0.05 * np.cumsum(rng.normal(size=24)) * 0.4
    left = np.stack([-np.abs(edge) - 0.05, half], axis=-1)
    right = np.stack([np.abs(edge[::-1]) + 0.05, half[::-1]], axis=-1)
    branch = limb(0.8, 0.09, 0.04)
    return Puppet(
        parts=(
            Part(contours=(np.concatenate([left, right]).astype(np.float32),)),
            Part(contours=(branch,), joint=(0.1, -0.5), rest=-40),
            Part(contours=(branch,), joint=(-0.1, -0.1), rest=215),
        )
    )


def fence(rng: Generator) -> Puppet:
    """Return posts and two rails, to stand in front of things."""
    rail = polygon((-1.6, -0.05), (1.6, -0.05), (1.6, 0.05), (-1.6, 0.05), rounding=0)
    parts = [Part(contours=(rail,), joint=(0.0, y), shade=0.85) for y in (-0.28, 0.2)]
    for x in np.linspace(-1.4, 1.4, 6):
        post = polygon((-0.07, -0.6), (0, -0.7), (0.07, -0.6), (0.07, 0.6), (-0.07, 0.6),
                       rounding=0)  # fmt: skip
        parts.append(Part(contours=(post,), joint=(float(x), 0.0), rest=float(rng.normal() * 3)))
    return Puppet(parts=tuple(parts))


ZOO: Mapping[str, Maker] = MappingProxyType(
    {
        maker.__name__: maker
        for maker in (
            quadruped, cow, fish, bird, walker, car, kite, star, gear, propeller, crescent, octopus,
            snake, spider, aeroplane, blob, creature, trunk, fence,
        )
    }
)  # fmt: skip
"""Every kind of object by name."""
