"""The forms in which followed objects are handed on, in one table."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from masktrack_core.errors import InputError
from masktrack_core.exports.coco import write_coco
from masktrack_core.exports.contours import write_contours
from masktrack_core.exports.cutout import check_cutout, write_cutout
from masktrack_core.exports.followed import Followed
from masktrack_core.exports.probs import check_probs, write_probs
from masktrack_core.progress import bar

log = logging.getLogger(__name__)

#: Frames that are written to see how large all will be.
_SAMPLED = 5


def _check_json(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise InputError(f"{path}: expected a name that ends in .json; rename it")


@dataclass(frozen=True, kw_only=True)
class Form:
    """How one form is written."""

    #: Raise `InputError` for a name that does not fit.
    check: Callable[[Path], None]
    #: Write the frames whose numbers come, whole or not at all.
    write: Callable[[Path, Followed, Iterable[int]], None]


FORMS: Mapping[str, Form] = {
    "coco": Form(check=_check_json, write=write_coco),
    "cutout": Form(check=check_cutout, write=write_cutout),
    "contours": Form(check=_check_json, write=write_contours),
    "probs": Form(check=check_probs, write=write_probs),
}


def export(kind: str, path: Path, followed: Followed) -> None:
    """Write a form of `FORMS`, after a line that says how large it will be."""
    size, free = expected_bytes(kind, path, followed), _free_bytes(path)
    words = "%s: %s, about %s; %s are free"
    log.info(words, path, kind, _readable(size), _readable(free))
    if size > free:
        log.warning("%s: there may be too little room; make some, or give another disk", path)
    frames = bar(followed.times, f"export {kind}", unit="frame")
    FORMS[kind].write(path, followed, frames)


def expected_bytes(kind: str, path: Path, followed: Followed) -> int:
    """Return about how many bytes a form will have: by a few frames, written and thrown away."""
    sample = followed.sample(_SAMPLED)
    with tempfile.TemporaryDirectory(prefix="masktrack-") as folder:
        place = Path(folder) / f"sample{path.suffix}"
        frames = bar(sample.times, f"size of {kind}", unit="frame", leave=False)
        FORMS[kind].write(place, sample, frames)
        files = [place] if place.is_file() else [*place.rglob("*.png")]
        size = sum(file.stat().st_size for file in files)
    return size * len(followed.times) // len(sample.times)


def _free_bytes(path: Path) -> int:
    folder = next(part for part in path.resolve().parents if part.is_dir())
    return shutil.disk_usage(folder).free


def _readable(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
