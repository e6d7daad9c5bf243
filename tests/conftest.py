"""Where the real data lie, and the marks of tests that need more than the repository."""

import pytest
from real_data import real_data, real_inputs

REAL = real_data()
INPUTS = real_inputs()


@pytest.fixture
def real():
    """Return the folder of real data; skip where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"no real data at {REAL}; set MASKTRACK_REAL to a folder that has them")
    return REAL


@pytest.fixture(scope="module")
def one_thread():
    """Let torch compute with one thread, so that sums have one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def bf16(monkeypatch):
    """Have a CPU compute in bf16, which one that has none of it imitates, slowly."""
    monkeypatch.setattr("masktrack_core.devices.computes_bf16", lambda device: True)


@pytest.fixture
def inputs():
    """Return the folder of inputs that people's reports describe; skip where it is absent."""
    if not INPUTS.is_dir():
        pytest.skip(f"no inputs at {INPUTS}; set MASKTRACK_INPUTS to a folder that has them")
    return INPUTS
