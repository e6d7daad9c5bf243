"""Somebody else's masks as a variant: found, checked, and written like ours."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from masktrack_core.datasets.mask_folders import MaskFiles, find_masks, find_sequences
from masktrack_core.datasets.object_masks import MaskValues
from masktrack_core.datasets.videos import Video
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_mask

_log = logging.getLogger(__name__)


def masks_archive(
    variant: str, source: str | Sequence[str], archives: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of ``archives`` from which a variant's masks are downloaded, by its name.

    ``source``: the name of such a row, one address, or several of the same file. Empty for masks
    on disk. Raises `InputError` naming the key for addresses of no archive.
    """
    if isinstance(source, str) and source in archives:
        return {source: archives[source]}
    urls = [source] if isinstance(source, str) else [*source]
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        return {}
    name = f"{variant}-{PurePosixPath(urlsplit(urls[0]).path).name}"
    if not name.endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        raise InputError(
            f"variants.{variant}.masks: expected the address of a zip or tar archive, got "
            f"{urls[0]!r}; name a row of archives, where the file gets a name of its own"
        )
    return {name: {"urls": urls, "checksum": "", "instructions": ""}}


def check_source(key: str, source: str | Sequence[str]) -> Path:
    """Return the folder or zip archive of a variant's masks; `InputError` names the key."""
    path = Path(source) if isinstance(source, str) else Path(", ".join(source))
    if not path.is_dir() and path.suffix.lower() != ".zip":
        raise InputError(
            f"{key}: expected a folder or a zip archive of masks, <sequence>/<frame>.png, its "
            f"http(s) address, or a row of archives, got '{path}', which is none; correct it"
        )
    if not path.exists():
        raise InputError(
            f"{key}: expected an archive of masks, '{path}' does not exist; correct it"
        )
    return path


def external_masks(
    root: Path,
    sequence: str,
    video: Video,
    *,
    objects: int,
    counted: range,
    values: MaskValues | None = None,
) -> MaskFiles:
    """Return the masks of one object of a sequence, below a folder in DAVIS layout.

    ``objects`` is the number of objects of the sequence: with one, a file shows one object; with
    several, files are label PNGs or lie in a folder an object. Masks of frames that are not scored
    (``counted`` are) may be missing. Masks are named like the frames of the index, or like the
    files of the frames, as ``masktrack segment`` names them. ``values`` is that of
    `object_masks.read_objects`. Raises `InputError` naming every mask that is missing.
    """
    found = find_sequences(root, [sequence])
    folder = found.get(sequence)
    if folder is None:
        raise InputError(
            f"{root}: expected masks of sequence '{sequence}' in a folder of that name, got "
            f"{sorted(found)[:5]}; add it, or leave the sequence out with `only`"
        )
    files = find_masks(folder, video.object_id if objects > 1 else None, values=values)
    if not set(files.paths) & set(video.frame_names):
        files = _named_like_files(files, video)
    needed = {name for t, name in enumerate(video.frame_names) if t in counted}
    needed -= {name for t, name in enumerate(video.frame_names) if not video.has_truth(t)}
    missing = sorted(needed - set(files.paths))
    if missing:
        names = ", ".join(f"{folder / name}.png" for name in missing)
        raise InputError(
            f"{folder}: expected a mask for each of {len(needed)} scored frames, "
            f"{len(missing)} are missing: {names}; complete the masks"
        )
    return files


def _named_like_files(files: MaskFiles, video: Video) -> MaskFiles:
    """Return masks under the names of the frames, from those of the files of the frames."""
    stems = {
        path.stem: name for path, name in zip(video.frame_paths, video.frame_names, strict=True)
    }
    paths = {stems[stem]: path for stem, path in files.paths.items() if stem in stems}
    return replace(files, paths=paths) if paths else files


def write_external(files: MaskFiles, video: Video, folder: Path) -> None:
    """Write the masks of the video's frames as ours are, binary PNGs named like the frames.

    Raises `InputError` naming the files that cannot be read or are not of the frame's size.
    """
    problems = []
    for name in video.frame_names:
        if name not in files.paths:
            _log.info("frame %s is not scored and has no mask", name)
            continue
        try:
            mask = files.read(name)
        except InputError as error:
            problems.append(str(error))
            continue
        if mask.shape == video.size:
            write_mask(folder / f"{name}.png", mask)
        else:
            problems.append(
                f"{files.paths[name]}: expected the size of its frame, {tuple(video.size)}, got "
                f"{mask.shape}; write masks at the size of the frames"
            )
    if problems:
        raise InputError("\n".join(problems))
