from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.configuration import Experiment
from masktrack_core.experiment.recipes import annotated_times, read_recipes
from masktrack_core.experiment.references import REFERENCES
from masktrack_core.files.io import write_frame, write_mask


@pytest.fixture
def config():
    return yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())


def test_the_default_configuration_names_only_what_exists(config):
    recipes = read_recipes(config)
    assert recipes.networks["segment"].stills == ("rendered",)
    assert recipes.tables["table2"].rows[-2].annotation == "first_box"


#: Every key of a row that names another row, and a row of the default configuration that has it.
NAMES = [
    ("stills", "annotated_videos", "datasets", ["rendered_davis", "rbg"]),
    ("stills", "rendered", "archives", ["rbg"]),
    ("datasets", "rendered_davis", "archives", ["rbg"]),
    ("networks", "segment", "architecture", "rbg"),
    ("networks", "segment", "start", "rbg"),
    ("networks", "segment", "stills", ["rendered", "rbg"]),
    ("networks", "segment", "deformation", "rbg"),
    ("networks", "segment", "augmentation", "rbg"),
    ("networks", "segment", "crop", "rbg"),
    ("networks", "segment", "schedule", "rbg"),
    ("finetunings", "paper", "schedule", "rbg"),
    ("finetunings", "paper", "crop", "rbg"),
    ("finetunings", "paper", "augmentation", "rbg"),
    ("finetunings", "paper", "deformation", "rbg"),
    ("flows", "dis", "method", "rbg"),
    ("flows", "dis", "image", "rbg"),
    ("trackers", "rgb", "network", "rbg"),
    ("trackers", "rgb", "finetuning", "rbg"),
    ("trackers", "rgb", "propagation", "rbg"),
    ("trackers", "fused", "flow", "rbg"),
    ("annotations", "first_box", "network", "rbg"),
    ("annotations", "first_box", "propagation", "rbg"),
    ("annotations", "first", "variant", "rbg"),
    ("crf_searches", "small", "start", "rbg"),
    ("variants", "masktrack", "trackers", ["rbg"]),
    ("variants", "masktrack_flow_crf_published", "crf", "rbg"),
    ("variants", "masktrack_flow_crf", "crf_search", "rbg"),
    ("variants", "grabcut_oracle", "grabcut", "rbg"),
    ("tables", "table2", "datasets", ["rbg"]),
]


def test_every_key_that_names_a_row_is_known():
    assert {(table, key) for table, _, key, _ in NAMES} == set(REFERENCES)


@pytest.mark.parametrize(("table", "row", "key", "value"), NAMES)
def test_a_misspelt_name_is_named_with_its_key_and_the_names_that_exist(
    config, table, row, key, value
):
    config[table][row][key] = value
    with pytest.raises(InputError, match=rf"^{table}\.{row}\.{key}: unknown name 'rbg'; config\."):
        read_recipes(config)


def test_a_misspelt_variant_in_a_table_is_named_with_its_row(config):
    config["tables"]["table2"]["rows"][0]["variant"] = "box_orakel"
    with pytest.raises(InputError, match=r"tables\.table2\.rows\[0\]\.variant.*box_orakel"):
        read_recipes(config)


def test_a_variant_is_tracked_or_an_oracle(config):
    config["variants"]["masktrack"]["oracle"] = "box"
    with pytest.raises(InputError, match=r"variants\.masktrack: expected either"):
        read_recipes(config)


@pytest.mark.parametrize("ring", [("segment",), ("segment", "box"), ("segment", "box", "third")])
def test_networks_that_begin_with_each_other_are_refused(config, ring):
    for name, start in zip(ring, (*ring[1:], ring[0]), strict=True):
        config["networks"].setdefault(name, dict(config["networks"]["segment"]))["start"] = start
    said = " from ".join((*ring, ring[0]))
    with pytest.raises(InputError, match=rf"networks\.segment\.start: .*got {said}; remove"):
        read_recipes(config)
    del config["networks"][ring[-1]]["start"]
    assert read_recipes(config).networks[ring[-1]].start is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"choose": "even"}, "got choose with"),
        ({"choose": "doubt", "count": 3}, "got choose, count with"),
        ({"choose": "even", "count": 3, "variant": "masktrack"}, "got choose, count, variant with"),
        ({"choose": "even", "count": 3, "every": 5}, "every 5"),
        ({"count": 3}, "got count with"),
        ({"choose": "even", "count": 3, "kind": "box", "network": "box"}, "kind 'box'"),
    ],
)
def test_frames_are_chosen_in_one_way_by_what_is_there(config, row, words):
    config["annotations"]["chosen"] = row
    with pytest.raises(InputError, match=rf"annotations\.chosen: expected choose.*{words}"):
        read_recipes(config)


