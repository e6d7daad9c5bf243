"""The page's state: the same masks as `masktrack segment` on the folder that it leaves."""

import time

import numpy as np
import pytest
from drawn_clip import LENGTH, SIZE, disk

from masktrack_core.annotating.project import Project
from masktrack_core.annotating.studio import Studio
from masktrack_core.arrays import Box
from masktrack_core.commands.cli import main
from masktrack_core.errors import InputError
from masktrack_core.files.io import read_mask

NOTHING = np.zeros(SIZE, np.bool_)


def wait(studio):
    end = time.monotonic() + 120
    while studio.jobs.progress.running:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert studio.jobs.progress.error == ""


def follow(studio):
    studio.follow()
    wait(studio)


@pytest.mark.parametrize("drawing", ["one", "two"])
def test_the_exported_masks_are_those_of_segment_on_the_same_folder(
    studio, clip, tmp_path, drawing
):
    studio.draw(0, 1, disk(0))
    if drawing == "two":
        studio.draw(2, 2, disk(5, radius=7, row=14))
        studio.draw(5, 1, disk(5) & ~disk(6, radius=4))
        studio.draw(6, 2, NOTHING)
    follow(studio)
    place = studio.export("masks")
    wait(studio)
    words = ["segment", str(clip.path), "--annotations", str(tmp_path / "work/annotations")]
    words += ["--no-finetune", "--no-guard", "--threads", "1", "--out", str(tmp_path / "masks")]
    assert main(words) == 0
    names = [f"{t:05d}.png" for t in range(LENGTH)]
    assert sorted(path.name for path in place.iterdir()) == names
    for name in names:
        assert (place / name).read_bytes() == (tmp_path / "masks" / name).read_bytes(), name


def test_every_form_is_written_and_none_before_all_is_found(studio):
    with pytest.raises(InputError, match="expected a mask or a box in some frame"):
        studio.export("masks")
    studio.draw(0, 1, disk(0))
    with pytest.raises(InputError, match=r"7 are still to be found; follow first \(F\)"):
        studio.export("coco")
    with pytest.raises(InputError, match="export: expected one of masks"):
        studio.export("gif")
    follow(studio)
    for kind in ("overlay", "coco", "contours", "cutout"):
        place = studio.export(kind)
        wait(studio)
        assert place.stat().st_size > 100


def test_a_box_becomes_a_mask_inside_it_and_leaves_what_is_drawn(studio):
    half = disk(2).copy()
    half[:, 34:] = False
    studio.draw(2, 2, half)
    studio.draw_box(2, 1, Box(20, 22, 29, 29))
    drawn = studio.project.drawn[2]
    inside = np.zeros(SIZE, np.bool_)
    inside[22:51, 20:49] = True
    assert drawn[1].any() and not (drawn[1] & ~inside).any() and (drawn[2] == half).all()
    with pytest.raises(InputError, match="box: expected one with a pixel in the frame"):
        studio.draw_box(2, 1, Box(200, 5, 10, 10))


def test_stamps_change_where_masks_do_and_nowhere_else(studio):
    studio.draw(0, 1, disk(0))
    studio.draw(7, 1, disk(7))
    follow(studio)
    before = list(studio.stamps)
    studio.draw(3, 1, disk(3))
    assert [t for t in range(LENGTH) if studio.stamps[t] != before[t]] == [2, 3, 4, 5]
    assert studio.state("a")["missing"] == 3
    assert (studio.labels(3) == disk(3)).all() and not studio.labels(4).any()
    assert studio.undo() == 3 and studio.state("a")["missing"] == 0


def test_the_state_says_what_is_drawn_doubted_and_missing(studio):
    studio.draw(0, 1, disk(0))
    state = studio.state("a")
    assert state["drawn"] == {0: [1]} and state["missing"] == 7
    assert state["doubt"][1] == [0.0] + [None] * 7
    follow(studio)
    state = studio.state("a")
    assert state["missing"] == 0 and None not in state["doubt"][1] and state["doubt"][1][0] == 0
    assert state["job"]["kind"] == "follow" and (state["job"]["done"], state["job"]["total"]) == (
        7,
        7,
    )


def test_an_object_that_is_nowhere_is_a_problem_that_is_said(studio):
    studio.draw(4, 2, NOTHING)
    assert (
        "object 2: expected a mask with at least one object pixel" in studio.state("a")["problem"]
    )
    with pytest.raises(InputError, match="object 2: expected a mask"):
        studio.follow()
    studio.draw(4, 2, disk(4))
    assert studio.state("a")["problem"] == "" and (studio.labels(4) == 2 * disk(4)).all()


def test_one_tab_has_the_pen_until_another_takes_it_or_it_is_silent(studio, monkeypatch):
    clock = [50.0]
    monkeypatch.setattr("masktrack_core.annotating.studio.time.monotonic", lambda: clock[0])
    assert studio.holds_pen("a") and not studio.holds_pen("b")
    assert studio.state("a")["pen"] and not studio.state("b")["pen"]
    assert studio.holds_pen("b", take=True) and not studio.holds_pen("a")
    clock[0] += 6
    assert studio.holds_pen("a") and not studio.holds_pen("b")


def test_learning_is_segment_and_its_masks_are_shown_until_something_else_is_drawn(
    studio, clip, tmp_path, mask_model, box_model
):
    studio.draw(0, 1, disk(0))
    studio.learn()
    wait(studio)
    assert studio.state("a")["learnt"] and studio.state("a")["missing"] == 0
    learnt = [studio.labels(t) for t in range(LENGTH)]
    for t, labels in enumerate(learnt):
        assert (read_mask(tmp_path / f"work/learnt/{t:05d}.png") == (labels == 1)).all()
    again = Studio(Project(clip, tmp_path / "work"), mask_model, box_model, threads=1)
    assert again.state("a")["learnt"] and len(again.state("a")["doubt"][1]) == LENGTH
    studio.draw(5, 1, disk(5))
    assert not studio.state("a")["learnt"] and studio.state("a")["missing"] == 6
    studio.undo()
    assert studio.state("a")["learnt"]
