"""Random one-frame scripts: the still images on which the network is trained."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from masktrack_core.arrays import Size
from masktrack_core.rendered.scripts import Actor, Camera, ClipScript
from masktrack_core.rendered.textures import PATTERNS, Backdrop, Look
from masktrack_core.rendered.zoo import ZOO

SCENERY = ("trunk", "fence")
"""Kinds that only stand in front of things."""


def _sample_look(rng: Generator, hue: float) -> Look:
    dark = rng.uniform(0.08, 0.55)
    return Look(
        pattern=str(rng.choice(sorted(PATTERNS))),
        hues=(hue, hue + float(rng.normal(0, 30))),
        saturation=rng.uniform(0.1, 0.9),
        values=(dark, min(1.0, dark + rng.uniform(0.2, 0.6))),
    )


def _sample_backdrop(rng: Generator, hue: float) -> Backdrop:
    sky = (rng.uniform(180, 240), rng.uniform(0.1, 0.5), rng.uniform(0.55, 0.95))
    ground = _sample_look(rng, hue)
    return Backdrop(
        ground=replace(ground, saturation=0.75 * ground.saturation),
        stretch=float(rng.choice([0.3, 1.0, 1.0, 4.0])),
        sky=sky if rng.random() < 0.4 else None,
        horizon=rng.uniform(0.15, 0.5),
        clutter=int(rng.integers(0, 45)),
    )


def _sample_actor(rng: Generator, *, label: int, hue: float) -> Actor:
    look = _sample_look(rng, hue)
    kinds = sorted(set(ZOO) - set(SCENERY))
    return Actor(
        kind=str(rng.choice(kinds)),
        look=look,
        second=_sample_look(rng, hue + rng.uniform(0, 360)) if rng.random() < 0.5 else None,
        label=label,
        x=(rng.uniform(0.3, 0.7),),
        y=(rng.uniform(0.35, 0.65),),
        area=(float(np.exp(rng.uniform(np.log(0.04), np.log(0.22)))),),
        angle=(float(rng.normal(0, 40)),),
        mirror=bool(rng.random() < 0.5),
        period=8.0,
        shadow=rng.uniform(0, 0.5),
    )


def _sample_distractor(rng: Generator, salient: Actor) -> Actor:
    """Return an actor that is not in the mask: a look-alike in half of the cases."""
    other = _sample_actor(rng, label=0, hue=rng.uniform(0, 360))
    if rng.random() < 0.5:
        other = replace(other, kind=salient.kind, look=salient.look, second=salient.second)
    aside = rng.uniform(0.28, 0.5) * rng.choice([-1, 1])
    return replace(
        other,
        x=(salient.x[0] + aside,),
        y=(rng.uniform(0.2, 0.8),),
        area=(salient.area[0] * rng.uniform(0.4, 1.1),),
    )


def sample_still_script(*, size: Size, rng: Generator) -> ClipScript:
    """Return a random script of one frame whose object 1 is the salient one."""
    hue = rng.uniform(0, 360)
    salient = _sample_actor(rng, label=1, hue=hue)
    actors = [salient]
    for _ in range(int(rng.choice([0, 1, 2], p=[0.45, 0.35, 0.2]))):
        distractor = _sample_distractor(rng, salient)
        # Mostly behind; in front the object is partly hidden.
        actors.insert(len(actors) if rng.random() < 0.3 else 0, distractor)
    if rng.random() < 0.12:
        kind = str(rng.choice(SCENERY))
        look = _sample_look(rng, rng.uniform(0, 360))
        actors.append(Actor(kind=kind, look=look, x=(rng.uniform(0.2, 0.8),), y=(0.5,),
                            area=(rng.uniform(0.06, 0.12),)))  # fmt: skip
    return ClipScript(
        name="still",
        length=1,
        size=size,
        backdrop=_sample_backdrop(rng, hue + rng.uniform(60, 300)),
        actors=tuple(actors),
        camera=Camera(shake=0.02),
        shutter=0.5 if rng.random() < 0.1 else 0.0,
        light=(rng.uniform(0.7, 1.15),),
        noise=rng.uniform(1, 6),
    )
