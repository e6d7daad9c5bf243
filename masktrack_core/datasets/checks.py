"""Everything wrong with data on disk, found in one pass before anything is computed."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from masktrack_core.datasets.index import index_video, layout_of
from masktrack_core.datasets.layouts import (
    STILL_LAYOUTS,
    VideoLayout,
    valued_layout,
    video_layout,
)
from masktrack_core.datasets.object_masks import MaskValues
from masktrack_core.datasets.protocol import with_protocol
from masktrack_core.datasets.sources import (
    ROW_DEFAULTS,
    dataset_groups,
    dataset_objects,
    expand_paths,
    set_root,
    source,
)
from masktrack_core.datasets.stills import index_stills, read_still
from masktrack_core.datasets.video_files import Clip
from masktrack_core.datasets.videos import check_video
from masktrack_core.errors import InputError, describe

log = logging.getLogger(__name__)


def check_path(
    path: Path, *, layout: str | None = None, values: MaskValues | None = None
) -> Iterator[str]:
    """Yield every problem of a configuration, of a data set on disk, or of a clip, one a line.

    A ``.yaml`` file: all sets that it names. A folder: read by ``layout``, else by the first known
    layout that finds files there, else as one clip. ``values`` says what the values of a folder's
    truths are, where `object_masks.read_objects` cannot tell. Raises `InputError` for a path that
    is none.
    """
    path = Path(path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        yield from check_config(read_config(path))
        return
    found = layout or (layout_of(path) if path.is_dir() else None)
    if found is None:
        yield from _check_clip(path)
    elif found in STILL_LAYOUTS:
        yield from check_stills(path, found)
    else:
        told = valued_layout(video_layout(found), values, is_found=layout is None)
        row = {**ROW_DEFAULTS} | {"root": str(path), "layout": told}
        yield from _check_dataset("folder", row, path)


def read_config(path: Path) -> dict[str, Any]:
    """Return a configuration file; raise `InputError` for what is not a YAML mapping.

    Tags that would build Python objects are refused.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a YAML file, got {describe(error)}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected keys and values, got {type(config).__name__}")
    return config


def check_config(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield every problem of the sets that a configuration names; missing downloads are logged."""
    whole = copy.deepcopy(dict(config))
    expand_paths(whole)
    data = str(whole.get("data") or "data")
    for table in ("datasets", "stills"):
        rows = whole.get(table) or {}
        if not isinstance(rows, Mapping):
            yield f"{table}: expected named rows, got {type(rows).__name__}"
            continue
        for name, row in rows.items():
            if row is None:  # dropped
                continue
            yield from _check_row({"data": data, table: {name: row}}, table, str(name))


def _check_row(config: Mapping[str, Any], table: str, name: str) -> Iterator[str]:
    key, row = f"{table}.{name}", config[table][name]
    try:
        if not isinstance(row, Mapping):
            raise InputError(f"{key}: expected keys and values, got {row!r}")
        row = with_protocol(row, where=key)
        row = {**ROW_DEFAULTS} | {"layout": "not given"} | row
        root = Path(set_root(config, table, name))
        if not root.is_dir() and source(key, row) != "root":
            log.info("%s: not there yet, it will be fetched or rendered into %s", key, root)
            return
        check = _check_dataset(name, row, root) if table == "datasets" else None
        for problem in check or check_stills(root, row["layout"]):
            yield f"{key}: {problem}"
    except InputError as error:
        yield str(error) if key in str(error) else f"{key}: {error}"


def _check_dataset(name: str, row: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Yield the problems of a video set, sequence by sequence."""
    objects: dict[str, list[int]] = {}
    found = dataset_objects(name, row)
    try:
        dataset_groups(name, row, found, root=root)
    except InputError as error:
        yield str(error)
    for sequence, number in found:
        objects.setdefault(sequence, []).append(number)
    for sequence, numbers in objects.items():
        yield from _check_sequence(root, row["layout"], sequence, numbers)
    count = sum(map(len, objects.values()))
    log.info("%s: %d sequences, %d objects read", root, len(objects), count)


def _check_sequence(
    root: Path,
    layout: str | Mapping[str, Any] | VideoLayout,
    sequence: str,
    numbers: Sequence[int],
) -> Iterator[str]:
    try:
        index = index_video(root, layout, sequence, numbers)
    except InputError as error:
        yield str(error)
        return
    yield from check_video(index)


def check_stills(root: Path, layout: str | Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of a set of stills; stills with an empty mask are counted in the log."""
    try:
        index = index_stills(root, layout)
    except InputError as error:
        yield str(error)
        return
    empty = 0
    for _, row in index.iterrows():
        try:
            empty += not read_still(row)[1].any()
        except InputError as error:
            yield str(error)
    log.info(
        "%s: %d stills read, %d with an empty mask, which are left out", root, len(index), empty
    )


def _check_clip(path: Path) -> Iterator[str]:
    """Yield the problems of a folder of frames or a video file."""
    try:
        clip = Clip(path)
    except InputError as error:
        yield str(error)
        return
    for t in range(len(clip)):
        try:
            clip[t]
        except InputError as error:
            yield str(error)
    log.info("%s: %d frames of %d x %d read", path, len(clip), clip.size.width, clip.size.height)
