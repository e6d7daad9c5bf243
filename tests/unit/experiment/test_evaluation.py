"""A tracker that is a function: called with what it needs, checked, scored as by the command."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from masktrack_core import evaluate
from masktrack_core.commands.cli import main
from masktrack_core.datasets.sources import ROW_DEFAULTS
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_labels

SIZE, LENGTH = (24, 32), 5


def shown(number, t):
    """The mask of an object in a frame; object 2 comes in frame 2."""
    mask = np.zeros(SIZE, bool)
    if number == 1 or t >= 2:
        mask[10 * number - 6 : 10 * number, 4 + t : 14 + t] = True
    return mask


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two sequences in the layout of DAVIS-2017: pair has two objects, solo one."""
    root = tmp_path_factory.mktemp("set")
    for sequence, numbers in (("pair", (1, 2)), ("solo", (1,))):
        for t in range(LENGTH):
            labels = np.zeros(SIZE, np.uint8)
            for number in numbers:
                labels[shown(number, t)] = number
            frame = np.full((*SIZE, 3), (200, 10 * t, 30), np.uint8)
            for folder in ("JPEGImages", "Annotations"):
                (root / folder / "480p" / sequence).mkdir(parents=True, exist_ok=True)
            write_labels(root / f"Annotations/480p/{sequence}/{t:05d}.png", labels)
            Image.fromarray(frame).save(root / f"JPEGImages/480p/{sequence}/{t:05d}.jpg")
    return root


def still(frames, annotations):
    """The last annotation that shows the object, in every frame."""
    answers = {}
    for number, given in annotations.items():
        seen = [mask for mask in given.values() if mask.any()]
        answers[number] = np.repeat(seen[-1][None], len(frames), axis=0)
    return answers


def test_it_is_called_with_frames_and_the_annotations_of_each_object(root):
    calls = []

    def tracker(frames, annotations):
        calls.append((frames, annotations))
        return still(frames, annotations)

    evaluate(tracker, root, protocol="davis2017")
    (frames, annotations), (_, alone) = calls
    assert len(frames) == LENGTH and frames[3].shape == (*SIZE, 3)
    assert np.abs(frames[3][0, 0].astype(int) - (200, 30, 30)).max() < 12  # RGB
    # Whoever draws object 1 in the first frame sees that object 2 is not there.
    assert {n: sorted(given) for n, given in annotations.items()} == {1: [0], 2: [0, 2]}
    assert not annotations[2][0].any() and np.array_equal(annotations[2][2], shown(2, 2))
    assert sorted(alone) == [1]
    calls.clear()
    evaluate(tracker, root, protocol="davis2017", every=2)
    assert {n: sorted(given) for n, given in calls[0][1].items()} == {1: [0, 2, 4], 2: [0, 2, 4]}


def test_scores_are_those_of_the_command_on_the_same_masks(root, tmp_path):
    scores = evaluate(still, root, protocol="davis2017")
    for sequence, numbers in (("pair", (1, 2)), ("solo", (1,))):
        for t in range(LENGTH):
            labels = np.zeros(SIZE, np.uint8)
            for number in numbers:
                labels[shown(number, 2 if number == 2 else 0)] = number
            if sequence == "pair" and t == 0:
                labels[labels == 2] = 0  # as annotated
            (tmp_path / "masks" / sequence).mkdir(parents=True, exist_ok=True)
            write_labels(tmp_path / f"masks/{sequence}/{t:05d}.png", labels)
    out = tmp_path / "out"
    arguments = ["score", str(root), str(tmp_path / "masks"), "--protocol", "davis2017"]
    assert main([*arguments, "--jobs", "1", "--out", str(out)]) == 0
    for table, name in zip(scores, ("per_frame", "per_sequence", "summary"), strict=True):
        with (out / f"{name}.csv").open() as file:
            header, *rows = csv.reader(file)
        assert [*table.columns] == header
        assert [["" if pd.isna(v) else str(v) for v in row] for row in table.to_numpy()] == rows
    # By hand: t columns off of ten; object 2 is claimed in frame 1, where it is not.
    j = {t: (10 - t) / (10 + t) for t in range(4)}
    first, second = np.mean([j[1], j[2], j[3]]), np.mean([0, 1, j[1]])
    assert scores.sequences.J_mean.tolist() == pytest.approx([first, second, first])
    assert scores.means.J_mean.iloc[-1] == pytest.approx(np.mean([first, second, first]))