def test_only_masks_that_were_tracked_here_are_doubted(config):
    row = {"choose": "doubt", "count": 3, "variant": "box_oracle"}
    config["annotations"]["chosen"] = row
    with pytest.raises(InputError, match=r"annotations\.chosen\.variant: .* got 'box_oracle'"):
        read_recipes(config)
    row["variant"] = "masktrack"
    assert read_recipes(config).annotations["chosen"].count == 3


def test_a_box_annotation_needs_a_network(config):
    del config["annotations"]["first_box"]["network"]
    with pytest.raises(InputError, match=r"annotations\.first_box: kind 'box'"):
        read_recipes(config)


def test_a_schedule_without_a_crop_is_refused(config):
    del config["networks"]["segment"]["crop"]
    with pytest.raises(InputError, match="belong together"):
        read_recipes(config)


@pytest.mark.parametrize(("every", "times"), [(None, [0]), (3, [0, 3, 6]), (1, list(range(8)))])
def test_annotated_frames_are_the_first_or_every_kth_from_it(every, times):
    assert list(annotated_times(8, every)) == times


def test_the_flow_stream_runs_the_offline_network_unless_told_otherwise(config):
    trackers = read_recipes(config).trackers
    assert trackers["fused"].networks == ("finetuned", "offline")
    assert trackers["fused_finetuned"].networks == ("finetuned", "finetuned")
    assert trackers["rgb_offline"].networks == ("offline",)


@pytest.mark.parametrize(("tracker", "flow"), [("fused", None), ("rgb", "dis")])
def test_a_flow_without_its_stream_and_a_stream_without_its_flow_are_refused(config, tracker, flow):
    config["trackers"][tracker]["flow"] = flow
    with pytest.raises(InputError, match=rf"trackers\.{tracker}: streams"):
        read_recipes(config)


@pytest.mark.parametrize(
    ("variant", "crf"), [("masktrack_flow_crf", "onavos_davis"), ("box_oracle", "onavos_davis")]
)
def test_two_crfs_and_the_crf_of_an_oracle_are_refused(config, variant, crf):
    config["variants"][variant]["crf"] = crf
    with pytest.raises(InputError, match=rf"variants\.{variant}: expected crf or crf_search"):
        read_recipes(config)


def experiment_of(config):
    recipes = read_recipes(config)
    return Experiment(config=config, recipes=recipes, objects={}, ablations={})


def test_parameters_are_chosen_on_the_objects_of_the_development_sequences_alone(config):
    every = (("walk", 1), ("walk", 2), ("run", 1), ("jump", 1))
    config["datasets"] |= {"mine": {"development": ["walk", "jump"]}, "none": {"development": []}}
    experiment = replace(experiment_of(config), objects={"mine": every, "none": every})
    assert experiment.development_objects("mine") == (("walk", 1), ("walk", 2), ("jump", 1))
    assert experiment.development_objects("none") == ()


def test_results_are_beside_published_ones_only_where_the_sequences_are_the_same(config):
    facts = read_facts("davis2016")
    whole = tuple((str(name), 1) for name in facts["sequence"])
    config["datasets"] |= {"mine": {"published": "davis2016"}, "other": {"published": None}}
    for objects, name in (
        (whole, "davis2016"),
        (whole[::-1], "davis2016"),
        (whole[:-1], None),
        (whole[:3], None),
        ((*whole, ("mine", 1)), None),
        ((*whole[:-1], (whole[-1][0], 2)), None),
    ):
        experiment = replace(experiment_of(config), objects={"mine": objects, "other": objects})
        assert experiment.published("mine") == name
        assert experiment.published("other") is None


