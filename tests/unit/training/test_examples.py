from dataclasses import replace

import numpy as np
import pytest

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.files.archives import MaskArchive, write_mask_archive
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.elementary import VOID
from masktrack_core.masks.regions import CropParams
from masktrack_core.training.examples import (
    STILL_AUGMENTATION,
    Example,
    FirstFrameExamples,
    FirstFrameParams,
    StillExamples,
    Stills,
    _outside,
)

STILL = AugmentationParams(flip=False, rotation_deg=0)
NOTHING = DeformationParams(scale=0, shift=0, control_points=0, margin=0, dilation_radius=0)


def disk(size: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def painted(mask: np.ndarray) -> np.ndarray:
    """Return a frame that shows its own mask, bright on dark."""
    return np.repeat(np.where(mask, 200, 30).astype(np.uint8)[..., None], 3, axis=2)


def stills(count: int = 3, *, masks_per_image: int = 2) -> Stills:
    masks = {f"s{i}": disk((60 + i, 80), (30 + 5 * i, 30), 12) for i in range(count)}
    return Stills(
        names=list(masks),
        read=lambda name: (painted(masks[name]), masks[name]),
        deformed={
            f"{name}/{k}": np.roll(mask, 2 + k, axis=1)
            for name, mask in masks.items()
            for k in range(masks_per_image)
        },
        digest=lambda: "disks",
        masks_per_image=masks_per_image,
    )


def same(a: Example, b: Example) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


CROPS = [
    CropParams(size=41),
    CropParams(size=97),
    CropParams(size=41, region=1.5, region_minimum=10),
]


@pytest.mark.parametrize("crop", CROPS)
def test_an_example_has_the_documented_arrays(crop):
    image, prior, target = StillExamples(stills(), crop, seed=1)[0]
    c = crop.size
    assert (image.shape, image.dtype) == ((3, c, c), np.uint8)
    assert (prior.shape, prior.dtype) == ((1, c, c), np.bool_)
    assert (target.shape, target.dtype) == ((c, c), np.uint8)
    assert set(np.unique(target)) <= {0, 1, 255}


@pytest.mark.parametrize("crop", CROPS)
def test_frame_and_target_move_together(crop):
    augmentation = AugmentationParams(rotation_deg=20, scale=(0.8, 1.25))
    examples = StillExamples(stills(), crop, augmentation=augmentation, seed=1)
    for number in range(12):
        image, _, target = examples[number]
        shown = target != 255
        assert ((image[0] > 115) != (target == 1))[shown].mean() < 0.01


def test_outside_the_frame_the_target_is_void_and_the_prior_empty():
    image, prior, target = StillExamples(stills(), CropParams(size=97), seed=1)[0]
    outside = target == 255
    assert (~outside).sum() == 62 * 80  # every pixel of the last still, and no other
    assert (image[:, outside] == np.array([[123], [117], [104]])).all()
    assert not prior[0][outside].any()


def test_an_epoch_shows_every_deformed_mask_once_in_its_own_order():
    examples = StillExamples(stills(), CropParams(size=97), augmentation=STILL, seed=1)
    shown = [
        (int((prior & ~target.astype(bool)).sum()), int((target != 255).sum()))
        for _, prior, target in (examples[number] for number in range(12))
    ]
    assert len(examples) == 6
    assert sorted(shown[:6]) == sorted(shown[6:])
    assert len(set(shown[:6])) == 6
    assert shown[:6] != shown[6:]


def test_an_example_depends_on_seed_and_number_only():
    first, second = (StillExamples(stills(), CropParams(size=41), seed=1) for _ in range(2))
    forwards = [first[number] for number in range(8)]
    backwards = [second[number] for number in reversed(range(8))]
    assert all(same(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))
    other = StillExamples(stills(), CropParams(size=41), seed=2)
    assert not any(same(a, other[number]) for number, a in enumerate(forwards))


@pytest.mark.parametrize("crop", [CropParams(size=41), CropParams(size=41, region=1.5)])
def test_every_example_of_one_still_has_a_draw_of_its_own(crop):
    """Mirror, turn, scale, colour and place: one still, one deformed mask, an epoch an example."""
    examples = StillExamples(
        stills(1, masks_per_image=1),
        crop,
        augmentation=AugmentationParams(rotation_deg=20, scale=(0.8, 1.25), colour=0.2),
        seed=1,
    )
    drawn = [examples[number] for number in range(10)]
    for part in ("image", "prior", "target"):
        assert len({getattr(one, part).tobytes() for one in drawn}) == 10


def test_a_still_is_mirrored_in_about_half_of_its_examples():
    wedge = np.tri(60, 80, dtype=bool)
    one = replace(
        stills(1, masks_per_image=1),
        read=lambda name: (painted(wedge), wedge),
        deformed={"s0/0": wedge},
    )
    examples = StillExamples(one, CropParams(size=161), seed=1)
    shown = [examples[number].target == 1 for number in range(40)]
    mirrored = sum(int(mask[:, :81].sum() < mask[:, 80:].sum()) for mask in shown)
    assert all(mask.sum() == wedge.sum() for mask in shown) and 10 < mirrored < 30


def test_prior_is_the_deformed_mask_its_box_or_nothing():
    priors = {
        kind: StillExamples(stills(), CropParams(size=97), prior_kind=kind, seed=1)[0].prior
        for kind in ("mask", "box", "none")
    }
    assert not priors["none"].any()
    assert priors["box"].sum() == 25 * 25
    assert priors["mask"].sum() == disk((60, 80), (30, 30), 12).sum()
    assert not (priors["mask"] & ~priors["box"]).any()


def test_region_is_around_the_prior_not_around_the_truth():
    crop = CropParams(size=41, region=1.5, region_minimum=10)
    _, prior, target = StillExamples(stills(), crop, augmentation=STILL, seed=1)[0]
    columns = np.flatnonzero(prior[0].any(axis=0))
    assert columns[0] + columns[-1] == pytest.approx(40, abs=1)
    truth = np.flatnonzero((target == 1).any(axis=0))
    assert truth[0] + truth[-1] < 38


def test_first_frame_pool_repeats_after_its_size():
    mask = disk((60, 80), (30, 30), 12)
    examples = FirstFrameExamples(
        [(painted(mask), mask)], FirstFrameParams(crop=CropParams(size=41), samples=5), seed=1
    )
    assert len(examples) == 5
    pool = [examples[number] for number in range(10)]
    assert all(same(a, b) for a, b in zip(pool[:5], pool[5:], strict=True))
    for part in ("image", "prior", "target"):
        assert len({getattr(one, part).tobytes() for one in pool}) == 5


def test_first_frame_without_deformation_and_augmentation_gives_the_truth():
    mask = disk((60, 80), (30, 30), 12)
    _, prior, target = FirstFrameExamples(
        [(painted(mask), mask)],
        FirstFrameParams(crop=CropParams(size=41), augmentation=STILL, deformation=NOTHING),
        seed=1,
    )[0]
    assert np.array_equal(prior[0], target == 1)
    assert prior.sum() == mask.sum()


def test_several_annotated_frames_share_the_pool():
    frames = [(painted(m), m) for m in (disk((60, 80), (30, 30), 12), disk((60, 80), (30, 30), 5))]
    examples = FirstFrameExamples(
        frames, FirstFrameParams(crop=CropParams(size=41), augmentation=STILL), seed=1
    )
    areas = {int((examples[number].target == 1).sum()) for number in range(4)}
    assert len(areas) == 2


def test_empty_masks_give_examples_without_object():
    nothing = np.zeros((60, 80), bool)
    for crop in CROPS:
        example = FirstFrameExamples(
            [(painted(nothing), nothing)], FirstFrameParams(crop=crop), seed=1
        )[0]
        assert not example.prior.any()
        assert not (example.target == 1).any()


@pytest.mark.parametrize("size", [(60, 120), (120, 60)])
def test_a_crop_that_leaves_the_frame_at_any_side_is_void_there(size):
    """Above, below, or both; one that begins with the frame leaves it on one side alone."""
    mask = disk(size, (30, 30), 12)
    frames = [(painted(mask), mask)]
    params = FirstFrameParams(crop=CropParams(size=97), augmentation=STILL)
    examples = FirstFrameExamples(frames, params, seed=1)
    shown = [examples[number].target != 255 for number in range(200)]
    assert {int(one.sum()) for one in shown} == {60 * 97}
    sides = {(one[0].all() or one[:, 0].all(), one[-1].all() or one[:, -1].all()) for one in shown}
    assert sides == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize(("near", "outside"), [(4, 10), (6.2, 1)])
@pytest.mark.parametrize("angle", [45, 135, 225, 315])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_each_corner_of_a_crop_that_leaves_the_frame_alone_is_void(near, outside, angle, side):
    """Of a turned crop of 11 pixels, whose corners are 7 from its centre, in a frame of 80 × 60."""
    centres = {"left": (near, 30), "right": (79 - near, 30)}
    centres |= {"top": (40, near), "bottom": (40, 59 - near)}
    turn = np.deg2rad(angle)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    y, x = np.mgrid[:11, :11] - 5
    coordinates = np.stack([x, y], axis=-1) @ turned.T + centres[side]
    void = _outside(coordinates, Size(60, 80))
    beyond = (coordinates < -0.5) | (coordinates > np.array([79.5, 59.5]))
    assert np.array_equal(void, beyond.any(axis=-1))
    assert void.sum() == outside and void[[0, 0, -1, -1], [0, -1, 0, -1]].sum() == 1


def test_the_rim_of_a_frame_is_the_outer_edge_of_its_pixels_and_belongs_to_it():
    rim = np.array([[[-0.5, -0.5], [79.5, -0.5]], [[-0.5, 59.5], [79.5, 59.5]]])
    assert not _outside(rim, Size(60, 80)).any()
    for beyond in ([-0.6, 9], [79.6, 9], [9, -0.6], [9, 59.6]):
        rim = np.array([[[-0.5, 9], [79.5, 9], beyond], [[9, -0.5], [9, 59.5], beyond]])
        assert _outside(rim, Size(60, 80)).tolist() == [[False, False, True]] * 2


def test_a_turned_frame_keeps_its_number_of_pixels_and_all_else_is_void():
    full = np.ones((60, 80), bool)
    one = replace(
        stills(1, masks_per_image=1), read=lambda _: (painted(full), full), deformed={"s0/0": full}
    )
    turned = AugmentationParams(flip=False, rotation_deg=40)
    examples = StillExamples(one, CropParams(size=121), augmentation=turned, seed=1)
    for number in range(10):
        target = examples[number].target
        assert (target != 255).sum() == pytest.approx(60 * 80, rel=0.005)
        assert (target == 1).sum() == pytest.approx(60 * 80, rel=0.03)


def test_the_defaults_are_the_paper_s():
    params = FirstFrameParams()
    assert params == FirstFrameParams(
        crop=CropParams(size=321),
        augmentation=AugmentationParams(flip=True, rotation_deg=20),
        deformation=DeformationParams(),
        samples=1000,
    )
    assert (STILL_AUGMENTATION.flip, STILL_AUGMENTATION.rotation_deg) == (True, 0)
    plain = Stills(names=["a"], read=lambda _: None, deformed={}, digest=lambda: "")
    assert plain.masks_per_image == 2
    assert FirstFrameParams(samples=1).samples == 1
    with pytest.raises(InputError, match="samples"):
        FirstFrameParams(samples=0)


def test_annotated_frames_take_turns():
    masks = [disk((60, 80), (40, 30), radius) for radius in (5, 9, 13)]
    examples = FirstFrameExamples(
        [(painted(mask), mask) for mask in masks],
        FirstFrameParams(crop=CropParams(size=97), augmentation=STILL),
        seed=1,
    )
    areas = [int((examples[number].target == 1).sum()) for number in range(6)]
    assert areas == [int(mask.sum()) for mask in masks] * 2


def test_nothing_to_learn_from_is_refused():
    for nothing in (stills(0), stills(1, masks_per_image=0)):
        with pytest.raises(InputError, match="at least one image"):
            StillExamples(nothing, CropParams(), seed=1)
    with pytest.raises(InputError, match="annotate a frame"):
        FirstFrameExamples([], FirstFrameParams(), seed=1)


def test_frame_and_mask_of_two_sizes_are_refused():
    mask = np.zeros((6, 8), bool)
    with pytest.raises(
        InputError, match=r"^annotated frame 0: .* one size, got \(6, 9\), \(6, 8\)"
    ):
        FirstFrameExamples([(np.zeros((6, 9, 3), np.uint8), mask)], FirstFrameParams(), seed=1)


def test_a_region_without_previous_mask_is_refused():
    with pytest.raises(InputError, match="without previous mask"):
        StillExamples(stills(), CropParams(region=1.5), prior_kind="none", seed=1)


def test_masks_from_an_archive_give_the_same_examples(tmp_path):
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:50] = True
    frame = np.zeros((60, 80, 3), np.uint8)
    write_mask_archive(tmp_path / "a.zip", [("m", mask)])
    read = MaskArchive(tmp_path / "a.zip")["m"]
    params = FirstFrameParams(crop=CropParams(size=41))
    for number in range(4):
        expected, got = (
            FirstFrameExamples([(frame, one)], params, seed=1)[number] for one in (mask, read)
        )
        assert (expected.target == 1).any()
        assert all(np.array_equal(a, b) for a, b in zip(expected, got, strict=True))


