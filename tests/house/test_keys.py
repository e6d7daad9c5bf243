"""Every key of the configuration changes a result, alone: a key without effect is found here.

Keys of parameters are given to the function that uses them; keys that name rows and files change
inputs or params of a job (`plans`). A key in none of the registries fails `test_every_key_…`.
"""

import copy
from functools import cache, reduce
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import yaml
from plans import Plans, default_config

from masktrack_core.files.archives import frame_key
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams, apply_deformation, sample_deformation
from masktrack_core.masks.regions import CropParams
from masktrack_core.motion.flow import FlowImageParams, FlowParams, dense_flow, flow_image
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.records import FINETUNING_DEFAULTS
from masktrack_core.seeds import numpy_rng, torch_generator, torch_scope
from masktrack_core.tracking.crf import CrfParams, refine
from masktrack_core.tracking.crf_search import SearchParams, search_crf
from masktrack_core.tracking.oracles import GrabcutParams, grabcut_oracle
from masktrack_core.tracking.propagation import PropagationParams, propagate
from masktrack_core.tracking.refinement import TrackedObject
from masktrack_core.tracking.segmentation import FinetuningParams, finetune, finetune_shared
from masktrack_core.training.examples import Example, FirstFrameExamples, FirstFrameParams
from masktrack_core.training.loop import TrainParams, train

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "rules" / "schemas" / "config.schema.yaml").read_text())
SIZE = 48, 64


pytestmark = pytest.mark.usefixtures("one_thread", "bf16")


