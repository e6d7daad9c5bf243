"""Where the real data lie: the one place that knows."""

import os
from pathlib import Path


def real_data() -> Path:
    """Return the folder of real data: MASKTRACK_REAL, else shared/real beside the repository."""
    beside = Path(__file__).parents[2] / "shared" / "real"
    return Path(os.environ.get("MASKTRACK_REAL", beside))


def real_inputs() -> Path:
    """Return the folder of inputs that people reported: shared/inputs, beside the real data."""
    return real_data().parent / "inputs"
