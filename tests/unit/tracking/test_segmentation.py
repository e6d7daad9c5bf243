"""Learning several objects of a video: one network each, or one for all."""

import copy

import numpy as np
import pytest
import torch

from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.seeds import torch_generator
from masktrack_core.tracking import segmentation
from masktrack_core.tracking.propagation_params import PropagationParams
from masktrack_core.tracking.segmentation import (
    FinetuningParams,
    finetune,
    finetune_shared,
    segment_together,
)
from masktrack_core.training.examples import FirstFrameParams
from masktrack_core.training.loop import TrainParams

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 64, 96
STILL = AugmentationParams(flip=False, rotation_deg=0, scale=(1, 1))
NOTHING = DeformationParams(scale=0, shift=0, control_points=0, dilation_radius=0)


def square(x, y, side=16):
    mask = np.zeros(SIZE, np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


LEFT, RIGHT, LATE = square(10, 20), square(60, 30), square(40, 40)
FRAMES = [np.full((*SIZE, 3), 90, np.uint8) + 40 * LEFT[..., None].astype(np.uint8)] * 4
#: The third object comes with frame 2, in which the first is gone.
OBJECTS = {7: {2: LATE}, 1: {0: LEFT, 2: np.zeros(SIZE, np.bool_)}, 2: {0: RIGHT, 2: RIGHT}}


def network(*, told=True):
    spec = NetworkSpec(backbone="slim", head="decoder", others=told)
    return build_network(spec, generator=torch_generator(1, "network")).eval()


def params(**given):
    examples = FirstFrameParams(
        crop=CropParams(size=65, region=2.0),
        augmentation=STILL,
        deformation=NOTHING,
        neighbours=True,
    )
    schedule = TrainParams(iterations=2, batch_size=2, learning_rate=1e-3)
    return FinetuningParams(examples=examples, schedule=schedule, **given)


def weights(net):
    return [one.detach().clone() for one in net.parameters()]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def trained(monkeypatch):
    """Keep what networks are trained on, which stay as they are."""
    kept = []

    def train(net, examples, params, *, seed, run):
        kept.append((net, examples))

    monkeypatch.setattr(segmentation, "train", train)
    return kept


def test_objects_take_turns_in_one_training_in_the_order_of_their_numbers(trained):
    finetune_shared(network(), FRAMES, OBJECTS, params(shared=True), seed=1)
    ((_, examples),) = trained
    numbered = [np.full((*SIZE, 3), t, np.uint8) for t in range(4)]
    finetune_shared(network(), numbered, OBJECTS, params(shared=True), seed=1)
    for found, frames in zip((one for _, one in trained), (FRAMES, numbered), strict=True):
        wanted = [(LEFT, 0), (RIGHT, 0), (RIGHT, 2), (LATE, 2)]
        for (frame, mask), (true, t) in zip(found._annotated, wanted, strict=True):
            assert np.array_equal(mask, true) and frame is frames[t]
    assert all((examples[number].target == 1).any() for number in range(4))


def test_each_object_is_told_of_the_others_of_its_frame_and_moved_to_them_in_every_second_turn(
    trained,
):
    finetune_shared(network(), FRAMES, OBJECTS, params(shared=True), seed=1)
    ((_, examples),) = trained
    others = [RIGHT, LEFT, LATE, RIGHT]  # of LEFT, RIGHT in frame 0, RIGHT in frame 2, LATE
    assert [[mask.tolist() for mask in one] for one in examples._others] == [
        [mask.tolist()] for mask in others
    ]
    plain = [examples[number] for number in range(4)]
    assert all(one.prior.shape == (2, 65, 65) for one in plain)
    assert any(not np.array_equal(examples[n + 4].image, plain[n].image) for n in range(4))


def test_one_object_is_learnt_as_alone():
    alone, shared = network(), network()
    finetune(alone, FRAMES, {0: LEFT}, params(), seed=3)
    finetune_shared(shared, FRAMES, {5: {0: LEFT}}, params(shared=True), seed=3)
    assert equal(weights(alone), weights(shared))
    assert not equal(weights(alone), weights(network()))


@pytest.mark.parametrize("shared", [True, False])
def test_all_objects_are_followed_by_what_learnt_them(trained, monkeypatch, shared):
    used = {}

    def propagate_together(networks, *_):
        used.update(networks)
        return iter(())

    monkeypatch.setattr(segmentation, "propagate_together", propagate_together)
    given = network()
    before = copy.deepcopy(given.state_dict())
    found = segment_together(
        given, FRAMES, OBJECTS, finetuning=params(shared=shared), propagation=PropagationParams()
    )
    assert not trained  # nothing is computed before the first is asked for
    assert list(found) == []
    learnt = [net for net, _ in trained]
    assert len(learnt) == (1 if shared else 3)
    assert {id(net) for net in used.values()} == {id(net) for net in learnt}
    assert used.keys() == OBJECTS.keys() and id(given) not in map(id, learnt)
    assert equal(given.state_dict().values(), before.values())
