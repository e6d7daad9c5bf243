import errno
import os

import numpy as np
import pytest
from drawn_clip import LENGTH, SIZE, disk, write_clip

from masktrack_core.annotating import project as module
from masktrack_core.annotating.project import Project
from masktrack_core.errors import InputError

NOTHING = np.zeros(SIZE, np.bool_)


def sums(project):
    return {
        t: {n: int(m.sum()) for n, m in shown.items()} for t, shown in sorted(project.drawn.items())
    }


def test_what_is_drawn_is_there_when_the_folder_is_opened_again(clip, tmp_path):
    project = Project(clip, tmp_path / "work")
    project.draw(0, 1, disk(0))
    project.draw(5, 2, disk(0, radius=5))
    project.draw(5, 1, NOTHING)
    project.name_object(2, "the ball", "#123456")
    again = Project(clip, tmp_path / "work")
    assert sums(again) == sums(project) == {
        0: {1: int(disk(0).sum())}, 5: {1: 0, 2: int(disk(0, radius=5).sum())}
    }  # fmt: skip
    assert (again.drawn[0][1] == disk(0)).all()
    assert again.objects[2] == module.Object("the ball", "#123456")
    assert again.digest() == project.digest()


def test_a_pixel_belongs_to_the_object_drawn_last(clip, tmp_path):
    project = Project(clip, tmp_path / "work")
    project.draw(0, 1, disk(0))
    project.draw(0, 2, disk(1))
    assert not (project.drawn[0][1] & disk(1)).any()
    assert (project.drawn[0][2] == disk(1)).all()


def test_undo_takes_back_drawing_clearing_and_emptying_one_by_one(clip, tmp_path):
    project = Project(clip, tmp_path / "work")
    assert project.undo() is None
    project.draw(3, 1, disk(3))
    project.draw(3, 2, disk(4))
    project.clear(3, 1)
    project.draw(6, 1, NOTHING)
    before = project.digest()
    assert project.undo() == 6 and project.undo() == 3
    assert {*project.drawn[3]} == {1, 2} and project.digest() != before
    assert project.undo() == 3 and (project.drawn[3][1] == disk(3)).all()
    assert project.undo() == 3 and project.drawn == {} and project.undo() is None
    assert list((tmp_path / "work" / "annotations").iterdir()) == []


def test_a_full_disk_loses_nothing_that_was_drawn(clip, tmp_path, monkeypatch):
    project = Project(clip, tmp_path / "work")
    project.draw(0, 1, disk(0))
    kept = project.digest()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.png")

    monkeypatch.setattr(module, "write_annotated_frame", full)
    for change in (lambda: project.draw(0, 1, disk(1)), lambda: project.clear(0, 1), project.undo):
        with pytest.raises(OSError, match="No space left"):
            change()
        assert project.digest() == kept
    monkeypatch.undo()
    assert Project(clip, tmp_path / "work").digest() == kept
    assert project.undo() == 0 and project.drawn == {}


def test_a_folder_of_another_clip_is_refused(clip, tmp_path):
    Project(clip, tmp_path / "work").draw(0, 1, disk(0))
    other = write_clip(tmp_path / "other")
    (tmp_path / "other" / f"{LENGTH - 1:05d}.png").unlink()
    with pytest.raises(InputError, match=r"expected annotations of .*other, got those of clip"):
        Project(type(other)(tmp_path / "other"), tmp_path / "work")


def test_a_folder_with_other_files_or_other_settings_is_refused(clip, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a new folder, or one of `masktrack annotate`"):
        Project(clip, tmp_path / "mine")
    Project(clip, tmp_path / "work")
    (tmp_path / "work" / "annotate.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match=r"annotate\.yaml: expected the settings"):
        Project(clip, tmp_path / "work")


def test_masks_of_another_size_frames_and_objects_that_are_not_there_are_refused(clip, tmp_path):
    project = Project(clip, tmp_path / "work")
    with pytest.raises(InputError, match="mask: expected the size of the frames"):
        project.draw(0, 1, disk(0)[1:])
    with pytest.raises(InputError, match="frame: expected 0 to 7, got 8"):
        project.draw(LENGTH, 1, disk(0))
    with pytest.raises(InputError, match="object: expected a number from 1 to 254, got 255"):
        project.name_object(255, "void")
    with pytest.raises(InputError, match="expected a mask or a box in some frame"):
        project.annotations()
