"""Where the real data lie, and inputs like those of real people: the one place that knows."""

import os
from pathlib import Path


def real_data() -> Path:
    """Return the folder of real data: MASKTRACK_REAL, else shared/real beside the repository."""
    beside = Path(__file__).parents[2] / "shared" / "real"
    return Path(os.environ.get("MASKTRACK_REAL", beside))


def real_inputs() -> Path:
    """Return the folder of inputs that people's reports describe: shared/inputs, or as told."""
    beside = Path(__file__).parents[2] / "shared" / "inputs"
    return Path(os.environ.get("MASKTRACK_INPUTS", beside))