def test_the_digest_of_stills_is_that_of_content_and_parameters():
    crop = CropParams(size=41)
    first = StillExamples(stills(), crop, seed=1).digest()
    assert StillExamples(stills(), crop, seed=1).digest() == first
    others = [
        StillExamples(replace(stills(), digest=lambda: "other disks"), crop, seed=1),
        StillExamples(stills(2), crop, seed=1),
        StillExamples(stills(masks_per_image=1), crop, seed=1),
        StillExamples(stills(), CropParams(size=97), seed=1),
        StillExamples(stills(), crop, augmentation=STILL, seed=1),
        StillExamples(stills(), crop, prior_kind="box", seed=1),
        StillExamples(stills(), crop, seed=2),
    ]
    assert len({first, *(other.digest() for other in others)}) == 8


def test_the_digest_of_annotated_frames_is_that_of_every_pixel_and_parameter():
    mask = disk((60, 80), (30, 30), 12)
    later = np.roll(mask, 3, axis=0)
    params = FirstFrameParams(crop=CropParams(size=41))

    def digest(frames, params=params, **more):
        return FirstFrameExamples(frames, params, **({"seed": 1} | more)).digest()

    pair = [(painted(mask), mask), (painted(later), later)]
    other_pixel, other_mask = painted(later), later.copy()
    other_pixel[-1, -1, 2] += 1
    other_mask[0, 0] ^= True
    digests = [
        digest(pair),
        digest(pair[:1]),
        digest([pair[0], (other_pixel, later)]),
        digest([pair[0], (painted(later), other_mask)]),
        digest(pair, replace(params, samples=10)),
        digest(pair, replace(params, deformation=DeformationParams(scale=0))),
        digest(pair, replace(params, augmentation=STILL)),
        digest(pair, prior_kind="box"),
        digest(pair, seed=2),
    ]
    assert len(set(digests)) == len(digests) and digest(pair) == digests[0]


