"""The animals of the zoo: jointed limbs and bodies in which a wave runs."""

import numpy as np
from numpy.random import Generator

from masktrack_core.rendered.layers import Bend
from masktrack_core.rendered.puppets import Part, Puppet, ellipse, limb, polygon, rotated, wobbly

FAR_LEG, NEAR_LEG = 0.1, 0.13
"""Height of the hips of a pair."""


def _leg(
    parts: list[Part], joint: tuple[float, float], thick: float, phase: float, length: float = 0.34
) -> None:
    """Append a two-segment leg that hangs from a joint; the far one of a pair is darker."""
    lower = 0.6 * thick
    shade = 1.0 if joint[1] > FAR_LEG else 0.62
    upper = Part(
        contours=(limb(length, thick, lower),),
        joint=joint,
        rest=90,
        swing=26,
        phase=phase,
        shade=shade,
    )
    shin = Part(
        contours=(limb(length, lower, 0.5 * lower),),
        joint=(0.97 * length, 0.0),
        parent=len(parts),
        rest=8,
        swing=24,
        phase=phase + 0.2,
        shade=shade,
    )
    parts += [upper, shin]


def _four_legged(rng: Generator, *, leg: float, thick: float, depth: float) -> Puppet:
    """Return an animal with a body of half height ``depth`` on legs of two times ``leg``."""
    parts: list[Part] = []
    _leg(parts, (-0.45, FAR_LEG), thick, 0.5, leg)
    _leg(parts, (0.42, FAR_LEG), thick, 0.15, leg)
    tail = limb(rng.uniform(0.4, 0.6), 0.06, 0.03)
    parts.append(Part(contours=(tail,), joint=(-0.6, -0.1), rest=125, swing=25, tone=1))
    body = wobbly(ellipse(0.66, depth), 0.08, rng)
    parts.append(Part(contours=(body,), swing=3))
    parts.append(
        Part(
            contours=(limb(0.4, 0.18, 0.11),),
            joint=(0.48, -0.08),
            rest=rng.uniform(-60, -30),
            swing=9,
        )
    )
    head = wobbly(ellipse(0.22, 0.12, at=(0.12, 0.0)), 0.06, rng)
    parts.append(
        Part(contours=(head,), joint=(0.4, 0), parent=len(parts) - 1, rest=60, swing=10, tone=1)
    )
    _leg(parts, (-0.42, NEAR_LEG), thick, 0.0, leg)
    _leg(parts, (0.45, NEAR_LEG), thick, 0.65, leg)
    return Puppet(parts=tuple(parts))


def quadruped(rng: Generator) -> Puppet:
    """Return a slender animal on four swinging two-segment legs."""
    thick = rng.uniform(0.095, 0.125)
    return _four_legged(rng, leg=0.34, thick=thick, depth=rng.uniform(0.27, 0.33))


def cow(rng: Generator) -> Puppet:
    """Return a heavy animal on short legs."""
    thick = rng.uniform(0.13, 0.15)
    return _four_legged(rng, leg=0.24, thick=thick, depth=rng.uniform(0.36, 0.42))


def fish(rng: Generator) -> Puppet:
    """Return a fish: a wave runs through body and fins, larger towards the tail."""
    deep = rng.uniform(0.24, 0.36)
    body = polygon(
        (0.9, 0.02), (0.4, -deep * 1.3), (-0.2, -deep), (-0.62, -0.06), (-0.62, 0.06),
        (-0.2, deep), (0.4, deep * 1.2),
    )  # fmt: skip
    tail = polygon((-0.5, 0.0), (-1.15, -0.45), (-0.9, 0.0), (-1.15, 0.45), rounding=1)
    back = polygon((0.45, 0.0), (0.1, -0.34), (-0.45, -0.28), (-0.3, 0.0), rounding=1)
    fin = polygon((0.1, 0.0), (-0.1, 0.3), (-0.28, 0.3), (-0.12, 0.0), rounding=1)
    return Puppet(
        parts=(
            Part(contours=(tail,), tone=1),
            Part(contours=(back,), joint=(0.0, -deep * 0.75), tone=1),
            Part(contours=(body,)),
            Part(contours=(fin,), joint=(0.15, 0.1), swing=25, tone=1),
        ),
        bend=Bend(height=rng.uniform(0.3, 0.4), wavenumber=3.0, power=2),
    )


