"""The functions of rules/common.smk, from wildcards to rows and inputs, without a run."""

import copy
import shutil
from types import SimpleNamespace

import pytest
from plans import Plans, default_config
from snakemake.io import is_flagged

from masktrack_core.errors import InputError
from masktrack_core.networks.included import included_network


def functions(change=lambda config: None):
    """Return the functions of the rule files over a changed configuration."""
    config = default_config()
    change(config)
    return Plans(config)


@pytest.fixture(scope="module")
def common():
    return functions()


def at(**wildcards):
    return SimpleNamespace(**wildcards)


def test_a_retry_gets_twice_the_memory_and_time_of_the_attempt_before(common):
    needs = common.needs("train")
    assert common.config["needs"]["train"] == {"mem_mb": 4000, "runtime": 60}
    asked = [{key: ask(None, attempt) for key, ask in needs.items()} for attempt in (1, 2, 3)]
    assert asked == [
        {"mem_mb": 4000, "runtime": 60},
        {"mem_mb": 8000, "runtime": 120},
        {"mem_mb": 16000, "runtime": 240},
    ]


def test_a_fine_tuning_sees_its_own_deformation_and_else_that_of_its_network():
    def change(config):
        row = config["finetunings"]["paper"]
        config["finetunings"]["other"] = copy.deepcopy(row) | {"deformation": "no_nonrigid"}

    common = functions(change)
    rows, deformations = common.finetuning_rows_of, common.config["deformations"]
    assert rows("paper", "segment")["deformation"] == deformations["paper"]
    assert rows("paper", "no_dilation")["deformation"] == deformations["no_dilation"]
    assert rows("other", "segment")["deformation"] == deformations["no_nonrigid"]
    assert deformations["paper"] != deformations["no_nonrigid"]
    wildcards = at(finetuning="other", network="segment")
    assert common.finetuning_rows(wildcards) == rows("other", "segment")


def test_the_rows_of_a_fine_tuning_are_those_that_it_names():
    def change(config):
        config["crops"]["small"] = {"size": 65}
        config["finetunings"]["paper"]["crop"] = "small"

    common = functions(change)
    rows = common.finetuning_rows_of("paper", "segment")
    config = common.config
    assert rows["crop"] == config["crops"]["small"]
    assert rows["schedule"] == config["schedules"]["online"]
    assert rows["augmentation"] == config["augmentations"]["online"]


def test_a_search_looks_at_indexes_and_tracks_of_the_development_sequences_alone(common):
    wildcards = at(variant="masktrack_crf", annotation="first", dataset="rendered_davis")
    inputs = common.search_inputs(wildcards)
    development = common.config["datasets"]["rendered_davis"]["development"]
    assert development == ["gallop", "loose-gear"]
    assert inputs == {
        "indexes": [f"results/index/rendered_davis/{name}.csv" for name in development],
        "tracks": [f"results/tracks/rgb/first/rendered_davis/{name}/1.zip" for name in development],
    }


def test_a_search_of_a_variant_of_two_trackers_looks_at_both_tracks_of_each_object():
    def change(config):
        config["variants"]["apart"] = {"trackers": ["rgb", "flow"], "crf_search": "small"}

    wildcards = at(variant="apart", annotation="first", dataset="rendered_segtrack")
    inputs = functions(change).search_inputs(wildcards)
    assert inputs["indexes"] == ["results/index/rendered_segtrack/sidewinder.csv"]
    assert inputs["tracks"] == [
        f"results/tracks/{tracker}/first/rendered_segtrack/sidewinder/1.zip"
        for tracker in ("rgb", "flow")
    ]


def test_a_search_starts_from_the_crf_that_it_names(common):
    row = common.search_row(at(variant="masktrack_crf"))
    assert row["start"] == common.config["crfs"]["deeplab_v2_vgg16"]
    assert row["every"] == 4 and row["grid"] == common.config["crf_searches"]["small"]["grid"]
    path = "results/crf/masktrack_crf/first/rendered_davis.yaml"
    wildcards = at(variant="masktrack_crf", annotation="first", dataset="rendered_davis")
    assert common.searched_crf(wildcards) == [path]
    wildcards.variant = "masktrack_flow_crf_published"
    assert common.searched_crf(wildcards) == []


def test_masks_of_composed_stills_are_deformed_as_those_of_the_network():
    def change(config):
        networks, architectures = config["networks"], config["architectures"]
        networks["meet"] = networks["segment"] | {"composed": True, "deformation": "no_dilation"}
        architectures["told"] = architectures["slim"] | {"others": True}
        networks["told"] = networks["segment"] | {"architecture": "told"}

    common = functions(change)
    deformations = common.config["deformations"]
    found = [common.composed_deformation(at(network=name)) for name in ("segment", "meet", "told")]
    assert found == [None, deformations["no_dilation"], deformations["paper"]]


