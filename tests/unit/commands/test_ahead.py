"""The bars of a run are those that were announced: else the time left would be of others."""

from dataclasses import replace
from pathlib import Path

import pytest

from masktrack_core.arrays import Size
from masktrack_core.commands.ahead import guesses, stages
from masktrack_core.commands.outputs import Export
from masktrack_core.commands.stages import Motion, Request
from masktrack_core.experiment.usage import read_usage
from masktrack_core.tracking.crf import CrfParams

REQUEST = Request(weights=Path("w"), usage=read_usage({}))


def test_stages_come_in_their_order_with_their_units():
    bare = replace(REQUEST, usage=replace(REQUEST.usage, finetuning=None))
    found = stages(20, 2, bare, [Export("coco", Path("a.json"))], Path("look.mp4"))
    assert [(stage.words, stage.units) for stage in found] == [
        ("object 1 of 2: follow", 20),
        ("object 2 of 2: follow", 20),
        ("object 1 of 2: doubt", 20),
        ("object 2 of 2: doubt", 20),
        ("write masks", 20),
        ("export coco", 20),
        ("overlay", 20),
    ]


def test_objects_that_are_followed_together_learn_first_and_are_refined_last():
    found = stages(20, 2, replace(REQUEST, crf=CrfParams(), together=True))
    assert [(stage.words, stage.kind, stage.units) for stage in found] == [
        ("object 1 of 2: learn", "learn", 200),
        ("object 2 of 2: learn", "learn", 200),
        ("2 objects: follow", "follow", 40),
        ("object 1 of 2: refine", "refine", 20),
        ("object 2 of 2: refine", "refine", 20),
        ("object 1 of 2: doubt", "doubt", 20),
        ("object 2 of 2: doubt", "doubt", 20),
        ("write masks", "write masks", 20),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_one_training_for_all_objects_is_one_stage_and_comes_first(together):
    usage = replace(REQUEST.usage, finetuning=replace(REQUEST.usage.finetuning, shared=True))
    shared = replace(REQUEST, usage=usage, together=together)
    found = [(stage.words, stage.units) for stage in stages(20, 2, shared)]
    alone = stages(20, 2, replace(shared, usage=replace(usage, finetuning=None)))
    assert found[0] == ("all objects: learn", 200)
    assert found[1:] == [(stage.words, stage.units) for stage in alone]
    assert stages(20, 1, shared)[0].words == "object 1 of 1: learn"


def test_all_that_a_run_can_do_is_a_stage_and_has_a_guess():
    exports = [Export("cutout", Path(name)) for name in ("a.mov", "a.webm", "a")]
    exports += [Export(kind, Path(kind)) for kind in ("coco", "contours", "probs")]
    whole = replace(REQUEST, motion=Motion(), crf=CrfParams(), marks=(0, 10))
    found = stages(20, 1, whole, exports, Path("look.mp4"))
    assert [stage.words for stage in found[:6]] == [
        "flow",
        "object 1 of 1: learn",
        "object 1 of 1: follow",
        "object 1 of 1: fill",
        "object 1 of 1: refine",
        "object 1 of 1: doubt",
    ]
    assert [stage.units for stage in found[:4]] == [20, 200, 2, 20]
    assert {stage.kind for stage in found} == set(guesses(Size(720, 1280)))
    assert guesses(Size(720, 1280))["flow"] == pytest.approx(0.18 * 0.9216)
