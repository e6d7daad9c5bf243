"""Masks on disk that anybody made: a folder or a zip in DAVIS layout, ``<sequence>/<frame>.png``.

The one place that says how such a folder is read. Several objects come as label PNGs, one file a
frame, or as a folder an object, ``<sequence>/<object>/<frame>.png``, as this project writes them.
"""

import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from masktrack_core.arrays import Mask
from masktrack_core.datasets.object_masks import (
    NAMELESS,
    MaskValues,
    SequenceKind,
    numbered_object,
    only_object,
    read_found,
)
from masktrack_core.datasets.patterns import PICTURE_SUFFIXES, find_files, natural_key
from masktrack_core.errors import InputError
from masktrack_core.files.unpacking import unpack

#: As many names are given of what is there instead.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """The masks of one object of one sequence; read when they are asked for."""

    #: frame name → file, in natural order
    paths: Mapping[str, Path]
    #: Value of the object's pixels in label PNGs; None where a file shows one object.
    label: int | None = None
    #: Id that a file of one object may give it, beside 1 and none.
    own_id: int = 1
    #: What the values of the files are, where a person says it.
    values: MaskValues | None = None
    #: Whether files have ids, in all that were read.
    kind: SequenceKind = field(default_factory=SequenceKind, repr=False, compare=False)

    def read(self, name: str) -> Mask:
        """Return the mask of a frame, by the rule of `object_masks.read_objects`.

        Raises `InputError` naming a missing or damaged file, one of several meanings, and one of
        one object without an id where others have ids.
        """
        path = self.paths[name]
        found = read_found(path, self.values)
        if self.label is None:
            self.kind.check(path, found, self.values)
            return only_object(path, found, object_id=self.own_id)
        return numbered_object(path, found, self.label, self.values)


@dataclass(frozen=True, kw_only=True)
class FoundObjects:
    """The objects of a sequence: what all of its masks hold together, not its first one."""

    #: Object id → name of the frame in which it first appears; empty where nothing is labelled.
    first: Mapping[int, str] = field(default_factory=dict)
    #: Whether the files are masks of one object, as 0 and 255 are: pixels, and no object ids.
    is_binary: bool = False
    #: One line for each file that cannot be read, or could mean several things.
    problems: tuple[str, ...] = ()


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """Give the folder itself, or a temporary one with the contents of a zip archive.

    Raises `InputError` for anything else, and for archives that `unpacking.unpack` refuses.
    """
    if path.is_dir():
        yield path
    elif path.is_file() and zipfile.is_zipfile(path):
        with TemporaryDirectory() as folder:
            masks = unpack(path, Path(folder) / "masks")
            try:
                yield masks
            except InputError as error:  # a person knows the archive, not where it was unpacked
                raise InputError(str(error).replace(str(masks), str(path))) from error
    else:
        raise InputError(
            f"{path}: expected a folder or a zip archive of masks, found neither; check the path"
        )


def find_sequences(root: Path, expected: Collection[str] = ()) -> dict[str, Path]:
    """Return the folders below ``root`` that hold masks, by name of the sequence, in order.

    ``root`` may be the root of DAVIS or of YouTube-VOS (its ``Annotations`` are taken), a folder of
    sequences, a folder that holds only one such folder (as archives often do), or one sequence.
    ``expected``: names that tell a folder of sequences ``1``, ``2`` … from one sequence with a
    folder an object.
    """
    found = _readings(root, ("png",)) or _readings(root, PICTURE_SUFFIXES)
    if not found:
        place = annotations_folder(root) or root
        names = sorted(entry.name for entry in place.iterdir())[:_NAMED]
        raise InputError(
            f"{place}: expected masks <sequence>/<frame>.png, found no picture, only "
            f"{names or 'nothing'}; check the path, and unpack what is packed twice"
        )
    return next((one for one in found if one.keys() & set(expected)), found[0])


def _readings(root: Path, suffixes: Collection[str]) -> list[dict[str, Path]]:
    """Return what could be the folders of sequences below a root, the likeliest first."""
    folder = annotations_folder(root) or root
    readings: list[dict[str, Path]] = []
    for _ in range(4):
        if _files(folder, suffixes):
            readings.append({folder.name: folder})
            break
        folders = _folders(folder)
        readings += (
            [found]
            if (found := {one.name: one for one in folders if _has_masks(one, suffixes)})
            else []
        )
        if len(folders) != 1:
            break
        folder = folders[0]
    return readings


