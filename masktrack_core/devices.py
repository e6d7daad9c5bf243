"""The one place that turns a device's name into a device."""

import logging
import os
import re

import numpy as np
import torch
from numpy.typing import NDArray

from masktrack_core.errors import InputError
from masktrack_core.gpus import take_gpu

_log = logging.getLogger(__name__)


def use_device(name: str, threads: int) -> torch.device:
    """Return the device named ``auto``, ``cpu`` or ``cuda:N``, and fix the number of CPU threads.

    ``auto`` is a GPU where there is one, of several the first that no other job has. The number of
    threads is set, not left to the machine: the order of floating-point sums, hence the last
    digits, depends on it.
    Raises `InputError` for any other name and for a GPU that is not there.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise InputError(
            f"device: expected auto, cpu, cuda or cuda:N, got '{name}'; others, such as mps, are "
            "not tested and not offered"
        )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if torch.cuda.device_count() > 1:
            name = f"cuda:{take_gpu(torch.cuda.device_count())}"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device: expected a machine with a GPU for '{name}', torch sees none; "
            "set `device: auto` or `device: cpu`"
        )
    count, number = torch.cuda.device_count(), int(name.partition(":")[2] or 0)
    if name.startswith("cuda") and number >= count:
        raise InputError(
            f"device: expected one of the {count} GPUs that torch sees, cuda:0 to "
            f"cuda:{count - 1}, got '{name}'; correct the number"
        )
    model = f" ({torch.cuda.get_device_name(name)})" if name.startswith("cuda") else ""
    _log.info("device %s%s, %d CPU threads, torch %s", name, model, threads, torch.__version__)
    return torch.device(name)


def send(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Return the array as a tensor on the device; the host does not wait for the copy.

    On the CPU it is the same memory.
    """
    tensor = torch.from_numpy(array)
    if device.type == "cuda":  # a copy from other memory waits
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
