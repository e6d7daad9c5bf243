"""Propagation with a network whose answer is known: the brightest pixels near the prior."""

import copy
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from masktrack_core.errors import InputError
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.elementary import dilate
from masktrack_core.masks.regions import CropParams
from masktrack_core.measures.metrics import contour_accuracy, region_similarity
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.tracking.propagation import PropagationParams, predict, propagate
from masktrack_core.tracking.resident import Resident
from masktrack_core.tracking.segmentation import (
    FinetuningParams,
    finetune,
    segment_boxes,
    segment_video,
)
from masktrack_core.training.examples import FirstFrameExamples, FirstFrameParams
from masktrack_core.training.loop import TrainParams


class Follower(nn.Module):
    """Calls a pixel object where it is bright and the prior is on."""

    def __init__(self, prior="mask"):
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.spec = SimpleNamespace(prior=prior, others=False)
        self.priors = []

    def forward(self, image, prior):
        self.priors.append(prior[0, 0].numpy().copy())
        score = 20.0 * ((image[:, :1] > 127) & (prior > 0)).float() - 10
        return torch.cat([-score, score], dim=1)


class Graded(Follower):
    """Calls a pixel object as probable as it is bright, wherever the prior is."""

    def forward(self, image, prior):
        self.priors.append(prior[0, 0].numpy().copy())
        bright = (image[:, :1].float() / 255).clamp(1e-3, 1 - 1e-3)
        score = torch.log(bright / (1 - bright)) / 2
        return torch.cat([-score, score], dim=1)


def moving_square(length=8, step=2, size=(40, 64)):
    """A bright 10 × 10 square that moves right by ``step`` a frame, and its masks."""
    masks = np.zeros((length, *size), bool)
    for t in range(length):
        masks[t, 15:25, 5 + step * t : 15 + step * t] = True
    return np.repeat(masks[..., None], 3, axis=3).astype(np.uint8) * 255, masks


def run(frames, annotations, network=None, **params):
    params = PropagationParams(**{"dilation_radius": 3} | params)
    results = list(propagate(network or Follower(), [frames], annotations, params))
    assert sorted(t for t, _ in results) == list(range(len(frames)))
    return dict(results)


def test_a_moving_object_is_followed_where_the_dilation_covers_its_step():
    frames, masks = moving_square()
    probs = run(frames, {0: masks[0]})
    for t, mask in enumerate(masks):
        assert np.array_equal(probs[t] > 0.5, mask)


def test_an_object_faster_than_the_dilation_is_lost_bit_by_bit():
    frames, masks = moving_square(step=5)
    assert (run(frames, {0: masks[0]})[1] > 0.5).sum() == 80


def test_the_previous_mask_is_dilated_by_the_true_disk_before_it_guides():
    frames, masks = moving_square(length=2)
    network = Follower()
    run(frames, {0: masks[0]}, network, dilation_radius=1)
    assert network.priors[0].sum() == 100 + 4 * 10


@pytest.mark.parametrize(("threshold", "guiding"), [(0.3, 300), (0.5, 200), (0.7, 100)])
def test_what_is_above_the_threshold_guides_the_next_frame(threshold, guiding):
    frames = np.zeros((3, 40, 64, 3), np.uint8)
    for step, shade in enumerate((100, 150, 200)):  # 0.39, 0.59, 0.78
        frames[:, 10:20, 10 + 10 * step : 20 + 10 * step] = shade
    network = Graded()
    probs = run(frames, {0: frames[0, ..., 0] > 0}, network, dilation_radius=0, threshold=threshold)
    assert probs[1][15, [15, 25, 35]] == pytest.approx([100 / 255, 150 / 255, 200 / 255], abs=1e-3)
    assert [int(prior.sum()) for prior in network.priors] == [300, guiding]


class Unsure(Follower):
    """Calls every pixel object with the same score for and against it: exactly 0.5."""

    def forward(self, image, prior):
        self.priors.append(prior[0, 0].numpy().copy())
        return torch.zeros(1, 2, *image.shape[2:])


