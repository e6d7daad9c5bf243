"""Truth of the rendered clips against geometry computed here, and what the scripts promise."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.rendered.clips import VIDEO_SETS
from masktrack_core.rendered.layers import Bend, Placement, affine, transform
from masktrack_core.rendered.scenes import Clip, render_clip, render_still, sample_scene, seen_again
from masktrack_core.rendered.scripts import (
    DAVIS_ATTRIBUTES,
    Actor,
    Camera,
    ClipScript,
    value_at,
)
from masktrack_core.rendered.textures import PATTERNS, Backdrop, Look
from masktrack_core.rendered.zoo import ZOO
from masktrack_core.seeds import numpy_rng

SIZE = Size(48, 64)
RED = Look(pattern="stripes", hues=(0, 10))
GREEN = Look(pattern="noise", hues=(120, 90))
SCRIPTS = [(layout, script) for layout, scripts in VIDEO_SETS.items() for script in scripts]
IDS = [script.name for _, script in SCRIPTS]
EVERY_CLIP = pytest.mark.parametrize(("layout", "script"), SCRIPTS, ids=IDS)


def having(code: str):
    """Parametrise a test over the clips that declare an attribute."""
    held = [(layout, script) for layout, script in SCRIPTS if code in script.attributes]
    assert held, code
    return pytest.mark.parametrize(
        ("layout", "script"), held, ids=[script.name for _, script in held]
    )


def small_script(*actors: Actor, **changes: object) -> ClipScript:
    plain = ClipScript(
        name="small",
        length=4,
        size=SIZE,
        backdrop=Backdrop(ground=GREEN, clutter=5),
        actors=actors,
        noise=0.0,
    )
    return replace(plain, **changes)


def actor(kind: str, **changes: object) -> Actor:
    plain = Actor(kind=kind, look=RED, label=1, x=(0.35, 0.6), y=(0.5,), area=(0.15,), shadow=0.0)
    return replace(plain, **changes)


@cache
def embedded(layout: str, name: str) -> Clip:
    script = next(script for script in VIDEO_SETS[layout] if script.name == name)
    return render_clip(script, rng=numpy_rng(1, "render", layout, name))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def box_of(mask: np.ndarray) -> np.ndarray:
    filled = np.zeros_like(mask)
    if mask.any():
        rows, columns = np.nonzero(mask)
        filled[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return filled


def objects(clip: Clip) -> list[np.ndarray]:
    return [clip.labels == k for k in range(1, int(clip.labels.max()) + 1)]


# --- truth


def test_a_sliding_rigid_object_has_the_displacement_of_its_script_as_flow():
    script = small_script(actor("gear"))
    clip = render_clip(script, rng=np.random.default_rng(0))
    for t in range(script.length - 1):
        keys = script.actors[0].x
        step = (value_at(keys, (t + 1) / 3) - value_at(keys, t / 3)) * SIZE.width
        moving = clip.labels[t] == 1
        np.testing.assert_allclose(clip.flow[t][moving], [(step, 0)] * moving.sum(), atol=1e-4)
        assert np.abs(clip.flow[t][~moving]).max() < 1e-4


def test_flow_of_a_turning_object_is_the_rotation_about_its_centre():
    script = small_script(actor("gear", x=(0.5,), angle=(0, 90)), length=2)
    clip = render_clip(script, rng=np.random.default_rng(0))
    centre = np.array([0.5 * SIZE.width, 0.5 * SIZE.height])
    for row, column in np.argwhere(clip.labels[0] == 1):
        arm = np.array([column, row]) - centre
        expected = np.array([-arm[1], arm[0]]) - arm
        np.testing.assert_allclose(clip.flow[0, row, column], expected, atol=1e-3)


def test_flow_of_the_backdrop_is_the_motion_of_the_camera():
    script = small_script(camera=Camera(x=(0.0, 0.25)), length=2)
    clip = render_clip(script, rng=np.random.default_rng(0))
    np.testing.assert_allclose(clip.flow[0, ..., 0], -0.25 * SIZE.width, atol=1e-4)
    np.testing.assert_allclose(clip.flow[0, ..., 1], 0, atol=1e-4)


@pytest.mark.parametrize("kind", ["quadruped", "fish", "kite", "octopus", "car", "bird"])
def test_the_next_frame_fetched_along_the_flow_is_this_frame(kind):
    script = small_script(
        actor(kind, angle=(0, 20), area=(0.15, 0.2)),
        size=Size(96, 128),
        length=6,
        camera=Camera(x=(0.0, 0.1), shake=0.01),
        swell=0.02,
    )
    clip = render_clip(script, rng=np.random.default_rng(3))
    seen = seen_again(clip)
    x, y = np.meshgrid(np.arange(128, dtype=np.float32), np.arange(96, dtype=np.float32))
    for t in range(5):
        there = (x + clip.flow[t, ..., 0], y + clip.flow[t, ..., 1])
        fetched = cv2.remap(clip.frames[t + 1], *there, cv2.INTER_CUBIC)
        gap = np.abs(fetched.astype(float) - clip.frames[t]).mean(axis=-1)
        still = np.abs(clip.frames[t + 1].astype(float) - clip.frames[t]).mean(axis=-1)
        inner = cv2.erode(seen[t].astype(np.uint8), np.ones((3, 3))) > 0
        for part in (clip.labels[t] == 1, clip.labels[t] == 0):
            assert gap[inner & part].mean() < 0.4 * still[inner & part].mean()
            assert gap[inner & part].mean() < 4


def test_a_placement_and_its_inverse_cancel_under_a_bend():
    placement = Placement(
        outer=affine(shift=(20, 10), degrees=33, scale=(-12, 12)),
        inner=affine(shift=(0.2, -0.1), degrees=-70, scale=(1, 0.5)),
        bend=Bend(height=0.4, wavenumber=3, phase=1, power=2),
    )
    material = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    screen = placement.to_screen(material)
    np.testing.assert_allclose(placement.to_material(screen), material, atol=1e-9)
    assert np.abs(screen - transform(placement.unbent, material)).max() > 1


def test_labels_are_the_filled_outlines():
    script = small_script(actor("quadruped", area=(0.25,)), size=Size(120, 160), length=1)
    clip = render_clip(script, rng=np.random.default_rng(5))
    scene = sample_scene(script, rng=np.random.default_rng(5))
    cast = scene.cast[0]
    scale = float(np.sqrt(0.25 * 120 * 160 / cast.unit_area))
    pose = affine(shift=(0.35 * 160, 0.5 * 120), scale=(scale, scale))
    filled = np.zeros((120, 160), np.uint8)
    placements = cast.puppet.placements(pose, cast.start)
    for part, placement in zip(cast.puppet.parts, placements, strict=True):
        outline = placement.to_screen(part.contours[0].astype(np.float64))
        cv2.fillPoly(filled, [np.round(outline * 16).astype(np.int32)], 1, 8, 4)
    differs = (clip.labels[0] == 1) != (filled > 0)
    edge = cv2.dilate(filled, np.ones((3, 3))) != cv2.erode(filled, np.ones((3, 3)))
    assert not (differs & ~edge).any()
    assert overlap(clip.labels[0] == 1, filled > 0) > 0.9


def test_an_occluder_takes_the_pixels_it_covers_and_no_others():
    post = actor("trunk", label=0, x=(0.5,), area=(0.2,), period=1e6)
    script = small_script(actor("blob"), post)
    away = replace(script, actors=(script.actors[0], replace(post, x=(-9.0,))))
    hidden = render_clip(script, rng=np.random.default_rng(1))
    free = render_clip(away, rng=np.random.default_rng(1))
    covered = hidden.surfaces > hidden.surfaces[hidden.labels == 1].max()
    assert (covered & (free.labels == 1)).any()
    np.testing.assert_array_equal(hidden.labels == 1, (free.labels == 1) & ~covered)


def test_object_and_truth_move_together_to_the_pixel():
    bright = Look(pattern="noise", hues=(0, 0), saturation=0.0, values=(1.0, 1.0))
    dark = Backdrop(ground=Look(pattern="noise", hues=(0, 0), values=(0.0, 0.0)), clutter=0)
    script = small_script(actor("blob", look=bright, angle=(0, 80)), backdrop=dark)
    clip = render_clip(script, rng=np.random.default_rng(2))
    shown = clip.frames.max(axis=-1) > 90
    assert overlap(shown, clip.labels == 1) > 0.9


def test_a_pixel_is_seen_again_only_where_its_surface_arrives():
    script = small_script(actor("blob", x=(0.3, 0.7)), length=2)
    clip = render_clip(script, rng=np.random.default_rng(0))
    lost = ~seen_again(clip)[0]
    swallowed = (clip.labels[0] == 0) & (clip.labels[1] == 1)
    np.testing.assert_array_equal(lost & (clip.labels[0] == 0), swallowed)


def test_same_generator_gives_the_same_clip_and_another_one_another():
    script = small_script(actor("creature"), noise=3.0)
    first, again, other = (
        render_clip(script, rng=np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    for name in ("frames", "labels", "flow", "surfaces"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.frames != other.frames).any()


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"actor kind: expected one of .*'fish'.*got 'unicorn'"):
        render_clip(small_script(actor("unicorn")), rng=np.random.default_rng(0))


# --- the zoo and the stills


@pytest.mark.parametrize("kind", sorted(ZOO))
def test_every_kind_covers_the_area_that_its_script_asks_for(kind):
    script = small_script(actor(kind, x=(0.5,), area=(0.06,)), size=Size(240, 320), length=1)
    for seed in range(3):
        clip = render_clip(script, rng=np.random.default_rng(seed))
        assert 0.05 < (clip.labels == 1).mean() < 0.07


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_every_pattern_has_contrast(pattern):
    field = PATTERNS[pattern](np.random.default_rng(0), Size(64, 96))
    assert field.shape == (64, 96) and field.dtype == np.float32
    assert field.std() > 0.1


def test_stills_show_one_object_of_sensible_size_and_differ():
    stills = [render_still(size=SIZE, rng=numpy_rng(1, "still", i)) for i in range(12)]
    for frame, mask in stills:
        assert frame.shape == (*SIZE, 3) and frame.dtype == np.uint8
        assert mask.shape == SIZE and mask.dtype == np.bool_
        assert 0.02 <= mask.mean() <= 0.35
        assert frame.std() > 5
    assert len({frame.tobytes() for frame, _ in stills}) == 12


# --- the embedded clips


@EVERY_CLIP
def test_every_object_begins_visible_at_a_sensible_size(layout, script):
    for masks in objects(embedded(layout, script.name)):
        assert 0.03 <= masks[0].mean() <= 0.2


@EVERY_CLIP
def test_copying_the_first_mask_is_bad_and_so_is_the_box(layout, script):
    for masks in objects(embedded(layout, script.name)):
        assert np.mean([overlap(masks[0], mask) for mask in masks[1:]]) < 0.45
        assert 0.25 < np.mean([overlap(box_of(mask), mask) for mask in masks[1:]]) < 0.65


@EVERY_CLIP
def test_attributes_are_known_codes_in_order(layout, script):
    assert list(script.attributes) == sorted(script.attributes, key=DAVIS_ATTRIBUTES.index)


@having("OCC")
def test_occluded_objects_lose_a_tenth_of_their_pixels(layout, script):
    quick = replace(script, shutter=0.0)
    shown = render_clip(quick, rng=numpy_rng(1, "render", layout, script.name))
    alone = tuple(each if each.label == 1 else replace(each, x=(-9.0,)) for each in quick.actors)
    free = render_clip(
        replace(quick, actors=alone), rng=numpy_rng(1, "render", layout, script.name)
    )
    kept = (shown.labels == 1).sum(axis=(1, 2)) / (free.labels == 1).sum(axis=(1, 2))
    other = (shown.labels == 2).sum(axis=(1, 2))
    assert kept.min() < 0.9 or (other.any() and other.min() < 0.9 * other[0])


@having("OV")
def test_objects_out_of_view_are_cut_by_the_border(layout, script):
    mask = embedded(layout, script.name).labels > 0
    border = np.concatenate([mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]], axis=1)
    assert border.sum(axis=1).max() >= 5


@having("SV")
def test_scale_variation_doubles_the_box(layout, script):
    boxes = [box_of(mask).sum() for mask in embedded(layout, script.name).labels > 0]
    assert min(boxes) < 0.5 * max(boxes)


@having("FM")
def test_fast_objects_move_more_than_twenty_pixels_of_480p(layout, script):
    masks = embedded(layout, script.name).labels > 0
    centres = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
    step = np.linalg.norm(np.diff(centres, axis=0), axis=1).mean()
    assert step > 20 * script.size.width / 854


@having("LR")
def test_low_resolution_boxes_fill_less_than_a_tenth(layout, script):
    masks = embedded(layout, script.name).labels > 0
    assert np.mean([box_of(mask).mean() for mask in masks]) < 0.1


@having("CS")
def test_camera_shake_jerks_the_backdrop(layout, script):
    clip = embedded(layout, script.name)
    drift = np.array([flow[clip.surfaces[t] == 0].mean(0) for t, flow in enumerate(clip.flow)])
    assert np.linalg.norm(np.diff(drift, axis=0), axis=1).mean() > 0.5


@having("DB")
def test_a_dynamic_backdrop_moves_in_itself(layout, script):
    clip = embedded(layout, script.name)
    assert np.mean([flow[clip.surfaces[t] == 0].std() for t, flow in enumerate(clip.flow)]) > 0.2


@having("MB")
def test_motion_blur_smears_over_more_than_a_pixel_and_a_half(layout, script):
    clip = embedded(layout, script.name)
    speed = np.linalg.norm(clip.flow, axis=-1)[clip.labels[:-1] > 0].mean()
    assert script.shutter * speed > 1.5


@having("DEF")
def test_deforming_objects_do_not_move_like_one_rigid_plane(layout, script):
    clip = embedded(layout, script.name)
    left = []
    for t, flow in enumerate(clip.flow):
        rows, columns = np.nonzero(clip.labels[t] == 1)
        plane = np.stack([columns, rows, np.ones(rows.size)], axis=-1)
        motion = flow[rows, columns]
        fit = plane @ np.linalg.lstsq(plane, motion, rcond=None)[0]
        left.append(np.linalg.norm(motion - fit, axis=-1).mean())
    assert np.mean(left) > 0.3


@having("SC")
def test_complex_shapes_have_a_long_border_for_their_area(layout, script):
    masks = (embedded(layout, script.name).labels > 0).astype(np.uint8)
    inner = np.stack([cv2.erode(mask, np.ones((3, 3))) for mask in masks])
    border = (masks > inner).sum(axis=(1, 2))
    assert (border**2 / (4 * np.pi * masks.sum(axis=(1, 2)))).mean() > 3


@having("IO")
def test_interacting_objects_touch(layout, script):
    labels = embedded(layout, script.name).labels
    near = [cv2.dilate((frame == 1).astype(np.uint8), np.ones((3, 3))) > 0 for frame in labels]
    assert (np.stack(near) & (labels == 2)).any()


@having("ROT")
def test_rotating_objects_turn_by_more_than_forty_degrees(layout, script):
    (tracked,) = (each for each in script.actors if each.label)
    assert np.ptp(tracked.angle) > 40


@having("HO")
def test_heterogeneous_objects_wear_two_skins(layout, script):
    assert all(each.second not in (None, each.look) for each in script.actors if each.label)


@having("AC")
def test_appearance_changes_by_a_third_of_the_light(layout, script):
    assert min(script.light) < 0.67 * max(script.light)


def test_some_clips_hold_look_alikes_that_are_not_to_be_tracked():
    twins = [
        script.name
        for _, script in SCRIPTS
        for one in script.actors
        for other in script.actors
        if one.label and not other.label and (one.kind, one.look) == (other.kind, other.look)
    ]
    assert {"reef-twins", "swallows", "cow-0001-001"} <= set(twins)