def picture(seed=0, size=SIZE):
    noise = np.random.default_rng(seed).uniform(0, 255, (*size, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.uint8(np.clip((smooth - smooth.min()) / np.ptp(smooth) * 255, 0, 255))


def blob():
    mask = np.zeros(SIZE, np.bool_)
    mask[14:30, 16:44] = mask[26:38, 30:38] = True
    return mask


# --- what each table of parameters does to tiny things


def deformed(**row):
    drawn = (
        sample_deformation(blob(), DeformationParams(**row), rng=numpy_rng(1, i)) for i in range(4)
    )
    return [apply_deformation(blob(), one) for one in drawn]


def shown(crop=MappingProxyType({"size": 33}), augmentation=MappingProxyType({}), **more):
    params = FirstFrameParams(
        crop=CropParams(**crop), augmentation=AugmentationParams(**augmentation), **more
    )
    examples = FirstFrameExamples([(picture(), blob())], params, seed=1)
    return [part for number in range(6) for part in examples[number]]


def slim(**spec):
    spec = {"backbone": "slim", "head": "decoder"} | spec
    return build_network(NetworkSpec(**spec), generator=torch_generator(1))


def scores(**row):
    net = slim(**row).train()
    image = torch.from_numpy(picture()).permute(2, 0, 1)[None]
    prior = torch.from_numpy(np.stack([blob(), ~blob()]))[None, : net.spec.guides]
    with torch_scope(1, "scores"), torch.no_grad():
        if net.spec.others:  # its filters begin at zero
            net.others.weight.fill_(0.1)
        return [net(image, prior).numpy()]


class Numbered:
    """Examples of one picture, each with another crop of it."""

    def __len__(self):
        return 8

    def digest(self):
        return ""

    def __getitem__(self, number):
        cut = np.s_[number : number + 33, number : number + 33]
        image = np.ascontiguousarray(picture()[cut].transpose(2, 0, 1))
        return Example(image, blob()[cut][None].copy(), blob()[cut].astype(np.uint8))


def learnt(**row):
    net = slim()
    train(net, Numbered(), TrainParams(**{"iterations": 3, "batch_size": 1} | row), seed=1)
    return [weight.detach().numpy() for weight in net.parameters()]


class Bright(torch.nn.Module):
    """As probable as bright, where the prior is on or one pixel in five elsewhere is."""

    def __init__(self):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.spec = SimpleNamespace(prior="mask", others=False)

    def forward(self, image, prior):
        bright = (image[:, :1].float() / 255).clamp(0.01, 0.99) * (0.1 + 0.9 * prior.float())
        score = torch.log(bright / (1 - bright)) / 2
        return torch.cat([-score, score], dim=1)


class Everywhere(Bright):
    def forward(self, image, prior):
        return super().forward(image, torch.ones_like(prior))


def tracked(network=Bright, **row):
    frames = [picture(seed) for seed in range(4)]
    streams = [frames, frames[::-1]] if "flow_weight" in row else [frames]
    probs = propagate(network(), streams, {1: blob()}, PropagationParams(**row))
    return [prob for _, prob in sorted(probs, key=lambda found: found[0])]


class Shifter:
    def estimate(self, frame, next_frame, *, iterations=12):
        return np.full((*frame.shape[:2], 2), iterations, np.float32)


def flow(**row):
    moved = np.roll(picture(size=(64, 96)), (2, 3), axis=(0, 1))
    return [dense_flow(picture(size=(64, 96)), moved, FlowParams(**row), model=Shifter())]


def drawn(**row):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    there, back = np.dstack([x / 9, y / 20]), np.dstack([-x / 7, 1 + y / 30])
    return [flow_image(there, back, FlowImageParams(**row))]


def probability():
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, SIZE)
    return np.float32(np.clip(blob() * 0.5 + 0.2 + noise, 0, 1))


def refined(empty=False, **row):
    prob = probability() * (0.2 if empty else 1)
    return [refine(picture(), prob, CrfParams(**{"bilateral_sxy": 9, "bilateral_srgb": 20} | row))]


class Clip:
    """A video of five frames that are all annotated."""

    first, truth_paths = 0, ("there",) * 5

    def __len__(self):
        return 5

    def has_truth(self, t):
        return True

    def truth(self, t):
        return np.roll(blob(), t, axis=1)

    def __getitem__(self, t):
        return picture(t)


def searched(start=MappingProxyType({}), grid=MappingProxyType({"gaussian_weight": [1, 3]}), **row):
    tracks = [{frame_key(t): np.roll(probability(), 2 * t, axis=1) for t in range(5)}]
    params = SearchParams(start=CrfParams(**{"iterations": 2} | dict(start)), grid=grid, **row)
    return [search_crf({"a/1": TrackedObject(video=Clip(), tracks=tracks)}, params).to_numpy(float)]


def tuned(**row):
    """Fine-tune with the rows that a row names, and what it says itself."""
    rows = {"schedule": {"iterations": 3, "batch_size": 1}, "crop": {"size": 33}}
    rows |= {"augmentation": {}, "deformation": {}}
    own = {key: row.pop(key) for key in FINETUNING_DEFAULTS if key in row}
    net, params = slim(), FinetuningParams.from_rows(rows | row, **own)
    other = np.roll(blob(), 30, axis=1) & ~blob()
    if params.shared:
        objects = {1: {0: blob()}, 2: {0: other}}
        finetune_shared(net, [picture()], objects, params, seed=1)
    else:
        finetune(net, [picture()], {0: blob()}, params, others={0: [other]}, seed=1)
    return [weight.detach().numpy() for weight in net.parameters()]


def cut(**row):
    """A disk that is bright in its middle, where the cut changes from one iteration to the next."""
    rows, columns = np.indices((60, 80))
    distance = (rows - 30) ** 2 + (columns - 40) ** 2
    frame = 0.4 * picture(21, distance.shape) + 60 * np.exp(-distance / 150)[..., None]
    frame = np.where((distance <= 225)[..., None], frame, 0.4 * picture(21, distance.shape))
    found = grabcut_oracle(frame.astype(np.uint8), distance <= 225, GrabcutParams(**row))
    return [found.astype(np.float32)]


#: Table → what it does, and for each key another value than the default, alone or beside what makes
#: it count: ``(key's value, the rest of the row)``.
EFFECTS = {
    "grabcuts": (
        cut,
        {"window": (0.1, {}), "smallest": (0.99, {}), "iterations": (1, {})},
    ),
    "deformations": (
        deformed,
        {
            "scale": (0.4, {}),
            "shift": (0, {}),
            "control_points": (3, {}),
            "margin": (0.3, {}),
            "smoothing": (0, {}),
            "dilation_radius": (2, {}),
        },
    ),
    "augmentations": (
        lambda **row: shown(augmentation=row),
        {
            "flip": (False, {}),
            "rotation_deg": (5, {}),
            "scale": ((0.5, 0.9), {}),
            "colour": (0.3, {}),
        },
    ),
    "crops": (
        lambda **row: shown(crop={"size": 33} | row),
        {"size": (41, {}), "region": (1.2, {}), "region_minimum": (45, {"region": 0.5})},
    ),
    "architectures": (
        scores,
        {
            "backbone": ("mobilenet_v2", {}),
            "output_stride": (8, {"backbone": "mobilenet_v2"}),
            "head": ("largefov", {}),
            "others": (True, {}),
            "prior_init": ("zero", {}),
            "prior_std": (0.7, {}),
            "prior_values": ((-3, 2), {}),
            "normalisation": ("caffe", {}),
            "dilations": ((1, 2), {}),
            "dropout": (0.1, {"head": "largefov"}),
        },
    ),
    "schedules": (
        learnt,
        {
            "iterations": (4, {}),
            "batch_size": (2, {}),
            "optimizer": ("adamw", {}),
            "learning_rate": (2e-3, {}),
            "power": (0.2, {}),
            "momentum": (0.5, {}),
            "weight_decay": (0.1, {}),
            "bias_multiplier": (1, {}),
            "head_multiplier": (3, {}),
            "first_multiplier": (5, {}),
            "warmup": (2, {}),
            "clip_norm": (1e-3, {}),
            "ema": (0.5, {}),
            "loss_at": ("pixels", {}),
            "precision": ("bf16", {}),
            "loss": ("balanced", {}),
        },
    ),
    "propagations": (
        tracked,
        {
            "dilation_radius": (2, {}),
            "threshold": (0.3, {}),
            "region": (0.8, {"region_minimum": 20}),
            "region_size": (65, {"region": 1.2}),
            "region_minimum": (60, {"region": 1.2}),
            "flow_weight": (0.2, {"flow_weight": 0.5}),
            "precision": ("bf16", {"network": slim}),
            "backwards": (False, {}),
            "connected": (True, {"network": Everywhere}),
            "guard": (True, {"network": Everywhere}),
        },
    ),
    "flow_methods": (
        flow,
        {
            "method": ("farneback", {}),
            "preset": ("ultrafast", {}),
            "match_step": (9, {"method": "epic"}),
            "match_error": (0.01, {"method": "epic"}),
            "iterations": (5, {"method": "raft_small"}),
        },
    ),
    "flow_images": (
        drawn,
        {
            "remove_median": (False, {}),
            "forward_backward": (False, {}),
            "scale": ("fixed", {}),
            "percentile": (60, {"scale": "per_frame_percentile"}),
            "full_scale": (3, {"scale": "fixed"}),
            "smallest_scale": (40, {}),
        },
    ),
    "crfs": (
        refined,
        {
            "bilateral_weight": (1, {}),
            "bilateral_sxy": (3, {}),
            "bilateral_srgb": (5, {}),
            "gaussian_weight": (0.5, {}),
            "gaussian_sxy": (5, {}),
            "iterations": (1, {}),
            "region_margin": (0, {"region_prob": 0.6}),
            "region_prob": (0.9, {"region_margin": 0}),
            "empty_below": (0.9, {"empty": True}),
        },
    ),
    "crf_searches": (
        searched,
        {
            "start": ({"bilateral_sxy": 3}, {}),
            "grid": ({"gaussian_weight": [2, 9]}, {}),
            "every": (3, {}),
        },
    ),
    "finetunings": (
        tuned,
        {
            "schedule": ({"iterations": 2, "batch_size": 1}, {}),
            "crop": ({"size": 41}, {}),
            "augmentation": ({"rotation_deg": 5}, {}),
            "deformation": ({"dilation_radius": 1}, {}),
            "samples": (1, {}),
            "offline_share": (0.5, {}),
            "neighbours": (True, {}),
            "shared": (True, {}),
        },
    ),
}


@cache
def plain(table, rest):
    """Return what a row does without the key that is looked at."""
    return EFFECTS[table][0](**dict(rest))


@pytest.mark.parametrize(
    ("table", "key"), [(table, key) for table, (_, keys) in EFFECTS.items() for key in keys]
)
def test_a_parameter_changes_what_it_is_for(table, key):
    result, keys = EFFECTS[table]
    value, rest = keys[key]
    before, after = plain(table, tuple(rest.items())), result(**{**rest, key: value})
    assert len(before) != len(after) or any(
        a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(before, after, strict=True)
    )


def test_what_is_compared_repeats():
    for table, (result, _) in EFFECTS.items():
        again = result()
        for a, b in zip(plain(table, ()), again, strict=True):
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), table


