"""Batches of examples for the network, made in the background where wanted."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from masktrack_core.training.examples import Examples


class Batch(NamedTuple):
    """Stacked examples."""

    image: Tensor
    """uint8 ``(B, 3, c, c)``, RGB."""
    prior: Tensor
    """bool ``(B, 1, c, c)``, or ``(B, 2, c, c)`` with the others' masks."""
    target: Tensor
    """uint8 ``(B, c, c)``: 1 object, 0 background, 255 ignored."""


class _Batches(Dataset[Batch]):
    """Batch ``t`` holds the examples ``t × size`` and following."""

    def __init__(self, examples: Examples, size: int) -> None:
        self._examples = examples
        self._size = size

    def __getitem__(self, step: int) -> Batch:
        first = step * self._size
        chosen = [self._examples[number] for number in range(first, first + self._size)]
        # Pictures come with colours last in memory and stay so, as convolutions like them.
        images = np.stack([example.image.transpose(1, 2, 0) for example in chosen])
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(np.stack([example.prior for example in chosen])),
            torch.from_numpy(np.stack([example.target for example in chosen])),
        )


def batches(
    examples: Examples, size: int, steps: range, *, workers: int = 0, pin: bool = False
) -> Iterator[Batch]:
    """Return the batches of these steps in order; the same for any number of workers.

    ``workers`` processes make them ahead of time, at most one for each core; with 0 they are
    made when asked for. ``pin`` puts them where a GPU can fetch them by itself.
    """
    loader = DataLoader(
        _Batches(examples, size),
        batch_size=None,
        sampler=steps,
        num_workers=min(workers, len(os.sched_getaffinity(0))),
        pin_memory=pin,
        worker_init_fn=_begin_worker,
        collate_fn=_as_it_is,
    )
    # A scheduler sends SIGTERM to every process of a job, a terminal SIGINT, and a worker that died
    # of it would take the saving of the state with it: only the training, which started the
    # workers, ends them. They have it blocked from the fork on, not from `_begin_worker` on, which
    # may come late on a busy machine.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(_worker: int) -> None:
    threading.Thread(target=_obey_parent, daemon=True).start()
    # OpenCV's threads do not survive the fork of a worker, and workers are as many as cores.
    cv2.setNumThreads(0)


def _obey_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


def _as_it_is(batch: Any) -> Any:
    return batch