@pytest.mark.parametrize(("threshold", "guiding"), [(0.5, 100), (0.49, 40 * 64)])
def test_a_pixel_at_the_threshold_is_not_above_it(threshold, guiding):
    frames, masks = moving_square(length=3)
    network = Unsure()
    probs = run(frames, {0: masks[0]}, network, dilation_radius=0, threshold=threshold)
    assert np.unique(probs[2]) == [0.5]
    assert [int(prior.sum()) for prior in network.priors] == [100, guiding]


def test_the_defaults_are_the_paper_s():
    assert PropagationParams() == PropagationParams(
        dilation_radius=5,
        threshold=0.5,
        region=None,
        region_size=321,
        region_minimum=None,
        flow_weight=0.5,
        precision="fp32",
        connected=False,
        backwards=True,
    )
    ends = [{"dilation_radius": 0}, {"region_size": 33}, {"region_minimum": 1}]
    for good in (*ends, {"flow_weight": 0}, {"flow_weight": 1}):
        assert PropagationParams(**good)


@pytest.mark.parametrize(("threshold", "kept"), [(0.3, 150 / 255), (0.5, 0)])
def test_parts_are_those_of_the_mask_above_the_threshold(threshold, kept):
    """A part of 0.59 joined to the object by one of 0.39, which at 0.5 joins nothing."""
    frames = np.zeros((2, 40, 64, 3), np.uint8)
    frames[:, 10:20, 10:20] = 200
    frames[1, 14:16, 20:40], frames[1, 10:20, 40:50] = 100, 150
    first = frames[0, ..., 0] > 0
    probs = run(frames, {0: first}, Graded(), connected=True, threshold=threshold)
    far = probs[1][10:20, 40:50]
    assert far == pytest.approx(kept, abs=1e-3)
    assert probs[1][first] == pytest.approx(200 / 255, abs=1e-3)


@pytest.mark.parametrize(("radius", "touched"), [(3, False), (4, True)])
def test_a_part_touches_where_it_meets_the_coarsened_mask_before_it(radius, touched):
    frames = np.zeros((2, 40, 64, 3), np.uint8)
    frames[:, 10:20, 10:20] = 255
    frames[1, 10:20, 23:30] = 255  # its first column is 4 px from the object's last
    probs = run(
        frames, {0: frames[0, ..., 0] > 0}, Everywhere(), connected=True, dilation_radius=radius
    )
    assert (probs[1][12:18, 24:29] > 0.5).all() == touched
    assert (probs[1][12:18, 12:18] > 0.5).all()


def test_a_network_that_was_left_in_training_mode_drops_nothing():
    frames, masks = moving_square(length=3)
    spec = NetworkSpec(backbone="slim", head="largefov")
    network = build_network(spec, generator=torch.Generator().manual_seed(0)).train()
    twin = copy.deepcopy(network).eval()
    params = PropagationParams(dilation_radius=3, threshold=0.01)
    came, expected = (
        dict(propagate(net, [frames], {0: masks[0]}, params)) for net in (network, twin)
    )
    for t in range(3):
        assert np.array_equal(came[t], expected[t])
    box = {0: masks[0]}
    segments = segment_boxes(network.train(), frames, box, params)
    assert np.array_equal(segments[0], segment_boxes(twin, frames, box, params)[0])


class Everywhere(Follower):
    """Calls every bright pixel object, whatever the prior says."""

    def forward(self, image, prior):
        return super().forward(image, torch.ones_like(prior))


def test_parts_that_do_not_touch_the_mask_before_are_dropped_only_where_asked():
    frames, masks = moving_square()
    for t in range(len(frames)):
        frames[t, 2:8, 50:60] = 255  # another object, far away
        frames[t, 14, 15 + 2 * t] = 255  # of the first one, at a corner
        masks[t, 14, 15 + 2 * t] = True
    other = np.zeros_like(masks[0])
    other[2:8, 50:60] = True
    everywhere = run(frames, {0: masks[0]}, Everywhere())
    connected = run(frames, {0: masks[0]}, Everywhere(), connected=True)
    for t in range(1, len(frames)):
        assert np.array_equal(everywhere[t] > 0.5, masks[t] | other)
        assert np.array_equal(connected[t] > 0.5, masks[t])
        assert np.array_equal(connected[t][~other], everywhere[t][~other])