# --- what the other keys do to the jobs

#: A job of each kind; a case names another row where its key is one of that row's.
PLACE = {
    "network": "segment",
    "tracker": "fused",
    "finetuning": "paper",
    "annotation": "first",
    "variant": "masktrack",
    "dataset": "rendered_davis",
    "sequence": "rally",
    "object": "1",
    "stills": "rendered",
    "deformation": "paper",
    "flow": "dis",
    "table": "table2",
    "ablation": "table1",
    "figure": "figure5",
}
_ROW = [{"method": "Mine", "variant": "copy_first"}]
#: Path of a key → its other value, and the place of the job that must then differ.
REACH = {
    "seed": (2, {}),
    "masks_per_still": (3, {}),
    "networks.segment.seed": (2, {}),
    "finetunings.paper.seed": (2, {}),
    "deformations.paper.seed": (2, {}),
    "networks.segment.architecture": ("other", {}),
    "networks.segment.start": ("reduced", {}),
    "networks.segment.input": ("box", {}),
    "networks.segment.stills": (["annotated_videos"], {}),
    "networks.segment.composed": (True, {}),
    "networks.segment.deformation": ("none", {}),
    "networks.segment.augmentation": ("online", {}),
    "networks.segment.crop": ("other", {}),
    "networks.segment.schedule": ("online", {}),
    "networks.segment.limit": (7, {}),
    "flows.dis.method": ("epic", {}),
    "flows.dis.image": ("other", {}),
    "trackers.fused.network": ("box", {}),
    "trackers.fused.finetuning": (None, {}),
    "trackers.fused.propagation": ("no_dilation", {}),
    "trackers.fused.objects": ("together", {}),
    "trackers.fused.streams": (["flow"], {}),
    "trackers.fused.flow": ("epic", {}),
    "trackers.fused.flow_network": ("finetuned", {}),
    "annotations.first.every": (3, {}),
    "annotations.first_box.network": ("other_box", {"annotation": "first_box"}),
    "annotations.first_box.propagation": ("no_dilation", {"annotation": "first_box"}),
    "annotations.asked.choose": ("worst", {"annotation": "asked"}),
    "annotations.asked.count": (2, {"annotation": "asked"}),
    "annotations.asked.variant": ("masktrack_flow", {"annotation": "asked"}),
    "variants.masktrack.trackers": (["flow"], {}),
    "variants.box_oracle.oracle": ("grabcut", {"variant": "box_oracle"}),
    "variants.masktrack.threshold": (0.7, {}),
    "variants.masktrack_flow_crf_published.crf": (
        "onavos_davis",
        {"variant": "masktrack_flow_crf_published"},
    ),
    "variants.masktrack_crf.crf_search": ("other", {"variant": "masktrack_crf"}),
    "datasets.rendered_davis.title": ("Another", {}),
    "datasets.rendered_davis.layout": ("youtube_vos", {}),
    "datasets.rendered_davis.rendered": ("segtrack_v2", {"sequence": "dancers"}),
    "datasets.rendered_davis.only": (["rally"], {}),
    "datasets.rendered_davis.skip": (["first"], {}),
    "datasets.rendered_davis.before": ("counted", {}),
    "datasets.rendered_davis.after": ("skipped", {}),
    "datasets.rendered_segtrack.mean": ("sequences", {}),
    "datasets.rendered_segtrack.protocol": ("lvos", {}),
    "datasets.rendered_davis.rate": (30, {"film": "table2"}),
    "datasets.rendered_davis.development": (["rally"], {"variant": "masktrack_crf"}),
    "stills.rendered.layout": ("sod", {}),
    "stills.rendered.rendered": (50, {}),
    "stills.annotated_videos.datasets": (["rendered_davis"], {"stills": "annotated_videos"}),
    "tables.table2.datasets": (["rendered_davis"], {}),
    "tables.table2.rows": (_ROW, {}),
    "tables.table2.measures": (["J", "F"], {}),
    "tables.table2.across": ("sequences", {}),
    "tables.table2.decimals": (3, {}),
    "variants.grabcut_oracle.grabcut": (None, {"variant": "grabcut_oracle"}),
    "ablations.table1.dataset": ("rendered_segtrack", {}),
    "ablations.table1.baseline": ("No offline training", {}),
    "ablations.table1.rows": ([*_ROW, {"method": "MaskTrack", "variant": "masktrack"}], {}),
    "figures.figure5.datasets": (["rendered_davis"], {}),
    "figures.figure5.rows": (_ROW, {}),
    "figures.figure5.published": ([{"method": "A", "technique": "MSK"}], {}),
    "figures.figure4.panels": (
        [
            {"title": "A", "variant": "masktrack", "baseline": "copy_first"}
            | {"annotations": ["first", "every_5"]}
        ],
        {"figure": "figure4"},
    ),
    "figures.losses.networks": (["box"], {"figure": "losses"}),
    "figures.figure3.kind": ("attributes", {"figure": "figure3"}),
    "figures.figure3.sequences": (["rally"], {"figure": "figure3"}),
    "figures.figure3.limit": (1, {"figure": "figure3"}),
    "figures.figure3.columns": (3, {"figure": "figure3"}),
    "figures.figure3.truth": (False, {"figure": "figure3"}),
    "figure2.flow": ("epic", {}),
    "figure2.frames": ([{"dataset": "rendered_davis", "sequence": "rally", "t": 1}], {}),
    "deformed_masks.stills": ("annotated_videos", {}),
    "deformed_masks.deformations": (["none"], {}),
    "deformed_masks.count": (3, {}),
    "page.tables": (["addons"], {}),
    "page.figures": (["figure3"], {}),
    "page.frames": (9, {}),
    "page.player": (9, {}),
    "page.width": (320, {}),
    "page.quality": (50, {}),
}


