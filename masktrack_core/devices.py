"""The one place that turns a device's name into a device, and says what it is."""

import ctypes
import logging
import os
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from masktrack_core.errors import InputError
from masktrack_core.gpus import gpu_given, take_gpu

_log = logging.getLogger(__name__)

#: Where NVIDIA's driver says what it is.
DRIVER = Path("/proc/driver/nvidia/version")
OLDEST_DRIVER = {"11": 450, "12": 525, "13": 580}
"""The first driver that runs a build of torch, by the first number of its CUDA."""


def use_device(name: str, threads: int, *, deterministic: bool = False) -> torch.device:
    """Return the device named ``auto``, ``cpu`` or ``cuda:N``, and fix the number of CPU threads.

    ``auto`` is a GPU where there is one, of several the first that no other job has. The number of
    threads is set, not left to the machine: the order of floating-point sums, hence the last
    digits, depends on it. ``deterministic`` has a GPU take its sums in one order too: the same
    bytes on one model of GPU, more slowly. What is used is said in the log.

    Raises `InputError` for any other name, for a GPU that is not there, and, with ``auto`` too,
    where this machine or the cluster gave a GPU that torch cannot use: a CPU in its place would be
    a hundred times slower and say nothing.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise InputError(
            f"device: expected auto, cpu, cuda or cuda:N, got '{name}'; others, such as mps, are "
            "not tested and not offered"
        )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # As use_deterministic_algorithms, which imports a compiler for seconds.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    device = torch.device(_chosen() if name == "auto" else name)
    if device.type == "cuda":
        _check_gpu(device, name)
    _log.info("%s", ", ".join(f"{key} {value}" for key, value in device_facts(device).items()))
    return device


def _chosen() -> str:
    """Return what ``auto`` is on this machine."""
    if not torch.cuda.is_available() and not gpu_given():
        return "cpu"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"cuda:{take_gpu(count)}" if count > 1 else "cuda"


def _check_gpu(device: torch.device, name: str) -> None:
    """Raise where torch cannot run anything on a GPU."""
    if not torch.cuda.is_available():
        raise InputError(
            f"device: expected a GPU that torch can use for '{name}', {_why_none()}; see "
            "docs/gpu.md, or set `device: cpu`"
        )
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise InputError(
            f"device: expected one of the {count} GPUs that torch sees, cuda:0 to "
            f"cuda:{count - 1}, got '{name}'; correct the number"
        )
    capability, built = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if not runs_on(capability, built):
        raise InputError(
            f"device: expected a GPU for which this torch was built ({' '.join(built)}), got "
            f"{torch.cuda.get_device_name(device)} of capability {capability[0]}.{capability[1]}; "
            f"install a torch of an older CUDA than {torch.version.cuda}: docs/gpu.md"
        )


def runs_on(capability: tuple[int, int], built: list[str]) -> bool:
    """Return whether code for these architectures (``sm_80``, ``compute_90``) runs on a GPU.

    Machine code runs on its own major version from its minor version on; intermediate code
    (``compute``) on everything after it.
    """
    major, minor = capability
    for kind, digits in re.findall(r"(sm|compute)_([0-9]+)", " ".join(built)):
        there = int(digits[:-1]), int(digits[-1])
        if there <= (major, minor) and (kind == "compute" or there[0] == major):
            return True
    return False


def _why_none() -> str:
    """Return why torch sees no GPU, and what to do."""
    cuda, driver = torch.version.cuda, driver_version()
    found = f"driver {driver or 'not found'}, torch {torch.__version__}"
    if cuda is None:
        return f"but this torch is built for the CPU ({found}); install one that is built for CUDA"
    found += f" built for CUDA {cuda}"
    oldest = OLDEST_DRIVER.get(cuda.partition(".")[0], 0)
    if driver is None:
        return (
            f"but NVIDIA's driver is not to be seen ({found}); start the job, or the container "
            "(`--nv`, `--gpus all`), where it is"
        )
    if int(driver.partition(".")[0]) < oldest:
        return (
            f"but the driver is older than {oldest}, which CUDA {cuda} wants ({found}); update "
            "the driver or install a torch of an older CUDA"
        )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"but it sees none ({found}, CUDA_VISIBLE_DEVICES {hidden!r}); ask for one"


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, e.g. ``580.65.06``; None where there is none."""
    try:
        found = re.search(r"\b(\d{3}\.\d+(\.\d+)?)\b", DRIVER.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def device_facts(device: torch.device) -> dict[str, str]:
    """Return what decides the last digits of a result: device, precision, order of sums, threads.

    For the first line of a log and for the record of a result.
    """
    facts = {"device": device.type, "threads": str(torch.get_num_threads())}
    if device.type == "cpu":
        facts["bf16"] = str(computes_bf16(device))
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        deterministic = torch.are_deterministic_algorithms_enabled()
        facts |= {
            "name": torch.cuda.get_device_name(device),
            "capability": f"{major}.{minor}",
            "driver": driver_version() or "unknown",
            "cuda": str(torch.version.cuda),
            "tf32": f"convolutions {torch.backends.cudnn.allow_tf32}, "
            f"products {torch.backends.cuda.matmul.allow_tf32}",
            "bf16": str(computes_bf16(device)),
            "deterministic": str(deterministic),
        }
    return facts


def computes_bf16(device: torch.device) -> bool:
    """Return whether a device has arithmetic of its own for bf16, rather than imitating it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities()  # avx512_bf16, amx_bf16; bf16, sve_bf16 on Arm
    return any(found for name, found in abilities.items() if name.endswith("bf16"))


def in_bf16(precision: str, device: torch.device) -> bool:
    """Return whether activations of this precision are bf16 there: where the device has it.

    Elsewhere they are float32: imitated, a step of training takes seven times as long on a CPU.
    """
    return precision == "bf16" and computes_bf16(device)


def send(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Return the array as a tensor on the device; the host does not wait for the copy.

    On the CPU it is the same memory.
    """
    tensor = torch.from_numpy(array)
    if device.type == "cuda":  # a copy from other memory waits
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def return_memory() -> None:
    """Give memory that was freed back to the system, where the C library can be told to.

    glibc keeps hundreds of MB after a training, in pieces, which nothing later fills.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