def test_an_annotated_frame_keeps_its_annotation(root):
    def late(frames, annotations):
        return {n: np.roll(masks, 3, axis=2) for n, masks in still(frames, annotations).items()}

    scores = evaluate(late, root, protocol="davis2017", every=2).frames
    given = scores[scores.frame == "00002"]
    assert len(given) == 3 and given.J.tolist() == [1, 1, 1]
    assert (scores[scores.frame == "00003"].J < 1).all()


def test_a_data_set_may_be_a_row_as_in_a_configuration(root):
    row = {"root": root, "protocol": "davis2017", "only": ["pair"], "before": "skipped"}
    scores = evaluate(still, row)
    assert scores.frames.groupby("object").frame.apply(list).to_dict() == {
        1: ["00001", "00002", "00003"],
        2: ["00003"],
    }
    grouped = evaluate(still, row | {"only": None, "mean": "sequences"})
    by_sequence = grouped.sequences.groupby("sequence").J_mean.mean()
    assert grouped.means.J_mean.iloc[-1] == pytest.approx(by_sequence.mean())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: {1: a[1]}, r"tracker on pair: expected masks of objects \[1, 2\], got \[1\]"),
        (lambda a: a | {3: a[1]}, r"of objects \[1, 2\], got \[1, 2, 3\]"),
        (lambda a: a[1], r"of objects \[1, 2\], got ndarray"),
        (lambda a: a | {2: a[2][1:]}, r"pair, object 2: expected 5 masks, .*, got 4"),
        (lambda a: a | {2: dict(enumerate(a[2], 1))}, r"object 2: expected 5 masks, .* from 0"),
        (lambda a: a | {1: a[1][:, 1:]}, r"object 1, frame 0: expected the size .*\(23, 32\)"),
        (lambda a: a | {1: a[1] * 0.3}, r"object 1, frame 0: expected a mask .*\[0.0, 0.3\]"),
        (lambda a: a | {2: a[2] & False}, r"object 2: expected the object in some of 3 frames"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused_with_sequence_and_object(root, change, words):
    with pytest.raises(InputError, match=words):
        evaluate(lambda f, given: change(still(f, given)), root, protocol="davis2017")


def test_an_object_that_truly_leaves_is_allowed_where_one_says_so(root):
    def gone(frames, annotations):
        return {number: np.zeros((LENGTH, *SIZE), bool) for number in annotations}

    scores = evaluate(gone, root, protocol="davis2017", empty="allowed")
    assert scores.frames[scores.frames.sequence == "solo"].J.tolist() == [0, 0, 0]


def test_what_the_tracker_raises_is_passed_on_with_the_sequence(root):
    def broken(frames, annotations):
        raise ValueError("no weights")

    with pytest.raises(ValueError, match="no weights") as raised:
        evaluate(broken, root, protocol="davis2017")
    assert raised.value.__notes__ == ["in the tracker, on sequence pair"]


@pytest.mark.parametrize(
    ("dataset", "options", "words"),
    [
        ({"root": "."}, {}, "dataset: expected a root, and a protocol or a layout"),
        ({"protocol": "davis2016"}, {}, "dataset: expected a root, and a protocol or a layout"),
        ("/nowhere", {"protocol": "davis2016"}, "dataset.root: expected the folder that holds"),
        (".", {"protocol": "davis"}, "dataset.protocol: unknown name 'davis'"),
        (".", {"protocol": "davis2016", "empty": "no"}, "empty: expected refused or allowed"),
    ],
)
def test_a_wrong_data_set_is_refused(dataset, options, words):
    with pytest.raises(InputError, match=words):
        evaluate(still, dataset, **options)


def test_the_defaults_of_a_row_are_those_of_the_schema():
    path = Path(__file__).parents[3] / "rules" / "schemas" / "config.schema.yaml"
    schema = yaml.safe_load(path.read_text())["properties"]["datasets"]
    row = schema["additionalProperties"]["properties"]
    assert {key: row[key]["default"] for key in ROW_DEFAULTS} == dict(ROW_DEFAULTS)
