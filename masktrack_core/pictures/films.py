"""A clip with its masks drawn over it, frame by frame."""

from collections.abc import Iterator
from pathlib import Path

from masktrack_core.arrays import Frame
from masktrack_core.datasets.object_masks import MaskValues, read_objects
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.pictures.overlays import OBJECTS, overlay


def overlay_clip(
    clip: Clip, masks: Path, *, tint: float = 0.3, values: MaskValues | None = None
) -> Iterator[Frame]:
    """Yield the frames of a clip with the masks of a folder over them, found by name.

    An object keeps its colour; frames without a mask stay as they are. Raises `InputError` where
    no mask has a frame's name.
    """
    paths = {path.stem: path for path in Path(masks).glob("[!.]*.png")}
    if not paths.keys() & set(clip.names):
        raise InputError(
            f"{masks}: expected masks named like the frames, such as {clip.names[0]}.png, got "
            f"{sorted(paths)[:3] or 'no PNG'}; give the folder of this clip's masks"
        )
    for t, name in enumerate(clip.names):
        objects = read_objects(paths[name], values) if name in paths else {}
        try:
            colours = [OBJECTS[(label - 1) % len(OBJECTS)] for label in objects]
            yield overlay(clip[t], [*objects.values()], colours, tint=tint)
        except InputError as error:
            raise InputError(f"{paths.get(name, name)}: {error}") from error
