"""Where the files of each data set lie: one row of path patterns a data set.

``{sequence}``, ``{object}``, ``{frame}`` and ``{name}`` stand for what they say; ``{number}`` for a
frame number, compared as a number, so that ``frame0001.jpg`` meets ``00001.jpg``. See
`masktrack_core.datasets.patterns`.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

from masktrack_core.datasets.object_masks import MaskValues
from masktrack_core.datasets.patterns import check_pattern, match_pattern, placeholders
from masktrack_core.errors import InputError

Encoding: TypeAlias = Literal["binary", "labels", "objects", "palette", "bright", "resized", "coco"]
"""How a truth file is read: ``binary``, one object; ``labels``, an id a pixel; ``objects``, ids or
one object, as a file says and no other way (`object_masks.read_objects`); ``palette``, ids by the
colours of DAVIS' palette, or the greys they became; ``bright``, one object where the values are
above half of the largest; ``resized``, above 127 and perhaps stored at another size than its frame;
``coco``, one JSON for many frames."""
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

#: The encodings in which a truth file has ids.
NUMBERED: frozenset[str] = frozenset({"labels", "objects", "palette"})

#: What an encoding says of the values of a truth file: nothing, where the file must say it itself.
VALUES: Mapping[str, MaskValues | None] = {
    "binary": None,
    "labels": "labels",
    "objects": None,
    "palette": "palette",
    "bright": "binary",
}


@dataclass(frozen=True, kw_only=True)
class VideoLayout:
    """Where frames and truth of a video data set lie. Raises `InputError` for unusable patterns."""

    #: Pattern of the frames, with ``{frame}`` or ``{number}``; ``*.jpg`` is short for the former.
    frames: str
    #: Patterns of the truth; for each object the first that has files counts. Empty: no truth.
    truth: str | tuple[str, ...] = ()
    encoding: Encoding = "binary"
    #: Whether only some frames have a truth, by design of the data set.
    sparse: bool = False
    #: How the placeholders of the folders make the name of a sequence, which has no ``/``.
    sequence: str = "{sequence}"
    #: A JSON file that lists objects and their first frames, used where it is there; empty: none.
    meta: str = ""
    #: Patterns of the text files that list the sequences of a ``{split}``; the first there counts.
    lists: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the patterns against each other."""
        check_pattern(self.meta, set())
        for pattern in self.split_lists:
            check_pattern(pattern, {"split"})
        known = {"object", *placeholders(self.sequence)}
        frame = {"frame", "number"} & placeholders(self.frame_pattern)
        for pattern in (self.frame_pattern, *self.truths):
            check_pattern(pattern, known | frame)
        if len(frame) != 1 or self.encoding not in ENCODINGS:
            raise InputError(
                f"layout: expected {{frame}} or {{number}} in frames and an encoding of "
                f"{', '.join(ENCODINGS)}, got {self.frames!r} and {self.encoding!r}; correct the "
                "layout"
            )
        named = set().union(*map(placeholders, self.truths))
        if self.encoding == "coco" and (named & {*frame, "object"} or len(self.truths) != 1):
            raise InputError(
                "layout.truth: expected one pattern of a JSON file for encoding coco, which holds "
                f"all frames and objects, got {self.truths}; leave out {{frame}} and {{object}}"
            )

    @property
    def frame_pattern(self) -> str:
        """Return the pattern of the frames with ``*.`` written out as ``{frame}.``."""
        return re.sub(r"\*(?=\.[^/]*$)", "{frame}", self.frames)

    @property
    def truths(self) -> tuple[str, ...]:
        """Return the patterns of the truth."""
        return (self.truth,) if isinstance(self.truth, str) else tuple(self.truth)

    @property
    def split_lists(self) -> tuple[str, ...]:
        """Return the patterns of the lists of a split."""
        return (self.lists,) if isinstance(self.lists, str) else tuple(self.lists)

    def fields(self, sequence: str) -> dict[str, str]:
        """Return the placeholders' values of a sequence; raise `InputError` for a wrong name."""
        fields = match_pattern(self.sequence, sequence, {})
        if fields is None or sequence in (".", ".."):
            raise InputError(
                f"sequence: expected a name like {self.sequence}, got {sequence!r}; see "
                "list_sequences for the names on disk"
            )
        return fields


@dataclass(frozen=True, kw_only=True)
class StillLayout:
    """Where pictures and saliency masks of a still data set lie, both with ``{name}``."""

    images: str
    masks: str

    def __post_init__(self) -> None:
        """Check the patterns."""
        for pattern in (self.images, self.masks):
            check_pattern(pattern, {"name"})


#: A root is one split: the folder `train` or `valid` of YouTube-VOS, MOSE and LVOS.
_VIDEOS = VideoLayout(
    frames="JPEGImages/{sequence}/{frame}.*",
    truth="Annotations/{sequence}/{frame}.png",
    encoding="labels",
    sparse=True,
    meta="meta.json",
)

