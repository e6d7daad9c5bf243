"""The scripts of the embedded video sets: what happens in each clip.

Lengths, sizes and difficulties are scaled-down readings of the three data sets of the paper.
Every attribute named holds by construction and is checked by a test where it can be measured.
"""

from collections.abc import Mapping
from types import MappingProxyType

from masktrack_core.arrays import Size
from masktrack_core.rendered.scripts import Actor, Camera, ClipScript
from masktrack_core.rendered.textures import Backdrop, Look

_DAVIS, _YOUTUBE, _SEGTRACK = Size(108, 192), Size(144, 192), Size(120, 160)

_MEADOW = Backdrop(
    ground=Look(pattern="fur", hues=(95, 65), saturation=0.5, values=(0.25, 0.6)),
    sky=(210, 0.35, 0.85),
    clutter=35,
)
_REEF = Backdrop(
    ground=Look(pattern="cells", hues=(190, 165), saturation=0.5, values=(0.2, 0.6)),
    stretch=3.0,
    clutter=40,
)
_ROAD = Backdrop(
    ground=Look(pattern="noise", hues=(35, 25), saturation=0.25, values=(0.3, 0.65)),
    stretch=4.0,
    sky=(205, 0.25, 0.9),
    clutter=25,
)
_WORKSHOP = Backdrop(
    ground=Look(pattern="checker", hues=(25, 15), saturation=0.35, values=(0.25, 0.5)),
    clutter=45,
)
_WOOD = Backdrop(
    ground=Look(pattern="fur", hues=(110, 40), saturation=0.45, values=(0.12, 0.5)),
    stretch=0.3,
    clutter=50,
)
_CLIFF = Backdrop(
    ground=Look(pattern="cells", hues=(30, 210), saturation=0.2, values=(0.3, 0.7)),
    sky=(200, 0.4, 0.9),
    horizon=0.55,
    clutter=30,
)
_SAND = Backdrop(
    ground=Look(pattern="noise", hues=(40, 35), saturation=0.45, values=(0.45, 0.8)),
    stretch=2.0,
    clutter=30,
)

_CHESTNUT = Look(pattern="patches", hues=(18, 30), saturation=0.65, values=(0.2, 0.7))
_DARK = Look(pattern="noise", hues=(20, 20), saturation=0.3, values=(0.08, 0.3))
_BARK = Look(pattern="fur", hues=(28, 35), saturation=0.4, values=(0.15, 0.45))
_CLOWN = Look(pattern="stripes", hues=(14, 40), saturation=0.75, values=(0.45, 0.98))
_RED = Look(pattern="noise", hues=(355, 5), saturation=0.8, values=(0.4, 0.9))
_RUST = Look(pattern="spots", hues=(12, 35), saturation=0.45, values=(0.2, 0.65))
_SLATE = Look(pattern="cells", hues=(215, 230), saturation=0.35, values=(0.15, 0.5))
_SWALLOW = Look(pattern="fur", hues=(220, 25), saturation=0.4, values=(0.1, 0.55))
_SILVER = Look(pattern="checker", hues=(210, 200), saturation=0.15, values=(0.5, 0.95))
_BLUE = Look(pattern="stripes", hues=(215, 190), saturation=0.7, values=(0.25, 0.8))
_LIME = Look(pattern="spots", hues=(75, 100), saturation=0.7, values=(0.3, 0.85))
_VIOLET = Look(pattern="spots", hues=(285, 330), saturation=0.5, values=(0.3, 0.85))
_CREAM = Look(pattern="spots", hues=(35, 45), saturation=0.3, values=(0.35, 0.95))

