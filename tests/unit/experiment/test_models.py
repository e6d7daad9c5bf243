"""A network with its usage, in one call."""

import copy
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masktrack_core.commands import cli
from masktrack_core.errors import InputError
from masktrack_core.experiment.models import load
from masktrack_core.experiment.usage import read_usage
from masktrack_core.files.io import read_mask, write_frame, write_mask
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.networks.included import included_network
from masktrack_core.networks.weights import load_network
from masktrack_core.training.optimisers import TrainParams

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """A person's folder: five frames of a square that moves, and its first mask."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    for t in range(5):
        frame = np.full((96, 128, 3), 60, np.uint8)
        frame[20:60, 10 + 6 * t : 50 + 6 * t] = (200, 60, 40)
        write_frame(Path(f"frames/{t:05d}.png"), frame)
    mask = np.zeros((96, 128), np.bool_)
    mask[20:60, 10:50] = True
    write_mask(Path("first.png"), mask)
    yield tmp_path
    torch.set_num_threads(threads)


def test_the_snippet_of_the_docs_gives_the_masks_of_segment(clip):
    page = (ROOT / "docs" / "library.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "library.md", "exec"), {})
    command = ["segment", "frames", "--first", "first.png", "--out", "theirs", "--no-finetune"]
    assert cli.main([*command, "--device", "cpu"]) == 0
    names = sorted(path.name for path in Path("theirs").glob("*.png"))
    assert len(names) == 5
    for name in names:
        ours = read_mask(Path("masks") / name)
        assert ours.any() and np.array_equal(ours, read_mask(Path("theirs") / name)), name


def test_the_script_that_shows_the_library_follows_and_scores(clip, monkeypatch, capsys):
    script = runpy.run_path(str(ROOT / "examples" / "segment_folder.py"))
    model = load("included:mask")
    quick = replace(model.usage.finetuning, schedule=TrainParams(iterations=1, batch_size=2))
    short = replace(model, usage=replace(model.usage, finetuning=quick))
    script["main"].__globals__["load"] = lambda where: short
    for t in range(5):
        truth = np.zeros((96, 128), np.bool_)
        truth[20:60, 10 + 6 * t : 50 + 6 * t] = True
        write_mask(Path(f"truth/{t:05d}.png"), truth)
    script["main"](Path("frames"), Path("first.png"), Path("out"), Path("truth"))
    pred, truth = (
        np.stack([read_mask(Path(f"{side}/{t:05d}.png")) for t in (1, 2, 3)])
        for side in ("out", "truth")
    )
    assert f"mean J {100 * region_similarity(pred, truth).mean():.1f};" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["mask", "box"])
def test_an_included_network_is_loaded_with_the_settings_of_its_file(name):
    model = load(f"included:{name}")
    network, record = load_network(included_network(name))
    assert model.usage == read_usage(record) and model.usage.finetuning is not None
    assert model.network.spec == network.spec
    assert load(included_network(name)).usage == model.usage


def test_training_on_the_first_frame_leaves_the_network_as_it_is(clip, monkeypatch):
    from masktrack_core.experiment import models

    seen = {}

    def segment_video(network, frames, annotations, **settings):
        seen.update(settings, network=network)
        return iter(())

    monkeypatch.setattr(models, "segment_video", segment_video)
    model = load("included:mask")
    before = copy.deepcopy(model.network.state_dict())
    list(model.segment([], {}, seed=3))
    assert seen["finetuning"] == model.usage.finetuning and seen["seed"] == 3
    assert seen["propagation"] == model.usage.propagation
    with torch.no_grad():
        next(seen["network"].parameters()).add_(1)
    after = model.network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    list(model.segment([], {}, finetune=False))
    assert seen["finetuning"] is None


def test_objects_are_followed_together_each_by_a_copy_that_learnt_it(monkeypatch):
    from masktrack_core.tracking import segmentation

    learnt = []

    def learn(network, frames, annotations, params, *, others, seed):
        learnt.append((network, annotations[0].sum(), others[0][0].sum(), seed))

    monkeypatch.setattr(segmentation, "finetune", learn)
    model = load("included:mask")
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (40, 56, 3), np.uint8) for _ in range(2)]
    objects = {n: {0: np.zeros((40, 56), bool)} for n in (1, 4)}
    objects[1][0][5:20, 5:20], objects[4][0][20:30, 5:20] = True, True
    answers = model.segment_together(frames, objects, seed=3)
    assert not learnt  # nothing is computed before the first is asked for
    found = {(t, n): mask for t, n, mask in answers}
    assert [said for _, *said in learnt] == [[225, 150, 3], [150, 225, 3]]
    assert len({id(network) for network, *_ in learnt} | {id(model.network)}) == 3
    assert sorted(found) == [(0, 1), (0, 4), (1, 1), (1, 4)]
    assert not (found[1, 1] & found[1, 4]).any()
    assert all(np.array_equal(found[0, n], objects[n][0]) for n in objects)
    list(model.segment_together(frames, objects, finetune=False))
    assert len(learnt) == 2


def test_what_is_no_network_is_named():
    with pytest.raises(InputError, match=r"expected included:mask or .*, got 'included:x"):
        load("included:x")
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        load("nowhere.safetensors")
