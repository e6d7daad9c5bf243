"""Video data sets on disk → one tidy index a sequence; and the facts known without them.

`masktrack_core.datasets.videos` opens an index, `masktrack_core.datasets.stills` does the same for
still pictures.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import pandas as pd

from masktrack_core.datasets.coco import CocoPicture, listed_frames
from masktrack_core.datasets.label_cache import LabelCache
from masktrack_core.datasets.layouts import (
    NUMBERED,
    STILL_LAYOUTS,
    VALUES,
    VIDEO_LAYOUTS,
    VideoLayout,
    first_pattern,
    video_layout,
)
from masktrack_core.datasets.listed_objects import ListedObject, listed_objects
from masktrack_core.datasets.object_masks import NAMELESS, read_found
from masktrack_core.datasets.patterns import find_files, natural_key, placeholders
from masktrack_core.datasets.truth_files import read_truth
from masktrack_core.errors import InputError
from masktrack_core.tables import INDEX, check_columns

log = logging.getLogger(__name__)

#: What pairs a truth with its frame: the text of ``{frame}`` or the value of ``{number}``.
_Key: TypeAlias = str | int

#: Columns of the facts that hold names; every other column holds numbers.
_TEXT_FACTS = frozenset(
    {"sequence", "set", "class", "technique", "split", "attribute", "method", "dataset", "aspect"}
    | {"variant", "what", "url", "checksum", "source", "rule", "how", "backbone"}
)


def index_video(
    root: Path,
    layout: VideoLayout | Mapping[str, Any] | str,
    sequence: str,
    objects: Sequence[int],
) -> pd.DataFrame:
    """Return the index of one sequence: a row a frame and object (schema `tables.INDEX`).

    Frames are in natural order of their names; numbers need not be contiguous. Paths begin with
    ``root`` as given. ``truth_path`` is empty for frames without truth. A truth without a frame is
    left out, and named in the log. Of the pictures the truths are opened, up to that in which an
    object first appears; damage is left to `videos.check_video`. Where the layout has a list of
    objects (``meta``), it says where an object first appears, and how many of its truths count.
    Raises `InputError` when the root or the sequence is missing, there are no frames, an object
    has no truth at all, or not in the frame that the list calls its first, or, unless the layout is
    sparse, a frame no truth.
    """
    layout = video_layout(layout)
    frames = _find_frames(Path(root), layout, sequence)
    listed = listed_objects(Path(root), layout.meta).get(sequence, {})
    rows: list[tuple[object, ...]] = []
    lost: dict[Path, None] = {}
    for object_id, truths in _truths(Path(root), layout, sequence, objects, frames).items():
        lost |= {path: None for key, path in truths.items() if key not in frames}
        pairs = [(path, truths.get(key)) for key, (_, path) in frames.items()]
        encoding = "binary" if _is_unnumbered(layout, objects, truths) else layout.encoding
        entry = listed.get(object_id, ListedObject())
        if entry.first is None:
            first = _first_frame(pairs, encoding, object_id)
        else:
            where = f"{root}: {sequence}, object {object_id}"
            first = _listed_first(pairs, encoding, object_id, entry.first, where=where)
            pairs = _within(pairs, first, entry.count)
        for t, (name, path) in enumerate(frames.values()):
            truth = str(pairs[t][1] or "")
            rows.append((t, name, object_id, str(path), truth, encoding, first, ""))
    if lost:
        log.warning(
            "%s: %d truths have no frame and are left out: %s",
            sequence,
            len(lost),
            ", ".join(map(str, list(lost)[:3])) + (", …" if len(lost) > 3 else ""),
        )
    return check_columns(pd.DataFrame(rows, columns=list(INDEX.names)), INDEX, where=sequence)


def sequence_files(
    root: Path,
    layout: VideoLayout | Mapping[str, Any] | str,
    sequence: str,
    objects: Sequence[int],
) -> list[Path]:
    """Return the files that the index of a sequence is made of; none is opened.

    Raises `InputError` where `index_video` does.
    """
    layout = video_layout(layout)
    frames = _find_frames(Path(root), layout, sequence)
    truths = _truths(Path(root), layout, sequence, objects, frames)
    lists = [Path(root) / layout.meta] if listed_objects(Path(root), layout.meta) else []
    paths = [path for found in truths.values() for key, path in found.items() if key in frames]
    return list(dict.fromkeys([*(path for _, path in frames.values()), *paths, *lists]))


def _truths(
    root: Path,
    layout: VideoLayout,
    sequence: str,
    objects: Sequence[int],
    frames: Mapping[_Key, tuple[str, Path]],
) -> dict[int, dict[_Key, Path]]:
    """Return the truths of each object, by frame; raise `InputError` where they do not suffice."""
    if not objects or min(objects) < 1 or len(set(objects)) != len(objects):
        raise InputError(
            f"objects: expected distinct object ids from 1, got {list(objects)}; a data set with "
            "one object a sequence has object 1"
        )
    found = {}
    for object_id in objects:
        truths = _find_truths(root, layout, sequence, object_id, frames=frames)
        if truths and not (layout.sparse and truths.keys() & frames.keys()):
            _check_complete(f"{root}: {sequence}, object {object_id}", truths, frames)
        found[object_id] = truths
    return found


def _is_unnumbered(
    layout: VideoLayout, objects: Sequence[int], truths: Mapping[_Key, Path]
) -> bool:
    """Return whether a sequence of a layout with ids has masks of one object, 0 and 255, instead.

    Beside ids, 255 is void: the truths are read up to the first with an id.
    """
    if layout.encoding not in NUMBERED or list(objects) != [1]:
        return False
    is_nameless = False
    for path in truths.values():
        with suppress(InputError):  # damage is left to `videos.check_video`
            found = read_found(path, VALUES[layout.encoding])
            if found.keys() - {NAMELESS}:
                return False
            is_nameless |= NAMELESS in found
    return is_nameless


def _first_frame(pairs: Iterable[tuple[Path, Path | None]], encoding: str, object_id: int) -> int:
    """Return the first frame whose truth holds the object; 0 where none does, or is readable."""
    for t, (frame, truth) in enumerate(pairs):
        try:
            if truth is not None and read_truth(truth, encoding, object_id, frame=frame).any():
                return t
        except InputError:
            return 0
    return 0


def _listed_first(
    pairs: Sequence[tuple[Path, Path | None]],
    encoding: str,
    object_id: int,
    number: int,
    *,
    where: str,
) -> int:
    """Return the frame of a number in its name, whose truth must hold the object."""
    found = [t for t, (frame, _) in enumerate(pairs) if frame.stem.isdecimal()]
    found = [t for t in found if int(pairs[t][0].stem) == number]
    if len(found) == 1:
        with suppress(InputError):  # damage is left to `videos.check_video`
            frame, truth = pairs[found[0]]
            if truth is None or not read_truth(truth, encoding, object_id, frame=frame).any():
                found = []
    if len(found) != 1:
        raise InputError(
            f"{where}: expected its truth in frame {number}, its first in the list of objects, got "
            "none there; complete the files, or leave the sequence out with `only`"
        )
    return found[0]


def _within(
    pairs: list[tuple[Path, Path | None]], first: int, count: int | None
) -> list[tuple[Path, Path | None]]:
    """Return frames and truths without the truths outside ``count`` from the first on."""
    if count is None:
        return pairs
    annotated = [t for t, (_, truth) in enumerate(pairs) if truth is not None and t >= first]
    kept = {*annotated[:count]}
    return [(frame, truth if t in kept else None) for t, (frame, truth) in enumerate(pairs)]


def list_sequences(
    root: Path,
    layout: VideoLayout | Mapping[str, Any] | str,
    *,
    only: Collection[str] | None = None,
    cache: LabelCache | None = None,
) -> list[tuple[str, int]]:
    """Return every (sequence, object) on disk, sorted: for data sets without a list of their own.

    ``only`` are the sequences that are looked at. Objects are those that the layout's ``meta``
    lists, the ``{object}`` folders, the ids in all truths of the sequence for ``labels``,
    else 1, also where all of these are masks of one object, 0 and 255; ``cache`` remembers the ids
    of files that did not change. Sequences without truth are left out and named in the log. Raises
    `InputError` for a missing root, for one without any sequence, and for an unreadable truth.
    """
    layout = video_layout(layout)
    sequences = sequences_on_disk(root, layout)
    listed = listed_objects(Path(root), layout.meta)
    pairs = []
    for sequence in sequences:
        if only is not None and sequence not in only:
            continue
        objects = sorted(listed.get(sequence, ()))
        if listed and not objects:
            raise InputError(
                f"{Path(root) / layout.meta}: expected the objects of sequence '{sequence}', whose "
                "frames are there, got none; complete the list, or move the sequence elsewhere"
            )
        objects = objects or _find_objects(Path(root), layout, sequence, cache or LabelCache())
        if not objects:
            log.warning(
                "%s: sequence %s has no object in its truth and is left out", root, sequence
            )
        pairs += [(sequence, object_id) for object_id in objects]
    if not pairs:
        raise InputError(
            f"{root}: expected frames at {layout.frame_pattern} and truth with objects at "
            f"{list(layout.truths)}, got none; correct the root or the layout"
        )
    return pairs


def sequences_on_disk(root: Path, layout: VideoLayout | Mapping[str, Any] | str) -> list[str]:
    """Return the names of all sequences with frames below a root, in natural order."""
    layout = video_layout(layout)
    found = find_files(root, layout.frame_pattern, {})
    names = {layout.sequence.format(**fields) for _, fields in found}
    return sorted(names, key=natural_key)


def read_split(
    root: Path, layout: VideoLayout | Mapping[str, Any] | str, split: str
) -> list[str] | None:
    """Return the sequences that a data set's own list names for a split; None without such a list.

    A line is a name, or, as in DAVIS-2016, the paths of a frame and its truth.
    """
    for pattern in video_layout(layout).split_lists:
        path = Path(root) / pattern.format(split=split)
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            words = [line.split()[0] for line in lines if line.strip()]
            names = [PurePosixPath(word).parent.name if "/" in word else word for word in words]
            return list(dict.fromkeys(names))
    return None


def layout_of(root: Path) -> str | None:
    """Return the first known layout, of videos or stills, that finds files below a folder.

    A layout of videos that finds truth too goes before one that finds frames alone. DAVIS-2016 and
    DAVIS-2017 lie alike: the latter has object ids in a palette.
    """
    found = [
        name
        for name in (*VIDEO_LAYOUTS, *STILL_LAYOUTS)
        if next(find_files(root, first_pattern(name), {}), None) is not None
    ]
    whole = [
        name
        for name in found
        if name in STILL_LAYOUTS
        or any(next(find_files(root, p, {}), None) for p in VIDEO_LAYOUTS[name].truths)
    ]
    chosen = next(iter([*whole, *found]), None)
    return "davis2017" if chosen == "davis" and _has_ids(root) else chosen


def _has_ids(root: Path) -> bool:
    """Return whether the first truth of DAVIS that shows an object gives it an id."""
    (pattern,) = VIDEO_LAYOUTS["davis"].truths
    for path, _ in find_files(root, pattern, {}):
        with suppress(InputError):
            if found := read_found(path):
                return NAMELESS not in found
    return False


def folder_fingerprint(paths: Iterable[Path], *, cache: LabelCache | None = None) -> str:
    """Return a digest of the names and contents of the files at and below paths.

    For rerun triggers: it changes when a file is added, removed, renamed, or holds something else,
    not when files are copied or touched. The order of ``paths`` counts. ``cache`` remembers the
    contents of files that did not change. Raises `InputError` for a missing path.
    """
    digest, cache = hashlib.sha256(), cache or LabelCache()
    for path in paths:
        if not Path(path).exists():
            raise InputError(f"{path}: expected a file or folder, got nothing; check the path")
        for file in _files_below(Path(path)):
            name = file.relative_to(path).as_posix() if file != Path(path) else file.name
            digest.update(f"{name}\0{cache.digest(file)}\0".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def read_facts(name: str) -> pd.DataFrame:
    """Return a table of published facts that the package carries, e.g. ``davis2016``.

    Names stay text, everything else is a number, NaN where nothing is published. The source of
    each is in ``facts/README.md``. Raises `InputError` for an unknown name.
    """
    table = pd.read_csv(facts_file(name), dtype=str, keep_default_na=False, encoding="utf-8")
    for column in table.columns.difference(list(_TEXT_FACTS)):
        table[column] = pd.to_numeric(table[column])
    return table


def facts_file(name: str) -> Path:
    """Return the file of a table of facts; raise `InputError` for an unknown name."""
    if name not in known_facts():
        raise InputError(f"facts: unknown name {name!r}; known are {known_facts()}")
    return _facts_folder() / f"{name}.csv"


def known_facts() -> list[str]:
    """Return the names of the tables of facts that the package carries."""
    return sorted(path.stem for path in _facts_folder().glob("*.csv"))


def _facts_folder() -> Path:
    return Path(str(resources.files("masktrack_core") / "facts"))


def _find_frames(root: Path, layout: VideoLayout, sequence: str) -> dict[_Key, tuple[str, Path]]:
    """Return name and path of each frame under the key of its truth, in natural order."""
    frames: dict[_Key, tuple[str, Path]] = {}
    found = find_files(root, layout.frame_pattern, layout.fields(sequence))
    for path, free in sorted(found, key=lambda item: natural_key(item[0].name)):
        key, name = _key(free)
        if key in frames:
            raise InputError(
                f"{path}: expected one file for frame {name}, got {frames[key][1].name} too; "
                "remove one of them"
            )
        frames[key] = name, path
    if frames:
        return frames
    others = find_files(root, layout.frame_pattern, {})
    names = sorted({layout.sequence.format(**fields) for _, fields in others})
    near = get_close_matches(sequence, names, cutoff=0.4) or names[:3]
    raise InputError(
        f"{root}: expected frames of sequence {sequence!r} at {layout.frame_pattern}, got none; "
        + (f"there are {len(names)} sequences, such as {near}" if near else "correct the root")
    )


def _find_truths(
    root: Path,
    layout: VideoLayout,
    sequence: str,
    object_id: int,
    *,
    frames: Mapping[_Key, tuple[str, Path]],
) -> dict[_Key, Path]:
    """Return the truths of one object under the keys of their frames; empty for a layout of none.

    A binary truth outside an ``{object}`` folder is that of object 1.
    """
    if layout.encoding == "coco":
        listed = _listed(root, layout, sequence, frames)
        if any(object_id in entry.objects for _, entry in listed.values()):
            return {key: path for key, (path, _) in listed.items()}
    fields = {**layout.fields(sequence), "object": str(object_id)}
    for pattern in layout.truths:
        if layout.encoding == "coco":
            break
        if "{object}" in pattern or layout.encoding in NUMBERED or object_id == 1:
            found = {_key(free)[0]: path for path, free in find_files(root, pattern, fields)}
            if found:
                return found
    if not layout.truths:
        return {}
    raise InputError(
        f"{root}: expected truth of sequence {sequence!r}, object {object_id}, at "
        f"{' or '.join(layout.truths)}, got none; the objects there are "
        f"{_find_objects(root, layout, sequence, LabelCache())}"
    )


def _listed(
    root: Path, layout: VideoLayout, sequence: str, frames: Mapping[_Key, tuple[str, Path]]
) -> dict[_Key, tuple[Path, CocoPicture]]:
    """Return the file and the entry of each frame that annotations in COCO's JSON list."""
    (pattern,) = layout.truths
    shared = not placeholders(pattern)
    listed: dict[_Key, tuple[Path, CocoPicture]] = {}
    for path, _ in find_files(root, pattern, layout.fields(sequence)):
        # Where one file serves all sequences, the names in it must say which.
        found = listed_frames(path, frames, folders=int(shared))
        listed |= {key: (path, entry) for key, entry in found.items()}
    return listed