def test_where_no_part_touches_the_mask_before_it_guides_on():
    frames, masks = moving_square(length=4)
    frames[1:] = 0
    frames[1:, 2:8, 50:60] = 255
    frames[3] = np.repeat(masks[0][..., None], 3, axis=2) * np.uint8(255)
    probs = run(frames, {0: masks[0]}, Everywhere(), connected=True)
    assert not (probs[1] > 0.5).any()
    assert not (probs[2] > 0.5).any()
    assert np.array_equal(probs[3] > 0.5, masks[0])


@pytest.mark.parametrize("region", [None, 1.5])
def test_the_segment_of_a_box_lies_in_the_box(region):
    frames, _ = moving_square()
    box = np.zeros(frames[0].shape[:2], bool)
    box[10:30, 8:40] = True
    params = PropagationParams(region=region, region_size=64, region_minimum=8)
    (segment,) = segment_boxes(Everywhere("box"), frames, {0: box}, params).values()
    assert segment[16:24, 8:14].all()
    assert not segment[~box].any()


def test_a_box_in_which_nothing_is_found_is_the_segment(caplog):
    frames, masks = moving_square()
    assert not (frames[0, 28:38, 40:60] > 127).any()
    box = np.zeros_like(masks[0])
    box[28:38, 40:60] = True
    segments = segment_boxes(Everywhere("box"), frames, {0: box}, PropagationParams())
    assert np.array_equal(segments[0], box)
    assert "frame 0: the network finds nothing in the box" in caplog.text


def test_a_box_network_is_shown_the_box_without_dilation():
    frames, masks = moving_square(length=2)
    masks[0, 15, 5] = False
    network = Follower("box")
    run(frames, {0: masks[0]}, network)
    assert network.priors[0].sum() == 100


def test_propagation_runs_backwards_from_a_later_annotation():
    frames, masks = moving_square()
    probs = run(frames, {7: masks[7]})
    assert np.array_equal(probs[0] > 0.5, masks[0])


def test_annotated_frames_answer_their_annotation():
    frames, masks = moving_square()
    drawn = np.zeros_like(masks[0])
    drawn[2:5, 2:5] = True
    assert np.array_equal(run(frames, {0: masks[0], 4: drawn})[4], drawn.astype(np.float32))


def test_after_an_empty_frame_the_last_mask_goes_on_guiding():
    frames, masks = moving_square(length=5, step=0)
    frames[2] = 0
    probs = run(frames, {0: masks[0]})
    assert not (probs[2] > 0.5).any()
    assert np.array_equal(probs[3] > 0.5, masks[3])


@pytest.mark.parametrize(("chosen", "weight"), [({}, 0.5), ({"flow_weight": 0.2}, 0.2)])
def test_streams_are_averaged_the_second_with_the_weight_of_the_flow(chosen, weight):
    frames, masks = moving_square(length=2)
    params = PropagationParams(dilation_radius=3, **chosen)
    dark = np.zeros_like(frames)
    for streams, share in (([frames, dark], 1 - weight), ([dark, frames], weight)):
        both = dict(propagate(Follower(), streams, {0: masks[0]}, params))
        assert both[1][masks[1]] == pytest.approx(share, abs=1e-3)
    alone = dict(propagate(Follower(), [frames], {0: masks[0]}, params))
    assert alone[1][masks[1]] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_of_the_flow_that_is_no_share_is_refused(weight):
    with pytest.raises(InputError, match=r"propagation\.flow_weight: expected from 0 to 1, got"):
        PropagationParams(flow_weight=weight)


def test_more_than_two_streams_are_refused():
    frames, masks = moving_square()
    for streams in ([], [frames] * 3):
        with pytest.raises(InputError, match="one or two, frames and flow, got"):
            propagate(Follower(), streams, {0: masks[0]}, PropagationParams())


def test_each_stream_may_have_a_network_of_its_own():
    frames, masks = moving_square(step=1)
    networks = [Follower(), Follower("box")]
    params = PropagationParams(dilation_radius=3)
    probs = dict(propagate(networks, [frames, frames], {0: masks[0]}, params))
    assert np.array_equal(
        probs[1],
        run(frames, {0: masks[0]}, networks[0])[1] / 2
        + 0.5 * predict(networks[1], frames[1], masks[0], params),
    )
    with pytest.raises(InputError, match="one for each of 1 streams, got 2"):
        propagate(networks, [frames], {0: masks[0]}, params)


