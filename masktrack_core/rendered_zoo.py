"""The zoo: one function per kind of object; every draw is another individual."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from masktrack_core.rendered_layers import Bend
from masktrack_core.rendered_puppets import (
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


def _leg(
    parts: list[Part], joint: tuple[float, float], thick: float, phase: float, shade: float
) -> None:
    """Append a two-segment leg that hangs from a joint."""
    lower = 0.6 * thick
    parts.append(
        Part(
            contours=(limb(0.34, thick, lower),),
            joint=joint,
            rest=90,
            swing=32,
            phase=phase,
            shade=shade,
        )
    )
    parts.append(
        Part(
            contours=(limb(0.34, lower, 0.5 * lower),),
            joint=(0.33, 0.0),
            parent=len(parts) - 1,
            rest=8,
            swing=28,
            phase=phase + 0.2,
            shade=shade,
        )
    )


def quadruped(rng: Generator) -> Puppet:
    """Return an animal on four swinging two-segment legs."""
    thick = rng.uniform(0.085, 0.12)
    parts: list[Part] = []
    _leg(parts, (-0.45, 0.1), thick, 0.5, 0.62)
    _leg(parts, (0.42, 0.1), thick, 0.15, 0.62)
    tail = limb(rng.uniform(0.4, 0.6), 0.06, 0.025)
    parts.append(Part(contours=(tail,), joint=(-0.6, -0.1), rest=155, swing=25, tone=1))
    body = wobbly(ellipse(0.66, rng.uniform(0.23, 0.3)), 0.08, rng)
    parts.append(Part(contours=(body,), swing=3))
    neck = Part(
        contours=(limb(0.4, 0.16, 0.1),), joint=(0.5, -0.08), rest=rng.uniform(-65, -35), swing=9
    )
    parts.append(neck)
    head = wobbly(ellipse(0.22, 0.11, at=(0.12, 0.0)), 0.06, rng)
    parts.append(
        Part(contours=(head,), joint=(0.4, 0), parent=len(parts) - 1, rest=65, swing=10, tone=1)
    )
    _leg(parts, (-0.42, 0.12), thick, 0.0, 1.0)
    _leg(parts, (0.45, 0.12), thick, 0.65, 1.0)
    return Puppet(parts=tuple(parts))


def fish(rng: Generator) -> Puppet:
    """Return a fish: a wave runs through body and fins, larger towards the tail."""
    deep = rng.uniform(0.24, 0.36)
    body = polygon(
        (0.9, 0.02), (0.4, -deep * 1.3), (-0.2, -deep), (-0.62, -0.06), (-0.62, 0.06),
        (-0.2, deep), (0.4, deep * 1.2),
    )  # fmt: skip
    tail = polygon(
        (-0.5, 0.0), (-1.15, -0.45), (-0.9, 0.0), (-1.15, 0.45), rounding=1
    )
    back = polygon((0.45, 0.0), (0.1, -0.34), (-0.45, -0.28), (-0.3, 0.0), rounding=1)
    fin = polygon((0.1, 0.0), (-0.1, 0.3), (-0.28, 0.3), (-0.12, 0.0), rounding=1)
    return Puppet(
        parts=(
            Part(contours=(tail,), tone=1),
            Part(contours=(back,), joint=(0.0, -deep * 0.75), tone=1),
            Part(contours=(body,)),
            Part(contours=(fin,), joint=(0.15, 0.1), swing=25, tone=1),
        ),
        bend=Bend(height=rng.uniform(0.45, 0.6), wavenumber=3.2, power=2),
    )


def bird(rng: Generator) -> Puppet:
    """Return a bird with two flapping wings."""
    wing = polygon(
        (-0.28, 0.05), (-0.5, -0.55), (-0.75, -1.05), (-0.3, -0.95), (0.05, -0.6), (0.25, 0.0)
    )
    body = polygon(
        (0.6, -0.05), (0.3, -0.2), (-0.3, -0.16), (-0.65, -0.02), (-0.3, 0.14), (0.25, 0.18)
    )
    tail = polygon((-0.45, -0.02), (-1.05, -0.18), (-0.95, 0.02), (-1.0, 0.18), rounding=1)
    head = ellipse(0.17, 0.14)
    beak = polygon((0.1, -0.05), (0.36, 0.03), (0.1, 0.06), rounding=0)
    stretch = rng.uniform(0.4, 0.5)
    return Puppet(
        parts=(
            Part(contours=(rotated(wing, 18),), joint=(0.1, -0.05), flap=stretch, swing=25,
                 phase=0.06, shade=0.6, tone=1),
            Part(contours=(tail,), swing=6, tone=1),
            Part(contours=(body,)),
            Part(contours=(head,), joint=(0.58, -0.12), swing=5),
            Part(contours=(beak,), joint=(0.0, 0.0), parent=3, tone=1),
            Part(contours=(wing,), joint=(0.0, 0.0), flap=stretch, swing=25, tone=1),
        )
    )  # fmt: skip


def walker(rng: Generator) -> Puppet:
    """Return a two-legged figure with swinging arms."""
    parts: list[Part] = []
    thick = rng.uniform(0.075, 0.1)
    reach = rng.uniform(0.3, 0.36)
    arm = (limb(reach, 0.06, 0.05),)
    hand = (limb(reach, 0.05, 0.035),)

    def add_arm(phase: float, shade: float) -> None:
        parts.append(Part(contours=arm, joint=(0.0, -0.42), rest=95, swing=48, phase=phase,
                          shade=shade))  # fmt: skip
        parts.append(Part(contours=hand, joint=(reach, 0.0), parent=len(parts) - 1, rest=-30,
                          swing=25, phase=phase, shade=shade))  # fmt: skip

    add_arm(0.0, 0.65)
    _leg(parts, (0.0, 0.18), thick, 0.5, 0.62)
    torso = polygon((0.13, -0.5), (-0.15, -0.48), (-0.15, 0.25), (0.13, 0.25))
    parts.append(Part(contours=(torso,), swing=4, tone=1))
    parts.append(Part(contours=(ellipse(0.13, 0.16),), joint=(0.03, -0.68), swing=8))
    _leg(parts, (0.02, 0.18), thick, 0.0, 1.0)
    add_arm(0.5, 1.0)
    return Puppet(parts=tuple(parts))


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
    sail = polygon((0.62, 0.0), (0.1, -0.42), (-0.5, 0.0), (0.1, 0.42), rounding=0)
    tail = np.concatenate([limb(1.5, 0.06, 0.045)]) * np.float32([-1, 1])
    parts = [Part(contours=(tail,), joint=(-0.45, 0.0), tone=1)]
    for at in np.arange(0.35, 1.5, 0.36):
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


def octopus(rng: Generator) -> Puppet:
    """Return a dome on tentacles of three segments each."""
    parts: list[Part] = []
    arms = int(rng.integers(5, 8))
    for k in range(arms):
        side = (k + 0.5) / arms - 0.5
        phase = float(rng.random())
        shade = 0.75 if k % 2 else 1.0
        for segment in range(3):
            thick = 0.095 * 0.72**segment
            parts.append(
                Part(
                    contours=(limb(0.34, thick, 0.72 * thick),),
                    joint=(0.33, 0.0) if segment else (0.7 * side, 0.05),
                    parent=len(parts) - 1 if segment else None,
                    rest=-12 * side if segment else 90 - 100 * side,
                    swing=26,
                    phase=phase - 0.17 * segment,
                    shade=shade,
                )
            )
    dome = polygon((-0.46, 0.16), (-0.5, -0.4), (-0.2, -0.75), (0.2, -0.75), (0.5, -0.4),
                   (0.46, 0.16))  # fmt: skip
    parts.append(Part(contours=(wobbly(dome, 0.05, rng),), tone=1))
    return Puppet(parts=tuple(parts), pulse=0.09)


def snake(rng: Generator) -> Puppet:
    """Return a long thin body in which a wave runs."""
    thick = rng.uniform(0.1, 0.14)
    body = limb(1.9, 0.5 * thick, thick) - np.float32([0.95, 0])
    head = ellipse(1.5 * thick, 1.15 * thick, at=(0.98, 0.0))
    return Puppet(
        parts=(Part(contours=(body,)), Part(contours=(head,), tone=1)),
        bend=Bend(height=rng.uniform(0.26, 0.36), wavenumber=rng.uniform(4.2, 5.2)),
    )


def spider(rng: Generator) -> Puppet:
    """Return a body on six or eight bent legs."""
    parts: list[Part] = []
    pairs = int(rng.integers(3, 5))
    for k in range(2 * pairs):
        side = 1 if k % 2 else -1
        spread = 130 * ((k // 2 + 0.5) / pairs - 0.5) + 90
        parts.append(Part(contours=(limb(0.55, 0.07, 0.05),), rest=side * spread, swing=12,
                          phase=0.37 * k))  # fmt: skip
        parts.append(Part(contours=(limb(0.5, 0.05, 0.025),), joint=(0.54, 0.0),
                          parent=len(parts) - 1, rest=side * 50, swing=22,
                          phase=0.37 * k))  # fmt: skip
    parts.append(Part(contours=(wobbly(ellipse(0.42, 0.3, at=(-0.2, 0)), 0.06, rng),), tone=1))
    parts.append(Part(contours=(ellipse(0.22, 0.19, at=(0.3, 0.0)),)))
    return Puppet(parts=tuple(parts))


def aeroplane(rng: Generator) -> Puppet:
    """Return an aeroplane from above with a turning propeller."""
    sweep = rng.uniform(0.15, 0.5)
    hull = polygon((1.0, 0), (0.8, -0.12), (-0.5, -0.1), (-1.05, -0.03), (-1.05, 0.03),
                   (-0.5, 0.1), (0.8, 0.12))  # fmt: skip
    wings = polygon((0.45, 0), (0.35 - sweep, -1.05), (0.1 - sweep, -1.05), (0.0, 0),
                    (0.1 - sweep, 1.05), (0.35 - sweep, 1.05), rounding=1)  # fmt: skip
    tail = polygon((-0.72, 0), (-0.98, -0.4), (-1.12, -0.4), (-1.02, 0), (-1.12, 0.4),
                   (-0.98, 0.4), rounding=1)  # fmt: skip
    blade = limb(0.56, 0.035, 0.035) - np.float32([0.28, 0])
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


def creature(rng: Generator) -> Puppet:
    """Return a lump with a random number of jointed arms."""
    parts: list[Part] = []
    for turn in rng.uniform(0, 30) + np.arange(0, 330, 360 / rng.integers(3, 7)):
        length, thick = rng.uniform(0.35, 0.55), rng.uniform(0.07, 0.15)
        phase = float(rng.random())
        parts.append(Part(contours=(limb(length + 0.2, thick, 0.7 * thick),), rest=float(turn),
                          swing=22, phase=phase))  # fmt: skip
        parts.append(Part(contours=(limb(length, 0.7 * thick, 0.4 * thick),),
                          joint=(length + 0.2, 0.0), parent=len(parts) - 1,
                          rest=rng.uniform(-60, 60), swing=30, phase=phase + 0.2,
                          tone=1))  # fmt: skip
    lump = wobbly(ellipse(0.4, rng.uniform(0.28, 0.42)), 0.15, rng)
    parts.append(Part(contours=(lump,), tone=int(rng.integers(2))))
    return Puppet(parts=tuple(parts))


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
            quadruped, fish, bird, walker, car, kite, star, gear, propeller, crescent, octopus,
            snake, spider, aeroplane, blob, creature, trunk, fence,
        )
    }
)  # fmt: skip
"""Every kind of object by name."""
