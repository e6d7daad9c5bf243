import pytest
from drawn_clip import write_clip

from masktrack_core.annotating.project import Project
from masktrack_core.annotating.studio import Studio
from masktrack_core.experiment.models import load


@pytest.fixture(autouse=True)
def one_order(one_thread):
    """Sums in one order, for tests of bytes."""


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip")


@pytest.fixture(scope="session")
def mask_model():
    return load("included:mask")


@pytest.fixture(scope="session")
def box_model():
    return load("included:box")


@pytest.fixture
def studio(clip, tmp_path, mask_model, box_model):
    made = Studio(Project(clip, tmp_path / "work"), mask_model, box_model, threads=1, iterations=2)
    yield made
    made.jobs.stop()