_DAVIS_SET = (
    ClipScript(
        name="gallop",
        length=28,
        size=_DAVIS,
        backdrop=_MEADOW,
        actors=(
            Actor(kind="quadruped", label=1, look=_CHESTNUT, second=_DARK, x=(0.25, 0.52, 0.86),
                  y=(0.52, 0.58, 0.5), area=(0.09, 0.1), period=22),
            Actor(kind="trunk", look=_BARK, x=(0.52,), y=(0.5,), area=(0.13,), period=1e6),
            Actor(kind="trunk", look=_BARK, x=(0.88,), y=(0.45,), area=(0.1,), period=1e6),
        ),
        camera=Camera(x=(0.0, 0.06, 0.3)),
        attributes=("DEF", "HO", "OCC", "SC"),
    ),
    ClipScript(
        name="kite-gust",
        length=26,
        size=_DAVIS,
        backdrop=_CLIFF,
        actors=(
            Actor(kind="kite", label=1, look=_BLUE, second=_RED, x=(0.3, 0.62, 0.75, 0.5),
                  y=(0.4, 0.3, 0.6, 0.66), area=(0.085,), angle=(-40, -10, 20, 50),
                  period=20),
        ),
        camera=Camera(shake=0.01),
        attributes=("CS", "DEF", "FM", "HO", "ROT", "SC"),
    ),
    ClipScript(
        name="reef-twins",
        length=30,
        size=_DAVIS,
        backdrop=_REEF,
        actors=(
            Actor(kind="fish", look=_CLOWN, x=(0.75, 0.5, 0.3), y=(0.25, 0.36, 0.28), mirror=True,
                  area=(0.07,), period=16, shadow=0.15),
            Actor(kind="fish", label=1, look=_CLOWN, x=(0.28, 0.52, 0.74), y=(0.6, 0.5, 0.6),
                  area=(0.095,), angle=(-12, 12, -8), period=19, shadow=0.15),
            Actor(kind="fish", look=_CLOWN, x=(0.75, 0.5, 0.3), y=(0.84, 0.7, 0.86), mirror=True,
                  area=(0.06,), period=15, shadow=0.15),
        ),
        attributes=("DB", "DEF", "OCC"),
        swell=0.035,
    ),
    ClipScript(
        name="rally",
        length=26,
        size=_DAVIS,
        backdrop=_ROAD,
        actors=(
            Actor(kind="car", label=1, look=_RED, second=_DARK, x=(0.28, 0.48, 0.83),
                  y=(0.47, 0.55, 0.6), area=(0.05, 0.09, 0.19), angle=(6, -5, 8, -3),
                  period=10, shadow=0.5),
        ),
        camera=Camera(shake=0.008),
        attributes=("CS", "HO", "MB", "OV", "SV"),
        shutter=0.7,
    ),
    ClipScript(
        name="loose-gear",
        length=24,
        size=_DAVIS,
        backdrop=_WORKSHOP,
        actors=(
            Actor(kind="gear", look=_SLATE, x=(0.8,), y=(0.3,), area=(0.06,),
                  angle=(0, -90)),
            Actor(kind="gear", label=1, look=_RUST, x=(0.27, 0.44, 0.64), y=(0.4, 0.58, 0.54),
                  area=(0.1,), angle=(0, 30, 80)),
        ),
        attributes=("AC", "MB", "ROT", "SC"),
        shutter=0.6,
        light=(1.1, 0.55, 1.0),
    ),
    ClipScript(
        name="swallows",
        length=28,
        size=_DAVIS,
        backdrop=_CLIFF,
        actors=(
            Actor(kind="bird", look=_SWALLOW, x=(0.9, 0.55, 0.25), y=(0.35, 0.2, 0.3),
                  mirror=True, area=(0.028,), period=12),
            Actor(kind="bird", label=1, look=_SWALLOW, x=(0.22, 0.62, 0.97, 0.78),
                  y=(0.66, 0.46, 0.38, 0.6), area=(0.033,), angle=(-15, -25, 10, 40),
                  period=22),
        ),
        attributes=("DEF", "FM", "LR", "OV", "ROT"),
    ),
)  # fmt: skip