def test_a_network_that_is_told_sees_composed_stills_and_the_others_beside_the_mask():
    crop = CropParams(size=97)
    plain = StillExamples(stills(), crop, augmentation=STILL, seed=1)
    told = StillExamples(stills(), crop, augmentation=STILL, others=NOTHING, told=True, seed=1)
    assert plain.digest() != told.digest()
    drawn = [told[number] for number in range(40)]
    assert {one.prior.shape for one in drawn} == {(2, 97, 97)}
    with_others = [one for one in drawn if one.prior[1].any()]
    assert 15 < len(with_others) < 40
    for one in with_others:  # not deformed: whom the second channel shows is background
        assert not (one.target[one.prior[1]] == 1).any()
        assert (one.image[0][one.prior[1]] > 100).mean() > 0.9


def test_a_network_that_is_not_told_sees_composed_stills_with_its_own_mask_alone():
    crop = CropParams(size=97)
    examples = StillExamples(stills(), crop, augmentation=STILL, others=NOTHING, seed=1)
    told = StillExamples(stills(), crop, augmentation=STILL, others=NOTHING, told=True, seed=1)
    assert examples.digest() != told.digest()
    drawn = [examples[number] for number in range(40)]
    assert {one.prior.shape for one in drawn} == {(1, 97, 97)}
    composed = [one for one in drawn if ((one.image[0] > 100) & (one.target == 0)).sum() > 20]
    assert 15 < len(composed) < 40
    for one in composed:  # not deformed: the mask is the object's, what is as bright is background
        assert ((one.target == 1) == one.prior[0])[one.target != VOID].all()
    plain = StillExamples(stills(), crop, augmentation=STILL, seed=1)
    alone = [plain[number] for number in range(40)]
    assert not any(((one.image[0] > 100) & (one.target == 0)).sum() > 20 for one in alone)


