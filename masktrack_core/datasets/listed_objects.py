"""Objects as a data set lists them itself: ``meta.json`` of YouTube-VOS, MOSE and LVOS."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from masktrack_core.errors import InputError, describe


@dataclass(frozen=True, kw_only=True)
class ListedObject:
    """One object of one sequence, and where it is annotated."""

    #: Class of the object; empty where the list does not say.
    category: str = ""
    #: Number in the name of the frame of its first annotation; None where the list does not say.
    first: int | None = None
    #: Frames from the first on that are annotated for it; None: all.
    count: int | None = None


Listed = Mapping[str, Mapping[int, ListedObject]]


def listed_objects(root: Path, meta: str) -> Listed:
    """Return sequence → object id → what a list below a root says; empty where there is none.

    ``{"videos": {sequence: {"objects": {"1": {"category": …, "frames": ["00005", …]}}}}}``, or, as
    in LVOS, with ``"frame_range": {"start": "1", "end": …, "frame_nums": "120"}``, or, as in MOSE,
    a list of ids alone. Raises `InputError` for a file that is damaged or says something else.
    """
    path = Path(root) / meta
    if not meta or not path.is_file():
        return {}
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> Listed:
    """Return what a file says; it is read again where its time or size is another."""
    del changed, size
    try:
        videos = json.loads(path.read_text(encoding="utf-8-sig"))["videos"]
        return MappingProxyType(
            {name: _objects(video["objects"]) for name, video in videos.items()}
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: expected videos → name → objects → id, as YouTube-VOS, MOSE or LVOS have it, "
            f"got {describe(error)}; correct the file, or give the layout as patterns without meta"
        ) from error


def _objects(entries: Any) -> Mapping[int, ListedObject]:
    if isinstance(entries, list):
        return {int(number): ListedObject() for number in entries}
    return {int(number): _object(entry) for number, entry in entries.items()}


def _object(entry: Mapping[str, Any]) -> ListedObject:
    category = str(entry.get("category", ""))
    if "frame_range" in entry:
        span = entry["frame_range"]
        first, count = int(span["start"]), int(span["frame_nums"])
        return ListedObject(category=category, first=first, count=count)
    frames = [int(name) for name in entry.get("frames", ())]
    return ListedObject(category=category, first=min(frames) if frames else None)
