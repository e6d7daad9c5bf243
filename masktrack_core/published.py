"""Published weights by name: rows of ``config.weights``, fetched where a network asks for them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from masktrack_core.download import Archive, fetch
from masktrack_core.errors import InputError
from masktrack_core.io import atomic_path

SUFFIXES = (".pth", ".pt", ".npz", ".safetensors")
"""Files that `masktrack_core.tensor_files.read_tensors` reads, none by executing it."""


def weights_file(config: Mapping[str, Any], architecture: str) -> Path | None:
    """Return the file that an architecture starts from; None for random weights.

    ``pretrained`` names a row of ``config.weights`` or a file on disk. A row with URLs answers the
    place below the data folder where rule ``fetch_weights`` puts it. Raises `InputError` for a file
    that is not there, and for a row that is neither a path nor URLs of such a file.
    """
    key, pretrained = (
        f"architectures.{architecture}.pretrained",
        config["architectures"][architecture]["pretrained"],
    )
    if pretrained is None:
        return None
    known = config.get("weights", {})
    row = known.get(pretrained, {"path": pretrained, "urls": []})
    if bool(row["path"]) == bool(row["urls"]):
        raise InputError(
            f"weights.{pretrained}: expected either path or urls, got "
            f"{'both' if row['path'] else 'neither'}; keep one of them"
        )
    if row["urls"]:
        suffix = Path(_file_name(row["urls"][0])).suffix
        if suffix not in SUFFIXES:
            raise InputError(
                f"weights.{pretrained}.urls: expected files that end in {', '.join(SUFFIXES)}, got "
                f"{row['urls'][0]}; give another place, or convert the file and give its path"
            )
        return Path(config["data"]) / "weights" / f"{pretrained}{suffix}"
    if not Path(row["path"]).is_file():
        raise InputError(
            f"{key}: expected a weights file or a row of weights ({', '.join(known) or 'none'}), "
            f"'{row['path']}' does not exist; correct it, or null to start from random weights"
        )
    return Path(row["path"])


def fetch_weights(row: Mapping[str, Any], downloads: Path, place: Path) -> None:
    """Put the published file at ``place``, downloading what ``downloads`` does not yet hold.

    Raises `InputError` where no place gives the file, or its checksum is another.
    """
    archive = Archive(
        name=_file_name(row["urls"][0]), urls=tuple(row["urls"]), checksum=row["checksum"]
    )
    downloaded = fetch(archive, downloads)
    with atomic_path(place) as temporary:
        try:
            os.link(downloaded, temporary)
        except OSError:  # another disk, or one without links
            shutil.copyfile(downloaded, temporary)


def _file_name(url: str) -> str:
    return Path(urlsplit(url).path).name
