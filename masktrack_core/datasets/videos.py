"""An indexed sequence, opened: its frames and the truth of one object, read lazily."""

import logging
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import pandas as pd

from masktrack_core.arrays import Frame, Mask, Size
from masktrack_core.datasets.object_masks import SequenceKind
from masktrack_core.datasets.patterns import PICTURE_SUFFIXES, natural_key
from masktrack_core.datasets.protocol import After, Before, scored_frames
from masktrack_core.datasets.truth_files import read_truth
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import read_size
from masktrack_core.files.io import grey_range, read_frame
from masktrack_core.masks.elementary import is_off_by_rounding, resized_mask
from masktrack_core.tables import INDEX, check_columns

_log = logging.getLogger(__name__)

#: Relative difference allowed between the two scales of a truth stored at another size: video
#: encoders round heights and widths to a few pixels.
_ASPECT_TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Video:
    """One object of one sequence; pictures are read when they are asked for."""

    frame_names: tuple[str, ...]
    frame_paths: tuple[Path, ...]
    #: None for frames without truth.
    truth_paths: tuple[Path | None, ...]
    object_id: int
    encoding: str
    #: Of frame 0, and so of every frame and truth.
    size: Size
    #: Frame in which the object first appears; it is tracked and scored from there.
    first: int = 0
    #: Whether truths have ids, in all that were read.
    _kind: SequenceKind = field(default_factory=SequenceKind, repr=False, compare=False)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frame_paths)

    def frame(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` for damage and for another size than frame 0."""
        frame = read_frame(self.frame_paths[t], deep=self._deep)
        if frame.shape[:2] != self.size:
            raise InputError(
                f"{self.frame_paths[t]}: expected the size of frame 0, {tuple(self.size)}, got "
                f"{frame.shape[:2]}; a sequence has one size: convert the frames again"
            )
        return frame

    @cached_property
    def _deep(self) -> tuple[int, int]:
        """Return the range of 16-bit greys over all frames: one for a sequence, or it flickers."""
        return grey_range(self.frame_paths)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``, as `frame`: a video can be propagated over."""
        return self.frame(t)

    def counted(self, skip: Collection[str], *, before: Before, after: After = "counted") -> range:
        """Return the frames that a data set scores, by the rules of `datasets.protocol`.

        Raises `InputError` where there are none.
        """
        start = self.first if before == "skipped" else 0
        length = len(self)
        if after == "skipped":
            length = 1 + max((t for t in range(length) if self.has_truth(t)), default=-1)
        return range(len(self))[scored_frames(length, skip, start=start)]

    def has_truth(self, t: int) -> bool:
        """Return whether frame ``t`` has a truth."""
        return self.truth_paths[t] is not None

    def truth(self, t: int) -> Mask | None:
        """Return the truth of frame ``t``, of the frame's size; None where there is none.

        Raises `InputError` for a missing or damaged file and for a size that does not fit.
        """
        path = self.truth_paths[t]
        if path is None:
            return None
        frame = self.frame_paths[t]
        mask = read_truth(path, self.encoding, self.object_id, frame=frame, kind=self._kind)
        return mask if mask.shape == self.size else self._resized(mask, path)

    def _resized(self, mask: Mask, path: Path) -> Mask:
        # Results are as large as the frames, so the truth follows them, not they the truth.
        if self.encoding != "resized" and is_off_by_rounding(mask, self.size):
            _say_resized(path, mask.shape, self.size)
            return resized_mask(mask, self.size)
        down, across = mask.shape[0] / self.size.height, mask.shape[1] / self.size.width
        if self.encoding != "resized" or abs(down / across - 1) > _ASPECT_TOLERANCE:
            raise InputError(
                f"{path}: expected the size of its frame, {tuple(self.size)}, got {mask.shape}; "
                "store the truth at the size of the frames"
            )
        return resized_mask(mask, self.size)


@cache
def _say_resized(path: Path, given: tuple[int, ...], size: Size) -> None:
    """Log once for a file, however often it is read."""
    _log.warning("%s: %s, resized to the frame's %s", path, given, tuple(size))


@dataclass(frozen=True, kw_only=True)
class VideoTruth:
    """The truth of an opened video by the names of its frames."""

    video: Video

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Return the file of each frame that has a truth, in order."""
        pairs = zip(self.video.frame_names, self.video.truth_paths, strict=True)
        return {name: path for name, path in pairs if path is not None}

    def read(self, name: str) -> Mask:
        """Return the truth of a frame; raise `InputError` as `Video.truth` does."""
        mask = self.video.truth(self.video.frame_names.index(name))
        if mask is None:
            raise InputError(f"frame {name}: expected a truth, got none")
        return mask


def open_video(index: pd.DataFrame, object_id: int) -> Video:
    """Return one object of an indexed sequence; of its files only frame 0's header is read.

    Raises `InputError` for an object that the index does not have, missing rows, an unreadable
    frame 0.
    """
    index = check_columns(index, INDEX, where="index")
    rows = index[index["object"] == object_id].sort_values("t")
    if rows.empty or rows["t"].tolist() != list(range(len(rows))):
        raise InputError(
            f"index: expected rows t = 0, 1, … for object {object_id}, got {len(rows)} rows and "
            f"objects {sorted(set(index['object']))}; choose one of these or index again"
        )
    paths = tuple(Path(path) for path in rows["frame_path"])
    return Video(
        frame_names=tuple(rows["frame"]),
        frame_paths=paths,
        truth_paths=tuple(Path(path) if path else None for path in rows["truth_path"]),
        object_id=object_id,
        encoding=rows["encoding"].iloc[0],
        first=int(rows["first"].iloc[0]),
        size=read_size(paths[0]),
    )


@dataclass(frozen=True)
class FrameFolder:
    """The frames of a folder in natural order of their names, read when they are asked for."""

    folder: Path

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """Return the frames' files; hidden ones are passed over.

        So are pictures without a number among pictures with one (``mask.png``), which is logged.
        Raises `InputError` for a folder without pictures, for two of one name, and for several
        kinds of names: which are the frames?
        """
        files = [path for path in Path(self.folder).glob("*.*") if not path.name.startswith(".")]
        found = [path for path in files if path.suffix.lower().lstrip(".") in PICTURE_SUFFIXES]
        if not found:
            raise InputError(
                f"{self.folder}: expected a folder of frames ({', '.join(PICTURE_SUFFIXES[:4])}, "
                "…), got none; check the path"
            )
        ordered = sorted(found, key=lambda path: natural_key(path.name))
        for path, after in pairwise(ordered):
            if path.stem == after.stem:
                raise InputError(
                    f"{path}: expected one file a frame, got {after.name} too; remove one of them"
                )
        return tuple(_frames_among(Path(self.folder), ordered))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names, their files' stems."""
        return tuple(path.stem for path in self.paths)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.paths)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` for a damaged file."""
        return read_frame(self.paths[t], deep=self._deep)

    @cached_property
    def _deep(self) -> tuple[int, int]:
        """Return the range of 16-bit greys over all frames: one for a sequence, or it flickers."""
        return grey_range(self.paths)


def _frames_among(folder: Path, pictures: list[Path]) -> list[Path]:
    """Return the pictures of a folder that are frames: named alike, but for a number."""
    kinds: dict[tuple[str, str], list[Path]] = {}
    for path in pictures:
        suffix = path.suffix.lower().replace("jpeg", "jpg").replace("tiff", "tif")
        kinds.setdefault((re.sub("[0-9]+", "0", path.stem), suffix), []).append(path)
    numbered = [paths for (stem, _), paths in kinds.items() if "0" in stem]
    if len(numbered) > 1:
        some = ", ".join(f"{len(paths)} like {paths[0].name}" for paths in numbered[:3])
        raise InputError(
            f"{folder}: expected frames that are named alike but for a number, got {some}; move "
            "what is no frame elsewhere"
        )
    if not numbered:
        return pictures
    frames = set(numbered[0])
    others = [path.name for path in pictures if path not in frames]
    if others:
        _log.warning(
            "%s: %s left out: a frame has a number like %s",
            folder,
            ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else ""),
            numbered[0][0].name,
        )
    return numbered[0]


def annotated_masks(video: Video, times: Iterable[int]) -> dict[int, Mask]:
    """Return what a user would give: the truth of the frames ``times``, by frame number.

    A truth is complete by nature: one without the object gives an empty mask, "not here". Frames
    without truth are left out. Raises `InputError` where the object is nowhere.
    """
    truths = {t: video.truth(t) for t in times}
    masks = {t: truth for t, truth in truths.items() if truth is not None}
    if not any(mask.any() for mask in masks.values()):
        came = "a truth without the object" if masks else "no truth"
        raise InputError(
            f"{video.truth_paths[0] or video.frame_paths[0]}: expected object {video.object_id} in "
            f"the truth of some frame, got {came} in the first, and it in no other; leave the "
            "sequence out with `only`"
        )
    return masks


def given_times(index: pd.DataFrame, object_id: int, times: Iterable[int]) -> list[int]:
    """Return the frames that a user would give of an object: ``times``, and its first.

    Also earlier frames that are the first of other objects: whoever draws those sees that this one
    is not there yet.
    """
    firsts = dict(zip(index["object"], index["first"], strict=True))
    earlier = [first for first in firsts.values() if first < firsts[object_id]]
    return sorted({*times, firsts[object_id], *earlier})


def check_video(index: pd.DataFrame) -> list[str]:
    """Return everything wrong with an indexed sequence, a sentence each; empty when sound.

    Reads every frame once, and the truth of every object.
    """
    try:
        videos = [open_video(index, number) for number in sorted(set(index["object"]))]
    except InputError as error:
        return [str(error)]
    problems = _damage(videos[0].frame, len(videos[0]))
    for video in videos:
        problems += _check_truth(video)
    return list(dict.fromkeys(problems))


def _check_truth(video: Video) -> list[str]:
    """Return everything wrong with the truth of one object."""
    areas: dict[int, int] = {}

    def measure(t: int) -> None:
        truth = video.truth(t)
        areas[t] = 0 if truth is None else int(truth.sum())

    problems = _damage(measure, len(video))
    if not any(areas.values()):
        problems.append(
            f"object {video.object_id}: expected its truth in some frame, got none in "
            f"{len(video)} frames; check the object id, or the layout's encoding"
        )
    return problems


def _damage(read: Callable[[int], object], length: int) -> list[str]:
    """Return what reading each frame raises."""
    problems = []
    for t in range(length):
        try:
            read(t)
        except InputError as error:
            problems.append(str(error))
    return problems
