import pytest
import torch
from drawn_clip import write_clip

from masktrack_core.annotating.project import Project
from masktrack_core.annotating.studio import Networks, Studio
from masktrack_core.experiment.models import load


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip")


@pytest.fixture(scope="session")
def networks():
    mask, box = load("included:mask"), load("included:box")
    return Networks(
        mask=mask.network,
        propagation=mask.usage.propagation,
        box=box.network,
        box_propagation=box.usage.propagation,
    )


@pytest.fixture
def studio(clip, tmp_path, networks):
    made = Studio(Project(clip, tmp_path / "work"), networks, threads=1, iterations=2)
    yield made
    made.jobs.stop()
