"""Published weights by name: rows of ``config.weights``, fetched where a row asks for them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from masktrack_core.errors import InputError
from masktrack_core.files.download import Archive, fetch
from masktrack_core.files.io import atomic_path
from masktrack_core.networks.spec import HUB

SUFFIXES = (".pth", ".pt", ".npz", ".safetensors")
"""Files that `masktrack_core.files.tensors.read_tensors` reads, none by executing it."""


def weights_file(config: Mapping[str, Any], table: str, name: str, column: str) -> Path | None:
    """Return the file of weights that a row names (``architectures.vgg16.pretrained``), if any.

    The value is the name of a row of ``config.weights`` or a file on disk; "hub", timm's, is no
    file: the job asks for it. A row with URLs answers the place below the data folder where rule
    ``fetch_weights`` puts it. Raises `InputError` for a
    file that is not there, and for a row that is neither a path nor URLs of such a file.
    """
    given = config[table][name][column]
    if given is None or (given == HUB and HUB not in config["weights"]):
        return None
    known = config["weights"]
    row = known.get(given, {"path": given, "urls": []})
    if bool(row["path"]) == bool(row["urls"]):
        raise InputError(
            f"weights.{given}: expected either path or urls, got "
            f"{'both' if row['path'] else 'neither'}; keep one of them"
        )
    if row["urls"]:
        suffix = Path(_file_name(row["urls"][0])).suffix
        if suffix not in SUFFIXES:
            raise InputError(
                f"weights.{given}.urls: expected files that end in {', '.join(SUFFIXES)}, got "
                f"{row['urls'][0]}; give another place, or convert the file and give its path"
            )
        return Path(config["data"]) / "weights" / f"{given}{suffix}"
    if not Path(row["path"]).is_file():
        raise InputError(
            f"{table}.{name}.{column}: expected a weights file or a row of weights "
            f"({', '.join(known) or 'none'}), '{row['path']}' does not exist; correct it, or null "
            "for none"
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