def test_a_network_that_is_told_of_others_and_shown_none_has_an_empty_channel():
    crop = CropParams(size=41)
    plain = StillExamples(stills(), crop, augmentation=STILL, seed=1)
    told = StillExamples(stills(), crop, augmentation=STILL, told=True, seed=1)
    for number in range(5):
        assert np.array_equal(told[number].prior[:1], plain[number].prior)
        assert told[number].prior.shape == (2, 41, 41) and not told[number].prior[1].any()
    assert told.digest() != plain.digest()


def neighboured(**params):
    """Examples of an object at the left, with another at the right of its frame."""
    mask, other = disk((80, 160), (30, 40), 10), disk((80, 160), (110, 40), 10)
    frame = painted(mask | other)
    given = {"crop": CropParams(size=41, region=2.0, region_minimum=30), "augmentation": STILL}
    options = {key: params.pop(key) for key in ("told",) if key in params}
    params = FirstFrameParams(**given, deformation=NOTHING, **params)
    return FirstFrameExamples([(frame, mask)], params, others=[[other]], **options, seed=1)


def test_every_second_crop_is_moved_towards_a_neighbour_which_is_background_there():
    examples = neighboured(neighbours=True)
    shown = [examples[number] for number in range(20)]
    beside = [((one.image[0] > 100) & (one.target == 0)).any() for one in shown]
    assert not any(beside[::2]) and sum(beside[1::2]) >= 5
    plain = neighboured()
    assert all(same(plain[number], examples[number]) for number in range(0, 20, 2))
    assert plain.digest() != examples.digest()


def test_the_others_of_an_annotated_frame_are_told_where_they_are():
    examples = neighboured(neighbours=True, told=True)
    for number in range(1, 20, 2):
        one = examples[number]
        bright = (one.image[0] > 100) & (one.target == 0)
        assert one.prior.shape == (2, 41, 41)
        assert (one.prior[1] ^ bright).sum() <= 0.1 * max(bright.sum(), 60)
    assert not neighboured(told=True)[1].prior[1].any()  # without neighbours: nobody