@pytest.mark.parametrize(("networks", "forwards"), [(1, [1]), (2, [1, 1])])
def test_on_a_device_streams_of_one_network_are_one_batch(networks, forwards):
    """Looked at on the CPU, which is a device like others to it."""
    frames, masks = moving_square(length=2)
    made = [Graded() for _ in range(networks)]
    streams = [made[0], made[-1]]
    road = Resident(streams, PropagationParams(dilation_radius=0, flow_weight=0.25))
    road.begin(masks[0])
    prob, _ = road.estimate([frames[0], frames[1]], None)
    assert [len(network.priors) for network in made] == forwards
    expected = (0.75 * frames[0, ..., 0] + 0.25 * frames[1, ..., 0]) / 255
    assert prob == pytest.approx(expected, abs=3e-3)


def test_a_network_without_a_prior_sees_the_whole_frame_whatever_the_region():
    network = Follower("none")
    frames, masks = moving_square()
    params = PropagationParams(region=1.5, region_minimum=12, region_size=48)
    predict(network, frames[0], masks[0], params)
    assert network.priors[-1].shape == masks[0].shape


def test_a_region_of_interest_gives_the_same_mask_at_its_own_scale():
    frames, masks = moving_square(length=2)
    params = PropagationParams(dilation_radius=3, region=3.0, region_size=60, region_minimum=20)
    prob = predict(Follower(), frames[1], masks[0], params)
    assert ((prob > 0.5) ^ masks[1]).sum() <= 8
    assert prob[:, 60:].max() == 0


@pytest.mark.parametrize("minimum", [None, 8, 90])
@pytest.mark.parametrize("kind", ["mask", "box"])
def test_training_and_propagation_show_a_network_the_same_region(minimum, kind):
    """The same frame and the same mask before it: the same picture and the same prior, bit by bit.

    A box is not coarsened in propagation.
    """
    radius = 4 if kind == "mask" else 0
    frame = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    mask = np.zeros((80, 120), bool)
    mask[20:45, 60:80], mask[30, 50:70] = True, True
    crop = CropParams(size=64, region=1.5, region_minimum=minimum)
    deformation = {"scale": 0, "shift": 0, "control_points": 0, "dilation_radius": radius}
    learning = FirstFrameParams(
        crop=crop,
        augmentation=AugmentationParams(flip=False, rotation_deg=0),
        deformation=DeformationParams(**deformation),
        samples=1,
    )
    image, prior, _ = FirstFrameExamples([(frame, mask)], learning, prior_kind=kind, seed=0)[0]
    shown = []

    class Seeing(Follower):
        def forward(self, image, prior):
            shown.append(image[0].numpy().copy())
            return super().forward(image, prior)

    network = Seeing(kind)
    params = PropagationParams(
        dilation_radius=4, region=1.5, region_size=64, region_minimum=minimum
    )
    predict(network, frame, mask, params)
    assert np.array_equal(shown[0], image)
    assert np.array_equal(network.priors[0], prior[0])
    assert prior.any()


def test_the_next_frame_is_read_while_one_is_computed():
    frames, masks = moving_square(length=4)
    read = [threading.Event() for _ in frames]

    class Watched:
        def __len__(self):
            return len(frames)

        def __getitem__(self, t):
            read[t].set()
            return frames[t]

    class Waiting(Follower):
        def forward(self, image, prior):
            ahead = min(len(self.priors) + 2, 3)  # frame 1 is the first to be computed
            assert read[ahead].wait(timeout=20)
            return super().forward(image, prior)

    assert len(run(Watched(), {0: masks[0]}, Waiting())) == 4


