"""Where the files of each data set lie: path patterns with placeholders, one row a data set.

A pattern is a path below the root of the data set. ``{sequence}``, ``{object}``, ``{frame}``,
``{name}`` stand for any text without ``/``; ``{number}`` for a frame number, compared as a number,
so that ``frame0001.jpg`` meets ``00001.jpg``; the suffix ``.*`` for any picture.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Literal, TypeAlias

from masktrack_core.errors import InputError

Encoding: TypeAlias = Literal["binary", "labels", "resized"]
"""How a truth file is read: ``binary``, one object; ``labels``, an id a pixel; ``resized``, binary
and perhaps stored at another size than its frame."""

PICTURE_SUFFIXES = ("jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "ppm", "pgm")

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
#: What a placeholder stands for where it is not any text.
_VALUES = {"number": "[0-9]+", "object": "[1-9][0-9]*"}


def _check_pattern(pattern: str, allowed: set[str]) -> None:
    unknown = set(_PLACEHOLDER.findall(pattern)) - allowed
    rest = _PLACEHOLDER.sub("", pattern.removesuffix(".*"))
    if unknown or pattern.startswith("/") or ".." in pattern.split("/") or set(rest) & set("{}*?["):
        raise InputError(
            f"layout: expected a path below the root with placeholders among {sorted(allowed)}, "
            f"got {pattern!r}; correct the pattern"
        )


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

    def __post_init__(self) -> None:
        """Check the patterns against each other."""
        known = {"object", *_PLACEHOLDER.findall(self.sequence)}
        frame = {"frame", "number"} & set(_PLACEHOLDER.findall(self.frame_pattern))
        for pattern in (self.frame_pattern, *self.truths):
            _check_pattern(pattern, known | frame)
        if len(frame) != 1 or self.encoding not in ("binary", "labels", "resized"):
            raise InputError(
                f"layout: expected {{frame}} or {{number}} in frames and an encoding binary, "
                f"labels or resized, got {self.frames!r} and {self.encoding!r}; correct the layout"
            )

    @property
    def frame_pattern(self) -> str:
        """Return the pattern of the frames with ``*.`` written out as ``{frame}.``."""
        return re.sub(r"\*(?=\.[^/]*$)", "{frame}", self.frames)

    @property
    def truths(self) -> tuple[str, ...]:
        """Return the patterns of the truth."""
        return (self.truth,) if isinstance(self.truth, str) else tuple(self.truth)

    def fields(self, sequence: str) -> dict[str, str]:
        """Return the placeholders' values of a sequence; raise `InputError` for a wrong name."""
        match = re.fullmatch(_regex(self.sequence, {}), sequence)
        if match is None or sequence in (".", ".."):
            raise InputError(
                f"sequence: expected a name like {self.sequence}, got {sequence!r}; see "
                "list_sequences for the names on disk"
            )
        return match.groupdict()


@dataclass(frozen=True, kw_only=True)
class StillLayout:
    """Where pictures and saliency masks of a still data set lie, both with ``{name}``."""

    images: str
    masks: str

    def __post_init__(self) -> None:
        """Check the patterns."""
        for pattern in (self.images, self.masks):
            _check_pattern(pattern, {"name"})


VIDEO_LAYOUTS: Mapping[str, VideoLayout] = {
    "davis": VideoLayout(
        frames="JPEGImages/480p/{sequence}/{frame}.jpg",
        truth="Annotations/480p/{sequence}/{frame}.png",
    ),
    "davis2017": VideoLayout(
        frames="JPEGImages/480p/{sequence}/{frame}.jpg",
        truth="Annotations/480p/{sequence}/{frame}.png",
        encoding="labels",
    ),
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
    "msra10k": StillLayout(images="Imgs/{name}.jpg", masks="Imgs/{name}.png"),
}


def video_layout(layout: VideoLayout | str) -> VideoLayout:
    """Return a layout by its name, or as given; raise `InputError` for an unknown name."""
    if isinstance(layout, VideoLayout):
        return layout
    if layout not in VIDEO_LAYOUTS:
        raise _unknown(layout, VIDEO_LAYOUTS)
    return VIDEO_LAYOUTS[layout]


def still_layout(layout: StillLayout | str) -> StillLayout:
    """Return a layout by its name, or as given; raise `InputError` for an unknown name."""
    if isinstance(layout, StillLayout):
        return layout
    if layout not in STILL_LAYOUTS:
        raise _unknown(layout, STILL_LAYOUTS)
    return STILL_LAYOUTS[layout]


def find_files(
    root: Path, pattern: str, fields: Mapping[str, str]
) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give each file of a pattern, with the values of the placeholders that were free.

    ``fields`` holds the values known beforehand. Hidden files are passed over (macOS leaves
    ``._00001.jpg`` beside ``00001.jpg``). The order is that of the names. Raises `InputError` when
    ``root`` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: expected the root folder of a data set, got no such folder; download the "
            "data set or correct its root"
        )
    known = {name: escape(value) for name, value in fields.items()}
    wildcards = _PLACEHOLDER.sub(lambda free: known.get(free[1], "*"), pattern)
    regex = re.compile(_regex(pattern, fields))
    for path in sorted(root.glob(wildcards)):
        match = regex.fullmatch(path.relative_to(root).as_posix())
        if match and not path.name.startswith(".") and path.is_file():
            yield path, match.groupdict()


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key under which frame 2 comes before frame 10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((int(part) if i % 2 else 0, part) for i, part in enumerate(parts))


def _regex(pattern: str, fields: Mapping[str, str]) -> str:
    """Return the regular expression of a pattern, known placeholders filled in."""
    stem, any_suffix = pattern.removesuffix(".*"), pattern.endswith(".*")
    seen: set[str] = set()
    regex = ""
    for position, part in enumerate(_PLACEHOLDER.split(stem)):
        if position % 2 == 0:
            regex += re.escape(part)
        elif part in fields:
            regex += re.escape(fields[part])
        elif part in seen:
            regex += f"(?P={part})"
        else:
            regex += f"(?P<{part}>{_VALUES.get(part, '[^/]+')})"
            seen.add(part)
    return regex + (rf"\.(?i:{'|'.join(PICTURE_SUFFIXES)})" if any_suffix else "")


def _unknown(layout: str, layouts: Mapping[str, object]) -> InputError:
    return InputError(
        f"layout: unknown name {layout!r}; known are {sorted(layouts)}, or give patterns instead"
    )