def others():
    """Return the default configuration with one more row where it has one only."""
    config = default_config()
    config["architectures"]["other"] = {"backbone": "slim", "head": "largefov"}
    config["crops"]["other"] = {"size": 65}
    config["networks"]["other_box"] = config["networks"]["box"] | {"limit": 3}
    config["annotations"]["asked"] = {"choose": "doubt", "variant": "masktrack", "count": 3}
    config["flow_images"]["other"] = {"scale": "fixed"}
    config["crf_searches"]["other"] = copy.deepcopy(config["crf_searches"]["small"]) | {"every": 9}
    return config


def jobs(config, place):
    """Return what each rule makes of a configuration; `record` writes it down whole."""
    made = Plans(config).jobs(**PLACE | place)
    fits = {rule: parts for rule, parts in made.items() if not isinstance(parts, str)}
    return {rule: repr(parts) for rule, parts in fits.items() if rule != "record"}


@cache
def untouched(place):
    return jobs(others(), dict(place))


@pytest.mark.parametrize("path", REACH)
def test_a_key_reaches_a_job(path):
    value, place = REACH[path]
    config = others()
    *parents, key = path.split(".")
    reduce(lambda row, name: row[name], parents, config)[key] = copy.deepcopy(value)
    before, after = untouched(tuple(place.items())), jobs(config, place)
    assert any(before[rule] != after[rule] for rule in before.keys() & after.keys())


