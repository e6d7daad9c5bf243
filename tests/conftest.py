"""Where the real data lie, and the marks of tests that need more than the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("MASKTRACK_REAL", ROOT.parent / "shared" / "real"))


@pytest.fixture
def real():
    """Return the folder of real data; skip where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"no real data at {REAL}; set MASKTRACK_REAL to a folder that has them")
    return REAL