def annotations_folder(root: Path) -> Path | None:
    """Return the folder of sequences in a root that has ``Annotations``, as DAVIS; None elsewhere.

    DAVIS' ``Annotations/480p`` goes before what else is there; YouTube-VOS has no such level.
    """
    annotations = root / "Annotations"
    if not annotations.is_dir():
        return None
    return annotations / "480p" if (annotations / "480p").is_dir() else annotations


def frames_beside(root: Path, folder: Path) -> dict[str, Path]:
    """Return the frames of a sequence whose masks lie in ``folder`` below a root, by their names.

    They lie where DAVIS and YouTube-VOS have them, ``JPEGImages`` beside ``Annotations``. Empty
    where there are none.
    """
    annotations = root / "Annotations"
    if not folder.is_relative_to(annotations):
        return {}
    frames = root / "JPEGImages" / folder.relative_to(annotations)
    if not frames.is_dir():
        return {}
    found = {path.stem: path for path, _ in find_files(frames, "{frame}.*", {})}
    return {name: found[name] for name in sorted(found, key=natural_key)}


def is_one_sequence(folders: Mapping[str, Path], root: Path) -> bool:
    """Return whether what `find_sequences` found is the root itself, without a sequence's name.

    So lies what ``masktrack segment`` writes. A folder below the root has the name of a sequence.
    """
    return [*folders.values()] == [root]


def find_masks(
    folder: Path | None, object_id: int | None = None, *, values: MaskValues | None = None
) -> MaskFiles:
    """Return the masks of one object in the folder of a sequence; of none, where it is None.

    ``object_id`` None: files that show one object, or those of object 1 where each has a folder.
    ``values`` is that of `object_masks.read_objects`.
    """
    if folder is None:
        return MaskFiles(paths={})
    own = folder / str(object_id or 1)
    if _object_folders(folder) and not _pictures(folder):
        paths = _pictures(own) if own.is_dir() else {}
        return MaskFiles(paths=paths, own_id=object_id or 1, values=values)
    return MaskFiles(paths=_pictures(folder), label=object_id, values=values)


def find_objects(folder: Path, *, values: MaskValues | None = None) -> FoundObjects:
    """Return the objects of a sequence: the union over all of its masks, which are all read.

    An object that has a folder of its own first appears in its first mask that is not empty.
    """
    first: dict[int, str] = {}
    problems: list[str] = []
    is_nameless = False
    for number, files in _object_folders(folder).items() if not _pictures(folder) else ():
        masks = MaskFiles(paths=files, own_id=number, values=values)
        for name in files:
            try:
                if masks.read(name).any():
                    first[number] = name
                    break
            except InputError as error:
                problems.append(str(error))
    for name, path in _pictures(folder).items():
        try:
            found = read_found(path, values)
        except InputError as error:
            problems.append(str(error))
            continue
        is_nameless |= NAMELESS in found
        for number in found.keys() - {NAMELESS}:
            first.setdefault(number, name)
    return FoundObjects(
        first=dict(sorted(first.items())),
        is_binary=is_nameless and not first,
        problems=tuple(problems),
    )


def _has_masks(folder: Path, suffixes: Collection[str]) -> bool:
    return any(_files(one, suffixes) for one in (folder, *_numbered(folder)))


def _object_folders(folder: Path) -> dict[int, dict[str, Path]]:
    """Return the masks in the folders of a sequence that are named like objects, 1, 2, 3 …"""
    found = {int(one.name): _pictures(one) for one in _numbered(folder)}
    return {number: found[number] for number in sorted(found) if found[number]}


def _numbered(folder: Path) -> list[Path]:
    return [one for one in _folders(folder) if one.name.isdecimal() and one.name[0] != "0"]


def _pictures(folder: Path) -> dict[str, Path]:
    """Return the masks in a folder by stem: its PNG files, other pictures where it has none."""
    return _files(folder, ("png",)) or _files(folder, PICTURE_SUFFIXES)


def _files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the files of some kinds by stem; macOS adds ``._`` files, which are none."""
    files = [path for path in folder.glob("*.*") if not path.name.startswith(".")]
    files = [path for path in files if path.suffix[1:].lower() in suffixes and path.is_file()]
    return {path.stem: path for path in sorted(files, key=lambda path: natural_key(path.name))}


def _folders(folder: Path) -> list[Path]:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return sorted(entry for entry in entries if entry.is_dir())