_YOUTUBE_SET = (
    ClipScript(
        name="bird-0001-001",
        shot=("bird", "0001", "001"),
        length=31,
        size=_YOUTUBE,
        backdrop=_WOOD,
        actors=(
            Actor(kind="bird", label=1, look=_CREAM, second=_RUST, x=(0.3, 0.48, 0.66),
                  y=(0.42, 0.6, 0.48), area=(0.08, 0.07), angle=(10, -20, 5), period=18),
            Actor(kind="trunk", look=_BARK, x=(0.6,), y=(0.5,), area=(0.06,), period=1e6),
        ),
        attributes=("DEF", "OCC"),
    ),
    ClipScript(
        name="car-0001-001",
        shot=("car", "0001", "001"),
        length=31,
        size=_YOUTUBE,
        backdrop=_MEADOW,
        actors=(
            Actor(kind="car", label=1, look=_SILVER, second=_DARK, x=(0.35, 0.5, 0.66),
                  y=(0.45, 0.56, 0.6), area=(0.06, 0.16), angle=(8, -4, 6), period=14,
                  mirror=True, shadow=0.5),
        ),
        camera=Camera(x=(0.0, 0.12)),
        attributes=("HO", "SV"),
    ),
    ClipScript(
        name="cow-0001-001",
        shot=("cow", "0001", "001"),
        length=31,
        size=_YOUTUBE,
        backdrop=_ROAD,
        actors=(
            Actor(kind="cow", look=_CREAM, second=_DARK, x=(0.85, 0.6), y=(0.4,),
                  area=(0.055,), period=20, mirror=True),
            Actor(kind="cow", label=1, look=_CREAM, second=_DARK, x=(0.72, 0.48, 0.26),
                  y=(0.6, 0.57, 0.62), area=(0.095, 0.115), period=19, mirror=True),
            Actor(kind="fence", look=_BARK, x=(0.3,), y=(0.84,), area=(0.09,), period=1e6),
        ),
        attributes=("DEF", "HO", "OCC"),
    ),
)  # fmt: skip

_SEGTRACK_SET = (
    ClipScript(
        name="dancers",
        length=24,
        size=_SEGTRACK,
        backdrop=_WORKSHOP,
        actors=(
            Actor(kind="walker", label=2, look=_LIME, second=_CREAM, x=(0.7, 0.5, 0.3),
                  y=(0.52, 0.48), area=(0.085,), period=23, mirror=True),
            Actor(kind="walker", label=1, look=_BLUE, second=_RED, x=(0.28, 0.48, 0.7),
                  y=(0.5, 0.56), area=(0.09,), period=22),
        ),
        attributes=("DEF", "HO", "IO", "OCC"),
    ),
    ClipScript(
        name="squid_spider",
        length=22,
        size=_SEGTRACK,
        backdrop=_REEF,
        actors=(
            Actor(kind="octopus", label=1, look=_VIOLET, second=_RED, x=(0.3, 0.44, 0.6),
                  y=(0.4, 0.5, 0.42), area=(0.1, 0.12), angle=(10, 30, 50), period=20),
            Actor(kind="spider", label=2, look=_SLATE, second=_CREAM, x=(0.75, 0.6, 0.5),
                  y=(0.72, 0.62, 0.7), area=(0.085,), angle=(190, 210, 180), period=17),
        ),
        attributes=("DEF", "IO", "OCC", "SC"),
        swell=0.02,
    ),
    ClipScript(
        name="sidewinder",
        length=20,
        size=_SEGTRACK,
        backdrop=_SAND,
        actors=(
            Actor(kind="snake", label=1, look=_RUST, x=(0.4, 0.58), y=(0.42, 0.58),
                  area=(0.075,), angle=(-15, 15), period=24),
        ),
        attributes=("DEF", "SC"),
    ),
)  # fmt: skip

VIDEO_SETS: Mapping[str, tuple[ClipScript, ...]] = MappingProxyType(
    {"davis": _DAVIS_SET, "youtube_objects": _YOUTUBE_SET, "segtrack_v2": _SEGTRACK_SET}
)
"""The embedded clips by layout."""
