"""The state of a training on disk: written whole or not at all, the one before it kept.

A training that was killed at any moment goes on from the last state; on the CPU it ends with the
same bits as one that was never killed.
"""

import hashlib
import json
import logging
import os
import pickle
import signal
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from masktrack_core.errors import InputError
from masktrack_core.files.durability import rename, sync_folder
from masktrack_core.files.tensors import DAMAGE

_LOG = logging.getLogger(__name__)

State: TypeAlias = dict[str, Any]
"""Tensors and plain values: ``digest``, ``iteration``, weights, optimiser, losses and norms."""


class StateNotWrittenError(OSError):
    """The disk did not take the state of a training; the one before it is kept."""


def previous_state(path: Path) -> Path:
    """Return where the state before the newest one is kept."""
    return path.with_name(path.name + ".previous")


def write_state(path: Path, state: State) -> None:
    """Write the state so that, whenever the machine stops, a whole one is on disk.

    Raises `StateNotWrittenError`, the states before untouched, where the disk does not take it.
    """
    # Of its own: a job whose Snakemake was killed may be at work beside the one that replaced it.
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch's writer hides the disk's error in its own
        _drop(partial)
        raise StateNotWrittenError(
            f"{path}: the training state of step {state.get('iteration')} could not be written "
            f"({_reason(error)}); make room on the disk and run again: training goes on from the "
            "state before it"
        ) from error
    try:
        with suppress(FileNotFoundError):
            rename(path, previous_state(path))
        rename(partial, path)
    except FileNotFoundError:
        _LOG.warning("%s: another process ended this training and removed its states", path)


def _reason(error: BaseException) -> str:
    """Return the first error that was followed by this one, in a line."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).partition("\n")[0]


def _drop(partial: Path) -> None:
    with suppress(OSError):
        partial.unlink(missing_ok=True)


def read_state(path: Path, digest: str) -> State | None:
    """Return the newest whole state of this training; None where there is none.

    A file that cannot be read is passed over with a warning. A state of another training, told
    by ``digest``, raises ``InputError``: to go on from it would mix two experiments.
    """
    for candidate in (path, previous_state(path)):
        state = _read_one(candidate)
        if state is None:
            continue
        if state["digest"] != digest:
            raise InputError(
                f"{candidate}: expected the state of this training (digest {digest[:12]}), got "
                f"one with other parameters, seed, code, examples or first weights (digest "
                f"{str(state['digest'])[:12]}); delete the file or give another path"
            )
        return state
    return None


def remove_state(path: Path) -> None:
    """Delete the state and the one before it; for when the result is written."""
    for file in (path, previous_state(path), *path.parent.glob(f"{escape(path.name)}.partial*")):
        file.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)


def training_digest(network: nn.Module, facts: Mapping[str, object]) -> str:
    """Return what tells one training from another: its facts and the weights it starts from."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether no number is infinite or NaN."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())


@dataclass
class Stop:
    """Whether a training was asked to stop."""

    by: str | None = None
    """Name of the signal that asked, e.g. SIGTERM; None while none did."""


@contextmanager
def noted_stop(wanted: bool) -> Iterator[Stop]:
    """Note SIGTERM and Ctrl-C (SIGINT) inside the block instead of dying of them, if wanted.

    The step at work can then be finished and saved. A second Ctrl-C kills at once; a second SIGTERM
    does not, since schedulers send it to a job by more than one way, and have SIGKILL.
    """
    stop = Stop()
    # Only the main thread may ask for signals.
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, _frame: object) -> None:
        stop.by = stop.by or signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_one(path: Path) -> State | None:
    """Return the state in a file; None, with a warning where it is broken, if there is none."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (*DAMAGE, pickle.UnpicklingError) as why:
        _LOG.warning("%s: not a whole training state (%s); it is passed over", path, why)
        return None
    if not isinstance(state, dict) or "digest" not in state:
        _LOG.warning("%s: not a training state; it is passed over", path)
        return None
    return state
