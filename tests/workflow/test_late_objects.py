"""An object that appears later is tracked, skipped and scored from its first frame."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from masktrack_core.files import io
from masktrack_core.files.archives import MaskArchive

from .conftest import Workflow

SIZE = (40, 60)


def save_labels(path, objects, t):
    labels = np.zeros(SIZE, np.uint8)
    for number in objects:
        labels[12 * number : 12 * number + 8, 5 + t : 25 + t] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_labels(path, labels)


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """Object 2 appears at frame 3 of 8 and is away at frame 6; copied annotations are scored."""
    folder = tmp_path_factory.mktemp("late")
    for t, objects in enumerate([[1], [1], [1], [1, 2], [1, 2], [1, 2], [1], [1, 2]]):
        save_labels(folder / f"set/Annotations/480p/late/{t:05d}.png", objects, t)
        frame = folder / f"set/JPEGImages/480p/late/{t:05d}.jpg"
        frame.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 9 * t, np.uint8)).save(frame)
    sets = {"late": {"title": "L", "layout": "davis2017", "root": str(folder / "set")}}
    row = {"method": "Copy", "variant": "copy_first"}
    rows = [row, row | {"method": "Copy of each third", "annotation": "every_3"}]
    tables = {"late": {"datasets": ["late"], "rows": rows}}
    workflow = Workflow(folder, {"datasets": sets, "tables": tables})
    run = workflow("--cores", "2", "results/late.csv")
    assert run.status == 0, run.output[-3000:]
    return folder / "results"


def test_objects_are_those_of_all_frames(late):
    index = pd.read_csv(late / "index/late/late.csv")
    assert dict(zip(index.object, index["first"], strict=True)) == {1: 0, 2: 3}


def test_an_object_is_annotated_in_its_first_frame_and_said_to_be_away_where_its_truth_lacks_it(
    late,
):
    for annotation, expected in (
        ("first", {1: {0: True}, 2: {0: False, 3: True}}),
        ("every_3", {1: {0: True, 3: True, 6: True}, 2: {0: False, 3: True, 6: False}}),
    ):
        for number, given in expected.items():
            archive = MaskArchive(late / f"annotations/{annotation}/late/late/{number}.zip")
            assert {int(t): bool(archive[t].any()) for t in archive} == given


def test_masks_begin_at_the_first_annotation_and_end_where_the_object_is_away(late):
    for annotation, expected in (("first", [3, 4, 5, 6, 7]), ("every_3", [3, 4, 5])):
        folder = late / f"masks/copy_first/{annotation}/late/late/2"
        found = [t for t in range(8) if io.read_mask(folder / f"{t:05d}.png").any()]
        assert found == expected


def test_the_log_of_a_score_says_by_which_rule_the_frames_before_are_left_out(late):
    logs = late / "logs/score/copy_first/first/late/late"
    said = "object 2: first seen in frame 00003; it is scored from there, as in YouTube-VOS"
    assert said in (logs / "2.log").read_text()
    assert "first seen" not in (logs / "1.log").read_text()


def test_an_object_is_scored_after_its_first_frame(late):
    table = pd.read_csv(late / "late_sequences.csv")
    first = table[table.method == "Copy"].set_index("object")
    assert dict(first.frames) == {1: 7, 2: 4}
    # Copied from frame 3: t columns off at frame 3 + t, and at frame 6 a mask where nothing is.
    j = {t: (20 - t) / (20 + t) for t in range(8)}
    assert first.J[2] == pytest.approx(100 * np.mean([j[1], j[2], 0, j[4]]), abs=1e-3)
    assert first.J[1] == pytest.approx(100 * np.mean([j[t] for t in range(1, 8)]), abs=1e-3)