# --- and the rest

#: Key → the test in which it changes what is made.
SEEN_BY = {
    "architectures.pretrained": "tests/workflow/test_pretrained.py::"
    "test_weights_are_fetched_checked_and_started_from",
    "archives.urls": "tests/workflow/test_inputs.py::"
    "test_a_broken_download_went_on_where_it_was_and_mirrors_were_tried_in_turn",
    "archives.checksum": "tests/workflow/test_inputs.py::"
    "test_a_wrong_archive_is_named_and_nothing_is_unpacked",
    "archives.instructions": "tests/workflow/test_inputs.py::"
    "test_a_set_that_needs_a_registration_says_where_its_file_belongs",
    "weights.urls": "tests/unit/experiment/test_published.py::"
    "test_weights_are_downloaded_once_and_checked",
    "weights.checksum": "tests/unit/experiment/test_published.py::"
    "test_another_file_in_its_place_is_refused",
    "weights.path": "tests/unit/experiment/test_published.py::"
    "test_a_row_with_a_path_and_a_bare_path_are_that_file",
    "flows.weights": "tests/unit/experiment/test_published.py::"
    "test_a_row_with_a_path_and_a_bare_path_are_that_file",
    "stills.root": "tests/workflow/test_inputs.py::"
    "test_a_set_on_disk_and_its_downloaded_copy_have_one_score",
    "stills.archives": "tests/workflow/test_inputs.py::"
    "test_every_original_layout_arrives_through_faults_and_is_scored",
    "datasets.root": "tests/workflow/test_inputs.py::"
    "test_a_set_on_disk_and_its_downloaded_copy_have_one_score",
    "datasets.archives": "tests/workflow/test_inputs.py::"
    "test_every_original_layout_arrives_through_faults_and_is_scored",
    "datasets.table": "tests/workflow/test_inputs.py::"
    "test_every_original_layout_arrives_through_faults_and_is_scored",
    "datasets.split": "tests/workflow/test_inputs.py::test_a_split_of_a_table_keeps_its_sequences",
    "datasets.seen": "tests/unit/measures/test_protocols.py::"
    "test_a_table_of_ones_own_says_what_is_seen",
    "datasets.published": "tests/unit/experiment/test_recipes.py::"
    "test_results_are_beside_published_ones_only_where_the_sequences_are_the_same",
    "datasets.attributes": "tests/unit/experiment/test_effort.py::"
    "test_a_sequence_without_attributes_is_named",
    "variants.masks": "tests/workflow/test_figures.py::"
    "test_masks_of_others_are_scored_from_a_folder_and_from_a_zip",
    "variants.mask_values": "tests/unit/commands/test_agreement.py::"
    "test_others_masks_are_read_by_the_same_rule",
    "figures.measure": "tests/unit/experiment/test_results.py::"
    "test_curves_hold_scored_and_annotated_frames_of_each_method",
    "tables.seeds": "tests/unit/experiment/test_derived_rows.py::"
    "test_each_seed_makes_rows_down_to_what_it_first_decides",
    "tables.sweep": "tests/unit/experiment/test_derived_rows.py::"
    "test_a_sweep_makes_a_row_a_value_of_what_depends_on_it",
    "tables.published": "tests/unit/experiment/test_published_results.py::"
    "test_a_technique_has_its_mean_over_our_sequences",
    "networks.file": "tests/workflow/test_released.py::"
    "test_another_file_reruns_what_depends_on_it_and_its_time_nothing",
    "networks.sha256": "tests/workflow/test_released.py::"
    "test_an_address_is_downloaded_once_and_checked",
    "trackers.command": "tests/unit/tracking/test_external.py::"
    "test_a_command_finds_frames_and_annotations_and_its_masks_are_read",
    "trackers.files": "tests/workflow/test_external_tracker.py::"
    "test_its_row_stands_in_a_table_and_its_files_decide_what_reruns",
    "trackers.empty": "tests/workflow/test_external_tracker.py::"
    "test_the_row_says_whether_masks_may_be_empty_in_every_frame",
    "annotations.kind": "tests/unit/experiment/test_recipes.py::"
    "test_a_box_annotation_needs_a_network",
    "needs": "tests/workflow/test_common.py::"
    "test_a_retry_gets_twice_the_memory_and_time_of_the_attempt_before",
    "keep_finetuned": "tests/workflow/test_common.py::"
    "test_finetuned_networks_are_temporary_where_they_are_not_to_be_kept",
}
#: Keys that change no result, and why.
WITHOUT_EFFECT = {
    "results": "the folder of what is made",
    "data": "the folder of what is downloaded or rendered",
    "device": "moves the last digits only",
    "deterministic": "what comes out on a CPU; on a GPU the last digits are the same each time",
    "threads": "order of sums: the last digits only; of refine nothing",
    "loader_workers": "the same examples in the same order (test_any_number_of_workers_…)",
    "trackers.gpu": "where a command runs",
    "trackers.timeout_s": "how long a command may take; after it there is no result",
    "fork_jobs": "how a process starts (test_one_core_and_jobs_…)",
    "state_every_s": "a training goes on with the same bits (test_resuming_after_a_crash_…)",
}


