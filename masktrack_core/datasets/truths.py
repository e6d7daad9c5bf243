"""The truth that masks are scored against: folders of masks, or a data set in its layout.

Objects belong to the sequence: they are the union over its truth, each with a first frame.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from masktrack_core.arrays import Size
from masktrack_core.datasets.index import index_video, layout_of, list_sequences
from masktrack_core.datasets.layouts import (
    NUMBERED,
    VIDEO_LAYOUTS,
    VideoLayout,
    valued_layout,
    video_layout,
)
from masktrack_core.datasets.mask_folders import (
    FoundObjects,
    MaskFiles,
    annotations_folder,
    find_masks,
    find_objects,
    find_sequences,
    frames_beside,
    is_one_sequence,
)
from masktrack_core.datasets.object_masks import MaskValues
from masktrack_core.datasets.patterns import natural_key
from masktrack_core.datasets.videos import VideoTruth, open_video
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import read_size


@dataclass(frozen=True, kw_only=True)
class TrueObject:
    """One object of one sequence, and where its truth is."""

    #: Object id; None for masks of one object.
    number: int | None
    #: What names the frames with a true mask, ``paths``, and reads one, ``read``.
    files: MaskFiles | VideoTruth
    #: Names of all frames of the sequence, in order; not all need have a truth.
    frames: tuple[str, ...]
    #: Position among them of the frame in which the object first appears.
    first: int
    #: Of the frames, where they lie beside the masks.
    size: Size | None = None


@dataclass(frozen=True, kw_only=True)
class FolderTruth:
    """A truth of masks in folders, and the frames beside it where its root has them."""

    root: Path
    #: Whether only some frames have a truth.
    sparse: bool
    #: Names of sequences that the result has, where folders could be sequences or objects.
    expected: tuple[str, ...] = ()
    #: What the values of the files are, where a person says it.
    values: MaskValues | None = None

    @cached_property
    def folders(self) -> dict[str, Path]:
        """Return the folder of each sequence."""
        return find_sequences(self.root, self.expected)

    @property
    def sequences(self) -> tuple[str, ...]:
        """Return the names of the sequences, in order."""
        return tuple(self.folders)

    @property
    def is_one_sequence(self) -> bool:
        """Return whether the root is the folder of one sequence, whose name is not told."""
        return is_one_sequence(self.folders, self.root)

    def objects_of(
        self, sequence: str, asked: int | str | None, *, masks: Collection[str]
    ) -> list[TrueObject]:
        """Return the objects of a sequence that are asked for; empty where it lacks the one asked.

        ``asked`` is an object id, ``"all"``, or None for masks of one object, which ``"all"`` takes
        for what they are too. ``masks`` are the
        frames that the result has: with them a sparse truth knows how long the sequence is. Raises
        `InputError` where the truth holds no object at all, and a line for each unreadable file.
        """
        folder = self.folders[sequence]
        found = FoundObjects() if asked is None else find_objects(folder, values=self.values)
        if found.problems:
            raise InputError("\n".join(found.problems))
        if asked is None or (asked == "all" and found.is_binary):
            files = find_masks(folder, values=self.values)
            frames = self._frames(folder, [files], masks)
            first = _first(sequence, files, frames)
            size = _size_beside(self.root, folder)
            return [TrueObject(number=None, files=files, frames=frames, first=first, size=size)]
        if not found.first:
            raise _without_ids(sequence, asked, is_binary=found.is_binary)
        each = {n: find_masks(folder, n, values=self.values) for n in found.first}
        frames = self._frames(folder, list(each.values()), masks)
        size = _size_beside(self.root, folder)
        return [
            TrueObject(
                number=n, files=files, frames=frames, first=frames.index(found.first[n]), size=size
            )
            for n, files in each.items()
            if asked in ("all", n)
        ]

    def _frames(
        self, folder: Path, objects: Sequence[MaskFiles], masks: Collection[str]
    ) -> tuple[str, ...]:
        """Return all frames of a sequence: those with truth, and those that a sparse one lacks."""
        beside = frames_beside(self.root, folder)
        is_youtube_vos = folder.parent == self.root / "Annotations" and bool(beside)
        names = {name for files in objects for name in files.paths}
        if self.sparse or is_youtube_vos:
            names |= {*(beside or masks)}
        elif missing := [name for name in beside if name not in names]:
            raise InputError(
                f"{folder}: expected a truth for each of {len(beside)} frames, got none for "
                f"{len(missing)}, first {missing[:3]}; complete the files, or score the frames "
                "that have one with --sparse"
            )
        return tuple(sorted(names, key=natural_key))


@dataclass(frozen=True, kw_only=True)
class LayoutTruth:
    """The truth of a data set in its layout, whose frames are there too."""

    root: Path
    layout: VideoLayout

    #: The sequences have names.
    is_one_sequence = False

    @cached_property
    def objects(self) -> dict[str, list[int]]:
        """Return the objects of each sequence."""
        objects: dict[str, list[int]] = {}
        for sequence, number in list_sequences(self.root, self.layout):
            objects.setdefault(sequence, []).append(number)
        return objects

    @property
    def sequences(self) -> tuple[str, ...]:
        """Return the names of the sequences, in order."""
        return tuple(self.objects)

    def objects_of(
        self, sequence: str, asked: int | str | None, *, masks: Collection[str]
    ) -> list[TrueObject]:
        """Return what `FolderTruth.objects_of` does; None asks for all that the layout has."""
        there = self.objects[sequence]
        numbers = [number for number in there if asked in (None, "all", number)]
        if not numbers:
            return []
        index = index_video(self.root, self.layout, sequence, numbers)
        videos = [open_video(index, number) for number in numbers]
        is_one = there == [1] and videos[0].encoding not in (*NUMBERED, "coco")
        if is_one and self.layout.encoding in NUMBERED and isinstance(asked, int):
            raise _without_ids(sequence, asked, is_binary=True)
        return [
            TrueObject(
                number=None if is_one else video.object_id,
                files=VideoTruth(video=video),
                frames=video.frame_names,
                first=video.first,
                size=video.size,
            )
            for video in videos
        ]


def open_truth(
    root: Path,
    layout: VideoLayout | Mapping[str, Any] | str | None,
    *,
    sparse: bool,
    expected: Collection[str] = (),
    values: MaskValues | None = None,
) -> FolderTruth | LayoutTruth:
    """Return the truth below a root: by its layout, else as it is found there.

    Without a layout, ``Annotations`` of DAVIS and folders of masks are read as masks are; other
    layouts are known by their files. A root like YouTube-VOS' whose masks hold no object ids has
    masks of one object, and its frames say which have no truth. ``expected``: names of sequences
    that the result has. ``values`` says what the values of the files are, as
    `object_masks.read_objects` has it.
    """
    if layout is not None:
        chosen = valued_layout(video_layout(layout), values)
        return LayoutTruth(root=root, layout=replace(chosen, sparse=chosen.sparse or sparse))
    folders = FolderTruth(root=root, sparse=sparse, expected=tuple(expected), values=values)
    found = layout_of(root)
    if (
        found is None
        or found not in VIDEO_LAYOUTS
        or (annotations_folder(root) and found != "youtube_vos")
    ):
        return folders
    in_layout = LayoutTruth(
        root=root, layout=valued_layout(video_layout(found), values, is_found=True)
    )
    try:
        return in_layout if in_layout.sequences else folders
    except InputError:
        if annotations_folder(root) is None:
            raise
        return folders


def _without_ids(sequence: str, asked: int | str, *, is_binary: bool) -> InputError:
    """Return the error for an object that is asked for where the truth has no ids."""
    held = "masks of one object without an id" if is_binary else "background alone"
    what = "object ids" if asked == "all" else f"object {asked}"
    return InputError(
        f"{sequence}: expected {what} in the truth, got {held} in all of its masks; "
        + ("leave out --object" if is_binary else "correct the truth")
    )


def _size_beside(root: Path, folder: Path) -> Size | None:
    """Return the size of the first frame beside masks, which is that of all; None without any."""
    frames = frames_beside(root, folder)
    return read_size(next(iter(frames.values()))) if frames else None


def _first(sequence: str, files: MaskFiles, frames: tuple[str, ...]) -> int:
    """Return the position of the first mask that is not empty; 0 where one cannot be read."""
    for name in files.paths:
        try:
            if files.read(name).any():
                return frames.index(name)
        except InputError:
            return 0
    raise InputError(
        f"{sequence}: expected the object in some frame of the truth, got none in "
        f"{len(files.paths)} masks; correct the truth"
    )
