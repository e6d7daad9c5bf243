"""Names of devices, and what is said where torch cannot use the GPU that is there."""

import logging
import platform
import resource
from pathlib import Path

import pytest
import torch

from masktrack_core import devices, gpus
from masktrack_core.devices import device_facts, in_bf16, return_memory, runs_on, use_device
from masktrack_core.errors import InputError

VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Wed Jan 1 00:00:00 UTC 2025\n"


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine without driver, GPU and scheduler; torch's settings as they were afterwards."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["banana", "mps", "cuda:", "cuda:x", "", "cpu:0", "AUTO"])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="expected auto, cpu, cuda or cuda:N"):
        use_device(name, 1)


def test_auto_is_the_cpu_where_nobody_gave_a_gpu_and_the_log_says_so(caplog):
    with caplog.at_level(logging.INFO):
        assert use_device("auto", 1) == torch.device("cpu")
    (said,) = caplog.messages
    assert said.startswith("device cpu, threads 1, bf16 ")


@pytest.mark.parametrize("sign", ["SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES", "nvidia0"])
def test_auto_is_no_silent_cpu_where_a_gpu_was_given(machine, monkeypatch, sign):
    if sign == "nvidia0":
        (machine / sign).touch()
    else:
        monkeypatch.setenv(sign, "0")
    with pytest.raises(InputError, match=r"for 'auto'.*docs/gpu.md, or set `device: cpu`"):
        use_device("auto", 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # hidden on purpose
    assert use_device("auto", 1).type == "cpu"


@pytest.mark.parametrize(
    ("cuda", "driver", "said"),
    [
        (None, "580.65.06", r"built for the CPU \(driver 580.65.06, torch .*install one that is"),
        ("13.0", None, r"driver is not to be seen \(driver not found.* CUDA 13.0\).*`--nv`"),
        ("13.0", "550.54.14", r"older than 580, which CUDA 13.0 wants \(driver 550.54.14"),
        ("12.8", "550.54.14", r"sees none \(driver 550.54.14, .*CUDA_VISIBLE_DEVICES None"),
    ],
)
def test_a_gpu_that_torch_cannot_use_says_driver_build_and_what_to_do(
    machine, monkeypatch, cuda, driver, said
):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    if driver:
        (machine / "version").write_text(VERSION.format(driver))
    with pytest.raises(InputError, match=said) as error:
        use_device("cuda", 1)
    assert "\n" not in str(error.value)


@pytest.fixture
def one_gpu(machine, monkeypatch):
    """One Turing card, as torch would tell of it."""
    (machine / "version").write_text(VERSION.format("580.65.06"))
    told = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_name": lambda device: "Tesla T4",
        "get_device_capability": lambda device: (7, 5),
        "get_arch_list": lambda: ["sm_75", "sm_80", "compute_120"],
        "is_bf16_supported": lambda including_emulation=True: including_emulation,
    }
    for name, function in told.items():
        monkeypatch.setattr(torch.cuda, name, function)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    return monkeypatch


def test_a_gpu_is_described_in_the_first_line(one_gpu, caplog):
    with caplog.at_level(logging.INFO):
        assert use_device("auto", 2, deterministic=True) == torch.device("cuda")
    assert caplog.messages == [
        "device cuda, threads 2, name Tesla T4, capability 7.5, driver 580.65.06, cuda 13.0, tf32 "
        "convolutions True, products False, bf16 False, deterministic True"
    ]


def test_a_cpu_is_described_by_its_threads_and_whether_it_computes_in_bf16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    use_device("cpu", 2)
    assert device_facts(torch.device("cpu")) == {"device": "cpu", "threads": "2", "bf16": "False"}


@pytest.mark.parametrize(
    ("abilities", "computes"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx2": True, "avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True, "bf16": False, "sve_bf16": False}, False),
        ({"cpu_name": "Has bf16", "avx2": True}, False),
    ],
)
def test_bf16_is_computed_where_the_cpu_has_it_and_is_float32_elsewhere(
    monkeypatch, abilities, computes
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities)
    assert in_bf16("bf16", torch.device("cpu")) is computes
    assert in_bf16("fp32", torch.device("cpu")) is False


def test_bf16_is_float32_on_a_gpu_that_imitates_it(one_gpu):
    assert in_bf16("bf16", torch.device("cuda")) is False
    one_gpu.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert in_bf16("bf16", torch.device("cuda")) is True


def test_a_number_beyond_the_gpus_is_refused(one_gpu):
    with pytest.raises(InputError, match=r"one of the 1 GPUs.*got 'cuda:9'; correct the number"):
        use_device("cuda:9", 1)


def test_a_gpu_for_which_torch_was_not_built_is_refused(one_gpu):
    one_gpu.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    with pytest.raises(InputError, match=r"\(sm_80 sm_90\), got Tesla T4 of capability 7.5"):
        use_device("cuda", 1)


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["compute_80"], True),
        ((12, 0), ["sm_120"], True),
        ((10, 0), ["sm_120", "compute_120"], False),
    ],
)
def test_machine_code_runs_on_its_own_generation_and_intermediate_code_on_later_ones(
    capability, built, runs
):
    assert runs_on(capability, built) == runs


def test_deterministic_sums_are_asked_for_and_off_by_default():
    use_device("cpu", 1, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    use_device("cpu", 1)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc to return memory")
def test_memory_that_was_freed_goes_back_to_the_system():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    pieces = [bytearray(b"x" * 100_000) for _ in range(2000)]
    kept = pieces[::100]  # no long free stretch at the end, which would go back by itself
    del pieces
    before = resident()
    return_memory()
    assert resident() < before - 100e6
    assert len(kept) == 20