@pytest.mark.parametrize("region", [None, 1.5])
@pytest.mark.parametrize("backbone", ["slim", "mobilenet_v2"])
def test_channels_come_last_in_every_convolution_and_change_nothing_but_the_last_digits(
    backbone, region
):
    spec = NetworkSpec(backbone=backbone, head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(0))
    frames, masks = moving_square(length=2)
    frames = frames // 2 + np.random.default_rng(0).integers(0, 99, frames.shape, dtype=np.uint8)
    params = PropagationParams(region=region, region_size=65)
    before = predict(copy.deepcopy(network), frames[1], masks[0], params)
    seen = []

    def look(layer, given, _answer):
        last = torch.channels_last
        seen.append((given[0].is_contiguous(memory_format=last), layer.weight))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(look)
    after = dict(propagate(network, [frames], {0: masks[0]}, params))[1]
    assert len(seen) > 10
    for given, weight in seen[1:]:  # the first sees frame and mask, put together
        assert given and weight.is_contiguous(memory_format=torch.channels_last)
    assert after.std() > 0 and np.abs(after - before).max() <= 2e-6


def test_from_a_frame_without_the_object_nothing_is_found_until_its_next_annotation():
    frames, masks = moving_square()
    nothing = np.zeros_like(masks[0])
    probs = run(frames, {0: masks[0], 3: nothing, 6: masks[6]})
    assert [bool((probs[t] > 0.5).any()) for t in range(8)] == [1, 1, 1, 0, 0, 0, 1, 1]
    assert sorted(probs) == list(range(8))


def test_an_object_is_not_before_its_first_annotation_where_an_earlier_frame_lacks_it():
    frames, masks = moving_square()
    nothing = np.zeros_like(masks[0])
    probs = run(frames, {0: nothing, 4: masks[4]})
    assert [bool((probs[t] > 0.5).any()) for t in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_frames_before_the_first_annotation_of_all_are_reached_only_where_asked():
    frames, masks = moving_square()
    for backwards in (True, False):
        probs = run(frames, {4: masks[4]}, backwards=backwards)
        assert [bool((probs[t] > 0.5).any()) for t in range(8)] == [backwards] * 4 + [True] * 4


def test_pixels_annotated_as_another_object_are_not_this_one_and_do_not_guide():
    frames, masks = moving_square(step=0)
    left = masks[0].copy()
    left[:, 10:] = False
    params = PropagationParams(dilation_radius=0)
    found = dict(propagate(Follower(), [frames], {0: masks[0]}, params, others={3: left}))
    assert np.array_equal(found[2] > 0.5, masks[2])
    assert np.array_equal(found[3] > 0.5, masks[3] & ~left)
    assert np.array_equal(found[4] > 0.5, masks[4] & ~left)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({}, "at least one annotated frame"),
        ({8: np.ones((40, 64), bool)}, "expected frames 0 … 7, got frame 8"),
        ({-1: np.ones((40, 64), bool)}, "expected frames 0 … 7, got frame -1"),
        ({0: np.ones((20, 32), bool)}, r"expected shape \(40, 64\) like the frame"),
        ({0: np.zeros((40, 64), bool)}, r"got empty ones in frames \[0\]"),
    ],
)
def test_annotations_that_cannot_start_are_refused_when_asked_not_at_the_first_frame(
    annotations, message
):
    frames, _ = moving_square()
    params = PropagationParams()
    with pytest.raises(InputError, match=message):
        propagate(Follower(), [frames], annotations, params)
    with pytest.raises(InputError, match=message):
        segment_video(Follower(), frames, annotations, finetuning=None, propagation=params)


def test_a_mask_without_its_frame_is_told_how_it_is_given():
    frames, masks = moving_square()
    with pytest.raises(
        InputError, match=r"expected masks by frame, such as \{0: mask\}, got .*ndarray"
    ):
        propagate(Follower(), [frames], masks[0], PropagationParams())


