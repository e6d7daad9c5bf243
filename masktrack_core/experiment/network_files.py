"""Networks that come as a file: the included ones, one on disk, one to download."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from masktrack_core.datasets.sources import expanded
from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import FinetuningRecipe, NetworkRecipe
from masktrack_core.files.io import file_digest
from masktrack_core.networks.included import included_file
from masktrack_core.networks.records import NetworkRecord, read_record, says_shared


def local_file(network: NetworkRecipe) -> Path | None:
    """Return the file of a network that lies on this disk; None for one to download, or trained.

    Raises `InputError` for an included network that does not exist.
    """
    given = network.file
    if given is None or _is_address(given):
        return None
    try:
        return included_file(given) or Path(expanded(given))
    except InputError as error:
        raise InputError(f"networks.{network.name}.file: {error}") from None


def network_archive(network: NetworkRecipe) -> dict[str, Any]:
    """Return the row of ``archives`` of a network to download, by its name; empty for others.

    Raises `InputError` naming the key for an address of no network, and for one without a checksum.
    """
    url = network.file
    if url is None or not _is_address(url):
        return {}
    if network.sha256 is None:
        raise InputError(
            f"networks.{network.name}.sha256: expected the SHA-256 of {url}, got none; add the 64 "
            "digits that its owner publishes: others' weights decide your results"
        )
    file = PurePosixPath(urlsplit(url).path).name
    if not re.fullmatch(r"[A-Za-z0-9_.-]+\.safetensors", file):
        raise InputError(
            f"networks.{network.name}.file: expected the address of a plain name that ends in "
            f".safetensors, got {url!r}; download it and give its path"
        )
    checksum = f"sha256:{network.sha256}"
    return {f"{network.name}-{file}": {"urls": [url], "checksum": checksum, "instructions": ""}}


def shares_training(finetuning: FinetuningRecipe, network: NetworkRecipe) -> bool:
    """Return whether one training is for all objects of a video: as a row or else a file says.

    A file that is still to be downloaded is not asked: each object has the same training then.
    """
    if finetuning.shared is not None:
        return finetuning.shared
    path = local_file(network)
    return path is not None and says_shared(path)


def check_network_file(network: NetworkRecipe) -> None:
    """Raise `InputError` naming the key for a file on disk that is not the network of its row.

    The weights are not read, and a download is only asked for its checksum: the job that takes the
    file checks the rest.
    """
    network_archive(network)
    path = local_file(network)
    if path is not None:
        try:
            check_prior(network.name, network.input, read_record(path))
        except InputError as error:
            key = f"networks.{network.name}.file: "
            raise InputError(key + str(error).removeprefix(key)) from None


def check_prior(name: str, wanted: str, found: NetworkRecord) -> None:
    """Raise `InputError` for a network that is shown something else than its row says."""
    if found.prior != wanted:
        raise InputError(
            f"networks.{name}.file: expected a network that is shown input: {wanted}, got one that "
            f"is shown '{found.prior}'; give another file, or input: {found.prior}"
        )


def check_bytes(name: str, path: Path, sha256: str | None) -> None:
    """Raise `InputError` for a file of another SHA-256 than its row says."""
    if sha256 is not None and (found := file_digest(path)) != sha256:
        raise InputError(
            f"networks.{name}.sha256: expected {sha256} of {path}, got {found}; correct one of them"
        )


def source_of(network: NetworkRecipe) -> Mapping[str, str]:
    """Return what decides a network that comes as a file, for params, records and captions.

    Its ``file`` as configured, and the ``digest`` that it was written with, or that it is
    downloaded with; of one on this disk also what it was ``trained_on``. Raises `InputError` as
    `read_record` does.
    """
    path = local_file(network)
    if path is None:
        return {"file": str(network.file), "digest": str(network.sha256)}
    found = read_record(path)
    usage = found.described()["record"].get("usage")
    words = str(usage.get("trained_on", "unknown")) if isinstance(usage, dict) else "unknown"
    return {"file": str(network.file), "digest": found.digest, "trained_on": words}


def _is_address(given: str) -> bool:
    return given.startswith(("http://", "https://"))
