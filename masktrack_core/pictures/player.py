"""The pictures of the page's player: frames once, truths and results as transparent layers.

The browser lays them over each other, so that any two methods stand side by side and a frame is on
disk once. Files are named by the frame's number: ``frame/12.webp``, ``truth/12.webp``, and a folder
a method.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from masktrack_core.arrays import Mask, Size
from masktrack_core.datasets.videos import Video
from masktrack_core.files.io import atomic_folder, read_mask
from masktrack_core.pictures.overlays import OBJECTS, TRUTH, Colour, enlarge, layer, webp_bytes

#: Frames below this width grow by a whole factor: an outline of three pixels is thin beside them.
SMALLEST = 480


def shown_times(length: int, limit: int) -> range:
    """Return the frames that the player shows: every k-th, ``limit`` at most, 0 among them."""
    return range(0, length, max(-(-length // limit), 1)) if limit else range(0)


def shown_size(size: Size, largest: int) -> Size:
    """Return the size at which frames are shown: theirs, but ``largest`` pixels across at most.

    Small frames grow by a whole factor to `SMALLEST`.
    """
    width = min(size.width * -(-min(SMALLEST, largest) // size.width), largest)
    return Size(max(round(size.height * width / size.width / 2) * 2, 2), width)


def write_player(
    folder: Path,
    videos: Sequence[Video],
    methods: Mapping[str, Sequence[Path]],
    times: Sequence[int],
    *,
    largest: int,
    quality: int,
) -> None:
    """Write frames, truths and results of one sequence as WebP, all or none.

    ``videos`` are the objects of the sequence, ``methods`` the folders of masks of each by the
    name of the method's folder. Layers are lossless; ``quality`` is that of frames. A frame of
    which no mask is there gets no layer.
    """
    width = shown_size(videos[0].size, largest).width
    with atomic_folder(folder) as temporary:
        for name in ("frame", "truth", *methods):
            (temporary / name).mkdir()
        for t in times:
            masks = _masks(videos, methods, t)
            every = [mask for layers in masks.values() for mask in layers.values()]
            frame, resized = enlarge(videos[0].frame(t), every, width=width)
            (temporary / f"frame/{t}.webp").write_bytes(webp_bytes(frame, quality=quality))
            grown = iter(resized)
            for name, layers in masks.items():
                if layers:
                    colours = [colour_of(name, number) for number in layers]
                    drawn = layer(Size(*frame.shape[:2]), [next(grown) for _ in layers], colours)
                    (temporary / name / f"{t}.webp").write_bytes(webp_bytes(drawn))


def colour_of(name: str, number: int) -> Colour:
    """Return the colour of an object, by its place in the sequence, in a layer."""
    return TRUTH if name == "truth" else OBJECTS[number % len(OBJECTS)]


def _masks(
    videos: Sequence[Video], methods: Mapping[str, Sequence[Path]], t: int
) -> dict[str, dict[int, Mask]]:
    """Return layer → place of the object → its mask, of what is there at a frame."""
    truths = {n: truth for n, video in enumerate(videos) if (truth := video.truth(t)) is not None}
    stem = videos[0].frame_names[t]
    found = {
        method: {n: folder / f"{stem}.png" for n, folder in enumerate(folders)}
        for method, folders in methods.items()
    }
    return {"truth": truths} | {
        method: {n: read_mask(file) for n, file in files.items() if file.exists()}
        for method, files in found.items()
    }