VIDEO_LAYOUTS: Mapping[str, VideoLayout] = {
    "davis": VideoLayout(
        frames="JPEGImages/480p/{sequence}/{frame}.jpg",
        truth="Annotations/480p/{sequence}/{frame}.png",
        lists=("ImageSets/480p/{split}.txt", "ImageSets/2016/{split}.txt"),
    ),
    "davis2017": VideoLayout(
        frames="JPEGImages/480p/{sequence}/{frame}.jpg",
        truth="Annotations/480p/{sequence}/{frame}.png",
        encoding="labels",
        lists="ImageSets/2017/{split}.txt",
    ),
    # Objects appear and leave; a truth on every fifth frame, or of the objects that appear there.
    "youtube_vos": _VIDEOS,
    # The same places, a truth on every frame.
    "mose": replace(_VIDEOS, sparse=False),
    "lvos": replace(_VIDEOS, sparse=False),
    # Truth of Jain and Grauman: every tenth frame, a JPEG, often at another size than the frame.
    "youtube_objects": VideoLayout(
        sequence="{class}-{video}-{shot}",
        frames="youtube_masks/{class}/data/{video}/shots/{shot}/images/frame{number}.*",
        truth="youtube_masks/{class}/data/{video}/shots/{shot}/labels/{number}.jpg",
        encoding="resized",
        sparse=True,
    ),
    # A folder an object where there are several, bmp and png mixed.
    "segtrack_v2": VideoLayout(
        frames="JPEGImages/{sequence}/{frame}.*",
        truth=(
            "GroundTruth/{sequence}/{object}/{frame}.*",
            "GroundTruth/{sequence}/{frame}.*",
        ),
    ),
}

STILL_LAYOUTS: Mapping[str, StillLayout] = {
    "ecssd": StillLayout(images="images/{name}.jpg", masks="ground_truth_mask/{name}.png"),
    "sod": StillLayout(images="Imgs/{name}.jpg", masks="GT/{name}.png"),
    "pascal_s": StillLayout(images="Imgs/{name}.jpg", masks="GT/{name}.png"),
    # As in the owners' archive, salObj.zip, which holds four other sets beside it.
    "salobj": StillLayout(
        images="datasets/imgs/pascal/{name}.jpg", masks="datasets/masks/pascal/{name}.png"
    ),
    "msra10k": StillLayout(images="Imgs/{name}.jpg", masks="Imgs/{name}.png"),
}


def video_layout(layout: VideoLayout | Mapping[str, Any] | str) -> VideoLayout:
    """Return a layout by its name, by its patterns, or as given.

    Raises `InputError` for an unknown name or key.
    """
    if isinstance(layout, VideoLayout):
        return layout
    if isinstance(layout, Mapping):
        return VideoLayout(**_checked_keys(layout, VideoLayout))
    if layout not in VIDEO_LAYOUTS:
        raise _unknown(layout, VIDEO_LAYOUTS)
    return VIDEO_LAYOUTS[layout]


def valued_layout(
    layout: VideoLayout, values: MaskValues | None, *, is_found: bool = False
) -> VideoLayout:
    """Return a layout whose truth has the values that a person says; as it is, where none.

    ``is_found``: nobody named the layout, so that its labels are what each file can only mean.
    """
    said: dict[MaskValues, Encoding]
    said = {"labels": "labels", "palette": "palette", "binary": "bright"}
    if values is None and is_found and layout.encoding == "labels":
        return replace(layout, encoding="objects")
    if values is None or layout.encoding not in VALUES:
        return layout
    return replace(layout, encoding=said[values])


def still_layout(layout: StillLayout | Mapping[str, Any] | str) -> StillLayout:
    """Return a layout by its name, by its patterns, or as given.

    Raises `InputError` for an unknown name or key.
    """
    if isinstance(layout, StillLayout):
        return layout
    if isinstance(layout, Mapping):
        return StillLayout(**_checked_keys(layout, StillLayout))
    if layout not in STILL_LAYOUTS:
        raise _unknown(layout, STILL_LAYOUTS)
    return STILL_LAYOUTS[layout]


def _checked_keys(layout: Mapping[str, Any], kind: type) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not needed <= layout.keys() <= known:
        raise InputError(
            f"layout: expected the keys {sorted(needed)} and perhaps {sorted(known - needed)}, got "
            f"{sorted(layout)}; correct the layout"
        )
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in layout.items()
    }


def _unknown(layout: str, layouts: Mapping[str, object]) -> InputError:
    return InputError(
        f"layout: unknown name {layout!r}; known are {sorted(layouts)}, or give patterns instead"
    )


def first_pattern(layout: Mapping[str, Any] | str) -> str:
    """Return the pattern of the frames of a video layout, or of the pictures of a still layout.

    Raises `InputError` for an unknown layout.
    """
    is_still = "images" in layout if isinstance(layout, Mapping) else layout in STILL_LAYOUTS
    if is_still:
        return still_layout(layout).images
    return video_layout(layout).frame_pattern
