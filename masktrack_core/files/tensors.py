"""Named tensors on disk: safetensors, NumPy archives, and torch's pickles without their code.

Nothing here executes what a file contains: safetensors and ``.npz`` hold arrays only, and
pickles (``.pth``) are read with ``weights_only``.
"""

import hashlib
import json
import os
import pickle
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from masktrack_core.errors import InputError, lacks_memory
from masktrack_core.files.durability import rename

#: What damaged files raise; found by damaging files at random.
DAMAGE = (
    SafetensorError,
    BadZipFile,
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    SyntaxError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write one safetensors file, whole or not at all; folders are made as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(tensors, name, metadata=metadata)
        with Path(name).open("rb+") as written:
            os.fsync(written.fileno())  # a training's state is deleted once its network is there
        Path(name).chmod(0o644)
        rename(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the named tensors of a file and its metadata (empty but for safetensors).

    Raises InputError for an unknown suffix, a damaged file, or a pickle that holds anything but
    tensors (it is not executed).
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of the weights")
    try:
        if path.suffix == ".safetensors":
            return _tensors_of_safetensors(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}, {}
        if path.suffix in (".pth", ".pt"):
            return _tensors_of_pickle(path), {}
    except InputError:
        raise
    except DAMAGE as error:
        if lacks_memory(error):
            raise InputError(
                f"{path}: expected memory for its tensors, got {type(error).__name__}; free memory "
                "first, and where that does not help, download the file again"
            ) from error
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{path}: cannot be read ({why}); download it again") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: expected tensors only, but the pickle wants to run code; it was not read. "
            "Convert it to safetensors where you trust it"
        ) from error
    raise InputError(
        f"{path}: expected .safetensors, .npz, .pth or .pt, got {path.suffix or 'no suffix'}"
    )


def check_fit(
    path: Path, expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise InputError that lists every missing, superfluous and mis-shaped tensor of a file."""
    faults = [f"missing {name} {expected[name]}" for name in sorted(expected.keys() - given)]
    faults += [f"not expected {name} {given[name]}" for name in sorted(given.keys() - expected)]
    faults += [
        f"{name} is {given[name]} instead of {expected[name]}"
        for name in sorted(expected.keys() & given)
        if given[name] != expected[name]
    ]
    if faults:
        raise InputError(
            f"{path}: its tensors do not fit the network: {'; '.join(faults)}; give a whole file "
            "for this backbone (a file of some layers needs partial)"
        )


def with_digest(about: Mapping[str, object], tensors: Mapping[str, Tensor]) -> str:
    """Return the facts as JSON with a ``digest`` of themselves and the tensors they go with.

    safetensors itself knows only the sizes of its tensors; `check_digest` knows their values.
    """
    return json.dumps({**about, "digest": _digest(about, tensors)}, sort_keys=True)


def check_digest(path: Path, about: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise InputError where facts and tensors of a file are not those that were written."""
    facts = json.loads(about)
    expected, given = str(facts.pop("digest", "none")), _digest(facts, tensors)
    if given != expected:
        raise InputError(
            f"{path}: expected the tensors as they were written, got others (SHA-256 {given[:12]} "
            f"instead of {expected[:12]}); delete the file and make it again"
        )


def _digest(about: Mapping[str, object], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors_of_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})


def _tensors_of_pickle(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.pth``, also where they lie below the key ``state_dict``."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(
        isinstance(tensor, Tensor) for tensor in content.values()
    ):
        raise InputError(f"{path}: expected names with tensors, got {type(content).__name__}")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}