def keys():
    """Yield every key of the configuration: ``table.key``, or the name of one without rows."""
    for name, entry in SCHEMA["properties"].items():
        row = entry.get("additionalProperties")
        if isinstance(row, dict) and "properties" in row:
            yield from (f"{name}.{key}" for key in row["properties"])
        elif name in ("figure2", "deformed_masks", "page"):
            yield from (f"{name}.{key}" for key in entry["properties"])
        else:
            yield name


def test_every_key_has_a_test_in_which_it_alone_changes_a_result():
    seen = {f"{table}.{key}" for table, (_, row) in EFFECTS.items() for key in row}
    seen |= {".".join(dict.fromkeys((path.split(".")[0], path.split(".")[-1]))) for path in REACH}
    known = list(keys())
    assert sorted(set(known) - seen - {*SEEN_BY, *WITHOUT_EFFECT}) == []
    assert sorted(({*seen, *SEEN_BY, *WITHOUT_EFFECT}) - set(known)) == []  # no key is gone
    assert not set(SEEN_BY) & set(WITHOUT_EFFECT) and not seen & set(WITHOUT_EFFECT)


@pytest.mark.parametrize("test", sorted(set(SEEN_BY.values())))
def test_the_tests_of_the_other_keys_are_there(test):
    file, name = test.split("::")
    assert f"def {name}(" in (ROOT / file).read_text()