def _check_complete(
    where: str, truths: Mapping[_Key, object], frames: Mapping[_Key, object]
) -> None:
    """Raise where a frame has no truth."""
    missing = [str(key) for key in frames if key not in truths]
    if missing:
        raise InputError(
            f"{where}: expected a truth for each of {len(frames)} frames, got none for "
            f"{len(missing)}, first {missing[:3]}; complete the files, leave the sequence out with "
            "`only`, or say `sparse: true` where only some frames have one"
        )


def _find_objects(root: Path, layout: VideoLayout, sequence: str, cache: LabelCache) -> list[int]:
    """Return the object ids of a sequence, sorted; empty where it has no truth."""
    if layout.encoding == "coco":
        listed = _listed(root, layout, sequence, _find_frames(root, layout, sequence))
        return sorted({label for _, entry in listed.values() for label in entry.objects})
    for pattern in layout.truths:
        found = list(find_files(root, pattern, layout.fields(sequence)))
        if found and "{object}" in pattern:
            return sorted({int(free["object"]) for _, free in found})
        if found and layout.encoding in NUMBERED:
            values = VALUES[layout.encoding]
            ids = set[int]().union(*(cache.labels(path, values) for path, _ in found))
            return sorted(ids - {NAMELESS}) or [1] * len(ids)
        if found:
            return [1]
    return []


def _key(free: Mapping[str, str]) -> tuple[_Key, str]:
    """Return what pairs a truth with its frame, and the frame's name."""
    return (int(free["number"]), free["number"]) if "number" in free else (free["frame"],) * 2


def _files_below(path: Path) -> Iterator[Path]:
    """Give a file itself, or every file below a folder in a fixed order; links are followed."""
    if path.is_file():
        yield path
        return
    seen: set[str] = set()
    for folder, folders, files in os.walk(path, followlinks=True):
        folders.sort()
        if os.path.realpath(folder) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(os.path.realpath(folder))
        yield from (Path(folder, name) for name in sorted(files) if Path(folder, name).is_file())