def test_a_tracker_takes_its_own_networks_flow_and_the_annotations_of_the_others(common):
    place = {"annotation": "first", "dataset": "rendered_segtrack", "sequence": "dancers"}
    fused = at(tracker="fused", object="1", **place)
    tuned = "results/finetuned/segment/paper/first/rendered_segtrack/dancers/1.safetensors"
    offline = "results/networks/segment.safetensors"
    assert common.tracking_networks(fused) == [tuned, offline]
    assert common.tracking_networks(at(tracker="rgb_offline", object="1", **place)) == [offline]
    assert common.tracking_flow(fused) == ["results/flow/dis/rendered_segtrack/dancers.zip"]
    assert common.tracking_flow(at(tracker="rgb", object="1", **place)) == []
    numbers = [n for name, n in common.experiment.objects["rendered_segtrack"] if name == "dancers"]
    assert len(numbers) > 1
    others = [f"results/annotations/first/rendered_segtrack/dancers/{n}.zip" for n in numbers]
    for number, own in zip(numbers, others, strict=True):
        given = common.other_annotations(at(object=str(number), **place))
        assert given == [other for other in others if other != own]


def test_a_table_asks_for_the_scores_of_its_rows_on_its_data_sets_and_of_no_others():
    rows = [
        {"method": "A", "variant": "masktrack", "annotation": "first_box"},
        {"method": "B", "variant": "copy_first"},
    ]

    def change(config):
        config["tables"] = {"mine": {"datasets": ["rendered_davis"], "rows": rows}}

    common = functions(change)
    objects = common.experiment.objects["rendered_davis"]
    assert common.table_scores(at(table="mine")) == [
        f"results/scores/{run}/rendered_davis/{sequence}/{number}.csv"
        for run in ("masktrack/first_box", "copy_first/first")
        for sequence, number in objects
    ]


def test_a_network_is_trained_on_its_stills_and_their_masks_of_its_deformation():
    def change(config):
        config["networks"]["segment"] |= {"stills": ["rendered", "annotated_videos"]}
        config["networks"]["segment"] |= {"deformation": "no_nonrigid"}

    common = functions(change)
    assert common.training_inputs(at(network="segment")) == {
        "stills": ["results/stills/rendered.csv", "results/stills/annotated_videos.csv"],
        "deformed": [
            "results/deformed/no_nonrigid/rendered.zip",
            "results/deformed/no_nonrigid/annotated_videos.zip",
        ],
        "start": [],
        "pretrained": [],
    }
    untrained = common.training_inputs(at(network="initial"))
    assert untrained == {"stills": [], "deformed": [], "start": [], "pretrained": []}


def test_a_training_that_goes_on_with_a_network_wants_no_weights_of_a_trunk():
    def change(config):
        config["architectures"]["slim"]["pretrained"] = __file__

    begun = functions(change)
    assert begun.training_inputs(at(network="segment"))["pretrained"] == [__file__]

    def go_on(config):
        change(config)
        config["networks"]["segment"]["start"] = "reduced"

    inputs = functions(go_on).training_inputs(at(network="segment"))
    assert inputs["start"] == ["results/networks/reduced.safetensors"]
    assert inputs["pretrained"] == []


@pytest.mark.parametrize(("start", "said"), [("box", "prior 'box'"), ("released", "backbone")])
def test_a_network_of_another_kind_to_go_on_with_is_told_before_anything_runs(start, said):
    def change(config):
        config["networks"]["segment"]["start"] = start

    with pytest.raises(InputError, match=rf"networks\.segment\.start: {start}: .* got {said}"):
        functions(change)


def test_what_a_network_goes_on_with_is_said_without_the_folders_of_a_machine(tmp_path):
    config = default_config()
    mine = shutil.copy(included_network("mask"), tmp_path / "mine.safetensors")
    config["networks"]["given"] = {"file": str(mine)}
    config["networks"]["included"] = {"file": "included:mask"}
    config["networks"]["second"] = config["networks"]["segment"] | {"start": "segment"}
    config["architectures"]["mobilenet"] = {"backbone": "mobilenet_v2", "head": "decoder"}
    starts = {"a": ("given", "mobilenet"), "b": ("included", "mobilenet"), "c": ("second", "slim")}
    for name, (start, architecture) in starts.items():
        row = config["networks"]["segment"] | {"architecture": architecture, "start": start}
        config["networks"][name] = row
    experiment = Plans(config).experiment
    first = experiment.trained_on("segment")
    assert experiment.trained_on("a") == f"{first}, before that as mine.safetensors"
    assert experiment.trained_on("b") == f"{first}, before that as included:mask"
    assert experiment.trained_on("c") == f"{first}, before that on {first}, before that on {first}"


def test_finetuned_networks_are_temporary_where_they_are_not_to_be_kept(common):
    def change(config):
        config["keep_finetuned"] = False

    assert common.kept("a") == "a" and not is_flagged(common.kept("a"), "temp")
    assert functions(change).kept("a") == "a" and is_flagged(functions(change).kept("a"), "temp")


@pytest.mark.parametrize("deterministic", [False, True])
def test_the_record_names_the_device_where_bytes_are_promised_of_it_and_there_only(deterministic):
    """Its params decide whether it is written again."""
    said = {}
    for device in ("auto", "cpu", "cuda:1"):
        changed = functions(
            lambda config, device=device: config.update(device=device, deterministic=deterministic)
        )
        (_, params) = changed.job("record")["params"]
        said[device] = params["config"].pop("device", None)
        rest = {key: value for key, value in changed.config.items() if key != "device"}
        assert params["config"] == rest and rest["seed"] == 1
    same = {"auto": "auto", "cpu": "cpu", "cuda:1": "cuda:1"}
    assert said == (same if deterministic else dict.fromkeys(same))