def bird(rng: Generator) -> Puppet:
    """Return a bird with two flapping wings."""
    wing = polygon(
        (-0.34, 0.05), (-0.55, -0.5), (-0.7, -0.88), (-0.25, -0.84), (0.1, -0.55), (0.3, 0.0)
    )
    body = polygon(
        (0.6, -0.05), (0.3, -0.24), (-0.3, -0.2), (-0.65, -0.02), (-0.3, 0.2), (0.25, 0.25)
    )
    tail = polygon((-0.45, -0.02), (-1.05, -0.18), (-0.95, 0.02), (-1.0, 0.18), rounding=1)
    head = ellipse(0.17, 0.14)
    beak = polygon((0.1, -0.05), (0.36, 0.03), (0.1, 0.06), rounding=0)
    stretch = rng.uniform(0.35, 0.45)
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
    thick = rng.uniform(0.1, 0.125)
    reach = rng.uniform(0.3, 0.36)
    arm = (limb(reach, 0.08, 0.065),)
    hand = (limb(reach, 0.065, 0.05),)

    def add_arm(phase: float, shade: float) -> None:
        parts.append(Part(contours=arm, joint=(0.0, -0.42), rest=95, swing=36, phase=phase,
                          shade=shade))  # fmt: skip
        parts.append(Part(contours=hand, joint=(reach, 0.0), parent=len(parts) - 1, rest=-30,
                          swing=25, phase=phase, shade=shade))  # fmt: skip

    add_arm(0.0, 0.65)
    _leg(parts, (0.0, FAR_LEG), thick, 0.5, 0.38)
    torso = polygon((0.18, -0.52), (-0.2, -0.5), (-0.2, 0.28), (0.18, 0.28))
    parts.append(Part(contours=(torso,), swing=4, tone=1))
    parts.append(Part(contours=(ellipse(0.16, 0.18),), joint=(0.03, -0.68), swing=8))
    _leg(parts, (0.02, NEAR_LEG), thick, 0.0, 0.38)
    add_arm(0.5, 1.0)
    return Puppet(parts=tuple(parts))


def octopus(rng: Generator) -> Puppet:
    """Return a dome on tentacles of three segments each."""
    parts: list[Part] = []
    arms = int(rng.integers(5, 8))
    for k in range(arms):
        side = (k + 0.5) / arms - 0.5
        phase = float(rng.random())
        shade = 0.75 if k % 2 else 1.0
        for segment in range(3):
            thick = 0.12 * 0.75**segment
            parts.append(
                Part(
                    contours=(limb(0.3, thick, 0.75 * thick),),
                    joint=(0.29, 0.0) if segment else (0.7 * side, 0.05),
                    parent=len(parts) - 1 if segment else None,
                    rest=-12 * side if segment else 90 - 100 * side,
                    swing=20,
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
    thick = rng.uniform(0.15, 0.18)
    body = limb(1.9, 0.6 * thick, thick, start=-0.95)
    head = ellipse(1.3 * thick, 1.1 * thick, at=(0.98, 0.0))
    return Puppet(
        parts=(Part(contours=(body,)), Part(contours=(head,), tone=1)),
        bend=Bend(height=rng.uniform(0.17, 0.22), wavenumber=rng.uniform(4.2, 5.2)),
    )


def spider(rng: Generator) -> Puppet:
    """Return a body on six or eight bent legs."""
    parts: list[Part] = []
    pairs = int(rng.integers(3, 5))
    for k in range(2 * pairs):
        side = 1 if k % 2 else -1
        spread = 130 * ((k // 2 + 0.5) / pairs - 0.5) + 90
        parts.append(Part(contours=(limb(0.5, 0.1, 0.075),), rest=side * spread, swing=12,
                          phase=0.37 * k))  # fmt: skip
        parts.append(Part(contours=(limb(0.36, 0.075, 0.04),), joint=(0.49, 0.0),
                          parent=len(parts) - 1, rest=side * 50, swing=22,
                          phase=0.37 * k))  # fmt: skip
    parts.append(Part(contours=(wobbly(ellipse(0.5, 0.36, at=(-0.25, 0)), 0.06, rng),), tone=1))
    parts.append(Part(contours=(ellipse(0.25, 0.22, at=(0.3, 0.0)),)))
    return Puppet(parts=tuple(parts))


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
