import json
from dataclasses import replace

import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import (
    USAGE,
    Usage,
    finetuning_of,
    read_usage,
    usage_of_tracker,
    usage_record,
    usage_text,
)
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.training.loop import TrainParams

ROWS = {
    "schedule": {"iterations": 7, "batch_size": 2},
    "crop": {"size": 65, "region": 1.2},
    "augmentation": {"scale": [0.9, 1.1]},
    "deformation": {"dilation_radius": 1},
}
NUMBERS = {"samples": 9, "offline_share": 0.25, "neighbours": True, "shared": True}
SAID = {USAGE: usage_record({"dilation_radius": 3}, NUMBERS, ROWS, "photographs")}
OPEN = dict.fromkeys(ROWS)


def test_what_a_row_leaves_out_is_what_the_file_says():
    said = read_usage(SAID).finetuning
    assert finetuning_of(SAID, {}, OPEN, where="a") == said
    given = {
        "schedule": ({"iterations": 3}, {"schedule": TrainParams(iterations=3)}),
        "crop": ({"size": 33}, {"crop": CropParams(size=33)}),
        "augmentation": ({"flip": False}, {"augmentation": AugmentationParams(flip=False)}),
        "deformation": ({"shift": 0}, {"deformation": DeformationParams(shift=0)}),
    }
    for part, (row, changed) in given.items():
        found = finetuning_of(SAID, {}, OPEN | {part: row}, where="a")
        if part == "schedule":
            assert found == replace(said, **changed)
        else:
            assert found == replace(said, examples=replace(said.examples, **changed))
    found = finetuning_of(SAID, {"samples": 4, "offline_share": 0.0}, OPEN, where="a")
    assert (found.examples.samples, found.offline_share) == (4, 0.0)
    assert found.examples.neighbours and found.shared  # as the file says
    assert not finetuning_of(SAID, {"shared": False}, OPEN, where="a").shared
    assert not finetuning_of(SAID, {"neighbours": False}, OPEN, where="a").examples.neighbours
    assert found.schedule == said.schedule


def test_a_whole_row_asks_the_file_nothing():
    found = finetuning_of({USAGE: "damaged"}, NUMBERS, ROWS, where="a")
    assert found == read_usage(SAID).finetuning


def test_a_file_that_is_used_without_learning_needs_a_whole_row():
    record = {USAGE: usage_record({}, None, {}, "photographs")}
    with pytest.raises(InputError, match=r"^a: says that it is used without learning"):
        finetuning_of(record, {}, OPEN, where="a")


def test_a_usage_is_read_as_it_was_written():
    usage = read_usage(SAID)
    assert read_usage({USAGE: usage_text(usage)}) == usage
    plain = Usage(propagation=PropagationParams(region=2.0), finetuning=None, trained_on="x")
    assert read_usage({USAGE: usage_text(plain)}) == plain


def test_a_tracker_of_a_file_is_exported_with_what_is_its_own_and_the_rest_as_the_file_said():
    text = usage_of_tracker(SAID, {"region": 2.0}, {"samples": 5}, OPEN, where="a")
    found, said = read_usage({USAGE: text}), read_usage(SAID)
    assert found.propagation == PropagationParams(region=2.0)
    assert found.finetuning.examples.samples == 5
    assert found.finetuning.schedule == said.finetuning.schedule
    assert found.trained_on == "photographs"
    plain = json.loads(usage_of_tracker(SAID, None, None, {}, where="a"))
    assert plain["finetuning"] is None and plain["propagation"]["dilation_radius"] == 3