@pytest.mark.parametrize(
    ("nonsense", "message"),
    [
        ({"region": 0}, "region: expected above 0, or none, got 0"),
        ({"dilation_radius": -3}, "dilation_radius: expected at least 0, got -3"),
        ({"threshold": 7}, "threshold: expected above 0 to below 1, got 7"),
        ({"region_size": 32}, "region_size: expected a whole number, at least 33, got 32"),
        ({"region_minimum": float("nan")}, "region_minimum: expected at least 1, or none, got nan"),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_key(nonsense, message):
    with pytest.raises(InputError, match=f"^propagation.{message}$"):
        PropagationParams(**nonsense)


def test_a_share_of_the_offline_weights_is_kept_in_the_fine_tuned_ones():
    frames, masks = moving_square()
    given = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator().manual_seed(0)
    )
    schedule = TrainParams(iterations=2, batch_size=1)
    examples = FirstFrameParams(crop=CropParams(size=33), samples=2)
    learnt = {}
    for share in (0, 0.25):
        network = copy.deepcopy(given)
        params = FinetuningParams(schedule=schedule, examples=examples, offline_share=share)
        finetune(network, frames, {0: masks[0]}, params, seed=0)
        learnt[share] = network.state_dict()
    for name, offline in given.state_dict().items():
        mean = 0.75 * learnt[0][name] + 0.25 * offline
        torch.testing.assert_close(learnt[0.25][name], mean)
    assert any((learnt[0][name] != offline).any() for name, offline in given.state_dict().items())


@pytest.mark.parametrize("kind", ["mask", "box", "none"])
def test_a_network_is_fine_tuned_with_the_priors_that_it_is_shown_at_test(kind):
    frames, masks = moving_square()
    masks[0, 15:22, 8:15] = False  # an L: less than half of its box
    spec = NetworkSpec(backbone="slim", head="decoder", prior=kind)
    network = build_network(spec, generator=torch.Generator().manual_seed(0))
    shown = []
    network.register_forward_pre_hook(lambda _net, given: shown.append(given[1][0, 0].numpy()))
    learning = FirstFrameParams(
        crop=CropParams(size=97),
        augmentation=AugmentationParams(flip=False, rotation_deg=0),
        deformation=DeformationParams(scale=0, shift=0, control_points=0, dilation_radius=0),
    )
    schedule = TrainParams(iterations=2, batch_size=1)
    params = FinetuningParams(schedule=schedule, examples=learning)
    finetune(network, frames, {0: masks[0]}, params, seed=0)
    areas = {"mask": masks[0].sum(), "box": 100, "none": 0}
    assert [prior.sum() for prior in shown] == [areas[kind]] * 2


def test_a_frame_without_the_object_is_no_example_of_it():
    frames, masks = moving_square()
    network = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator().manual_seed(0)
    )
    shown = []
    network.register_forward_pre_hook(lambda _net, given: shown.append(bool(given[1].any())))
    schedule = TrainParams(iterations=4, batch_size=1)
    examples = FirstFrameParams(crop=CropParams(size=33), samples=4)
    params = FinetuningParams(schedule=schedule, examples=examples)
    given = {0: masks[0], 3: np.zeros_like(masks[0])}
    finetune(network, frames, given, params, seed=0)
    assert shown == [True] * 4


def test_a_share_of_all_is_no_fine_tuning():
    with pytest.raises(InputError, match=r"offline_share: expected from 0 to below 1, got 1"):
        FinetuningParams(offline_share=1)


def test_a_mask_of_a_1_bit_picture_is_a_mask_like_any_other():
    """``np.array`` of one leaves 255 in the bytes of True."""
    frames, masks = (part[:3] for part in moving_square())
    one_bit = Image.fromarray(masks[0])
    given = np.array(one_bit)
    assert one_bit.mode == "1" and given.view(np.uint8).max() == 255
    network = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator().manual_seed(0)
    )
    schedule = TrainParams(iterations=1, batch_size=1)
    examples = FirstFrameParams(crop=CropParams(size=33), samples=2)
    learning = FinetuningParams(schedule=schedule, examples=examples)
    for radius in (0, 3):
        settings = {
            "finetuning": learning,
            "propagation": PropagationParams(dilation_radius=radius),
        }
        first, second = (
            dict(segment_video(copy.deepcopy(network), frames, {0: mask}, **settings))
            for mask in (given, masks[0])
        )
        assert all(np.array_equal(first[t], second[t]) for t in range(len(frames)))
    assert region_similarity(given[None], masks[:1]) == contour_accuracy(given[None], masks[:1])
    assert np.array_equal(dilate(given, 3), dilate(masks[0], 3))
    assert dilate(given, 0).view(np.uint8).max() == 1