@pytest.mark.parametrize("written", ["frame", "truth", "nothing"])
def test_a_frame_or_a_truth_corrected_in_place_is_another_fingerprint(config, tmp_path, written):
    for t in range(2):
        write_frame(tmp_path / f"JPEGImages/480p/walk/{t}.jpg", np.zeros((6, 8, 3), np.uint8))
        write_mask(tmp_path / f"Annotations/480p/walk/{t}.png", np.eye(6, 8, dtype=bool))
    config["datasets"] |= {"mine": {"layout": "davis", "root": str(tmp_path)}}
    experiment = replace(experiment_of(config), objects={"mine": (("walk", 1),)})
    before = experiment.fingerprint("mine", "walk")
    if written == "frame":
        write_frame(tmp_path / "JPEGImages/480p/walk/1.jpg", np.ones((6, 8, 3), np.uint8))
    if written == "truth":
        write_mask(tmp_path / "Annotations/480p/walk/1.png", np.eye(6, 8, 2, dtype=bool))
    assert (experiment.fingerprint("mine", "walk") == before) == (written == "nothing")


def test_a_variants_masks_are_cut_where_its_trackers_are_unless_it_says_otherwise(config):
    for row in config["propagations"].values():
        row["threshold"] = 0.4
    assert experiment_of(config).threshold("masktrack") == 0.4
    config["variants"]["masktrack"]["threshold"] = 0.7
    assert experiment_of(config).threshold("masktrack") == 0.7


def test_a_variant_of_trackers_with_unlike_thresholds_needs_one_of_its_own(config):
    config["propagations"] = {"low": {"threshold": 0.3}, "high": {"threshold": 0.6}}
    names = iter(("low", "high") * len(config["trackers"]))
    config["annotations"] = {"first": {}}
    config["tables"], config["figures"], config["ablations"] = {}, {}, {}
    for row in config["trackers"].values():
        row["propagation"] = next(names)
    trackers = list(config["trackers"])[:2]
    config["variants"] = {"both": {"trackers": trackers}}
    with pytest.raises(InputError, match=r"^variants\.both\.threshold: expected .* \[0\.3, 0\.6\]"):
        experiment_of(config).threshold("both")


def with_file(config, **row):
    config["networks"]["taken"] = {"file": "included:mask", "input": "mask"} | row
    config["trackers"]["taken"] = {"network": "taken"}
    return config


def test_a_network_from_a_file_needs_no_propagation_and_leaves_a_finetuning_open(config):
    with_file(config)["trackers"]["taken"]["finetuning"] = "open"
    config["finetunings"]["open"] = {}
    config["variants"]["taken"] = {"trackers": ["taken"]}
    experiment = experiment_of(config)
    assert experiment.threshold("taken") is None
    assert experiment.saying_networks("taken") == ["taken"]
    config["variants"]["taken"]["threshold"] = 0.3
    assert experiment_of(config).saying_networks("taken") == []


def test_trackers_whose_threshold_is_a_files_and_a_rows_need_one_of_the_variant(config):
    config["propagations"]["paper"]["threshold"] = 0.5
    with_file(config)["variants"]["both"] = {"trackers": ["taken", "rgb"]}
    with pytest.raises(InputError, match=r"^variants\.both\.threshold: expected"):
        experiment_of(config).threshold("both")


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("networks", {"file": "a", "schedule": "offline"}, "taken: expected a file.*got schedule"),
        ("networks", {"file": "a", "composed": True}, "taken: expected a file.*got composed"),
        ("networks", {"sha256": "0" * 64}, "taken: expected a file.*got sha256 without"),
        ("networks", {"architecture": "slim"}, "taken: expected architecture.*no stills, deform"),
        ("trackers", {"network": "segment"}, r"taken\.propagation: expected a row"),
        ("annotations", {"kind": "box", "network": "taken"}, r"taken\.network: expected .* boxes"),
    ],
)
def test_a_row_that_needs_a_file_or_must_not_have_one_is_named(config, table, row, words):
    with_file(config)[table]["taken"] = row
    with pytest.raises(InputError, match=rf"^{table}\.{words}"):
        read_recipes(config)


def test_an_open_finetuning_of_a_network_that_is_trained_here_is_refused(config):
    config["finetunings"]["paper"] = {"crop": "full"}
    with pytest.raises(InputError, match=r"^finetunings\.paper: expected schedule, augmentation"):
        read_recipes(config)


def test_a_box_network_from_a_file_needs_no_propagation(config):
    with_file(config, file="included:box", input="box")
    config["annotations"]["taken"] = {"kind": "box", "network": "taken"}
    assert read_recipes(config).annotations["taken"].propagation is None
