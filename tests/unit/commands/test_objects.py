"""Objects belong to the sequence: `score`, `check`, the workflow and `segment` agree on which.

On the inputs that people reported, where they are there, and on small ones made like them.
"""

import csv
import logging
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from masktrack_core.commands import stages
from masktrack_core.commands.cli import main
from masktrack_core.commands.clips import read_annotations
from masktrack_core.datasets.mask_folders import find_sequences
from masktrack_core.datasets.object_masks import AnnotationFile
from masktrack_core.datasets.sources import dataset_objects
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import USAGE, usage_record
from masktrack_core.files import io
from masktrack_core.measures.scoring import ScoringRules, score
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import save_weights
from tests.real_data import real_inputs

SIZE = (40, 56)


def labels(numbers, t, size=SIZE):
    made = np.zeros(size, np.uint8)
    for number in numbers:
        made[5 * number - 4 : 5 * number, 3 + t : 15 + t] = number
    return made


def write_labels(folder, objects, times=None):
    """Label PNGs of frames that show these objects."""
    for t in times or range(len(objects)):
        io.write_labels(folder / f"{t:05d}.png", labels(objects[t], t))


def write_masks(folder, times):
    """Masks of one object, 0 and 255."""
    for t in times:
        io.write_mask(folder / f"{t:05d}.png", labels([1], t) > 0)


def write_frames(folder, count, suffix="png"):
    for t in range(count):
        frame = np.random.default_rng(t).integers(0, 255, (*SIZE, 3), np.uint8)
        io.write_frame(folder / f"{t:05d}.{suffix}", frame)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Small inputs of the same names and kinds as the reported ones."""
    root = tmp_path_factory.mktemp("made")
    late, leaves = [[1]] * 8 + [[1, 2]] * 7, [[1, 2]] * 7 + [[1]] * 8
    write_labels(root / "score/truth4/late", late)
    write_labels(root / "score/pred4/late", [[1]] * 15)
    write_masks(root / "score/t5/bear", range(15))
    write_masks(root / "score/p5/bear", range(15))
    write_masks(root / "score/sparse_t/bear", (0, 5, 10, 14))
    write_masks(root / "bear_truth", range(15))
    for side in ("truth2", "pred2"):
        write_masks(root / "score" / side / "long", range(15))
        write_masks(root / "score" / side / "short", range(2))
    for name, objects in (("late", late), ("leaves", leaves)):
        write_frames(root / name / "frames", 15)
        write_labels(root / name / "labels", objects)
    write_frames(root / "ds_late/JPEGImages/480p/late", 15, "jpg")
    write_labels(root / "ds_late/Annotations/480p/late", late)
    write_frames(root / "judo/frames", 16, "jpg")
    for t, number in ((0, 1), (5, 2), (8, 3), (13, 4)):
        size = (40, 55) if t == 5 else SIZE
        io.write_labels(root / f"judo/masks/{t:05d}.png", labels([number], t, size))
    return root


@pytest.fixture(params=["made", "reported"])
def inputs(request):
    if request.param == "made":
        return request.getfixturevalue("made")
    if not real_inputs().is_dir():
        pytest.skip(f"no {real_inputs()}")
    return real_inputs()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network that finds something everywhere: with its bias, all that it is asked about."""
    path = tmp_path_factory.mktemp("weights") / "mask.safetensors"
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(3))
    usage = usage_record({"dilation_radius": 1}, None, {}, "nothing")
    save_weights(path, network, {USAGE: usage})
    return path


def scored(truth, masks, out, *options):
    """Object → mean J in percent, as the command prints it, and its exit status."""
    status = main(["score", str(truth), str(masks), "--jobs", "1", "--out", str(out), *options])
    if status:
        return status
    rows = csv.DictReader((out / "per_sequence.csv").read_text().splitlines())
    return {(row["sequence"], row["object"]): round(100 * float(row["J_mean"]), 1) for row in rows}


@pytest.mark.parametrize(
    ("before", "expected"), [("counted", 53.8), ("skipped", 0.0)], ids=["davis", "youtube_vos"]
)
def test_a_late_object_that_is_missed_counts(inputs, tmp_path, capsys, caplog, before, expected):
    """53.8 is 7 of 13 frames, those before it appears: with them counted, as DAVIS-2017 has it."""
    pair, options = [inputs / "score/truth4", inputs / "score/pred4"], ("--before", before)
    found = scored(*pair, tmp_path, "--object", "all", *options)
    assert found == {("late", "1"): 100.0, ("late", "2"): expected}
    assert "late, object 2: in none of the masks, it counts as missed" in caplog.text
    rule = {"counted": "the frames before count, as in DAVIS-2017"}
    rule["skipped"] = "it is scored from there, as in YouTube-VOS"
    assert f"late, object 2: first seen in frame 00008; {rule[before]}" in caplog.text
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[3] for row in printed if row[:1] == ["late"]] == ["100.0", str(expected)]


def test_an_object_that_no_truth_holds_is_refused_by_its_name(inputs, tmp_path, capsys):
    """Both sides 0 and 255 hold no value 1: that was J 100."""
    bear = [inputs / "score/t5", inputs / "score/p5"]
    assert scored(*bear, tmp_path, "--object", "1") == 2
    error = capsys.readouterr().err
    assert "bear: expected object 1 in the truth, got masks of one object without an id" in error
    assert scored(inputs / "score/truth4", inputs / "score/pred4", tmp_path, "--object", "7") == 2
    assert "late: left out, no frame of its truth holds object 7" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_truth_without_any_object_says_what_is_missing(tmp_path, capsys):
    write_masks(tmp_path / "pred/s", range(4))
    for t in range(4):
        io.write_mask(tmp_path / f"truth/s/{t:05d}.png", np.zeros(SIZE, bool))
    pair = [tmp_path / "truth", tmp_path / "pred"]
    assert scored(*pair, tmp_path / "out") == 2
    assert "s: expected the object in some frame of the truth, got none in 4" in (
        capsys.readouterr().err
    )
    assert scored(*pair, tmp_path / "out", "--object", "all") == 2
    assert "s: expected object ids in the truth, got background alone" in capsys.readouterr().err


def test_an_object_of_the_masks_that_the_truth_lacks_is_named(tmp_path, caplog):
    write_labels(tmp_path / "truth/s", [[1]] * 4)
    write_labels(tmp_path / "pred/s", [[1], [1, 3], [1], [1]])
    found = scored(tmp_path / "truth", tmp_path / "pred", tmp_path / "out", "--object", "all")
    assert found == {("s", "1"): 100.0}
    assert "s, object 3: in the masks, not in the truth; not scored" in caplog.text


def test_masks_of_one_object_are_that_which_is_asked_for(tmp_path, capsys):
    """`segment` writes 0 and 255 where it followed one object; they were read as void."""
    write_labels(tmp_path / "truth/s", [[1, 2]] * 5)
    for t in range(5):
        io.write_mask(tmp_path / f"pred/s/{t:05d}.png", labels([2], t) > 0)
    pair = [tmp_path / "truth", tmp_path / "pred", tmp_path / "out"]
    assert scored(*pair, "--object", "2") == {("s", "2"): 100.0}
    assert scored(*pair, "--object", "1") == {("s", "1"): 0.0}
    assert scored(*pair, "--object", "all") == 2
    error = capsys.readouterr().err
    assert "got masks of one object without an id; say with --object which" in error


def test_masks_of_one_object_among_labels_are_scored_as_what_they_are(tmp_path, capsys):
    write_labels(tmp_path / "truth/several", [[1, 2]] * 5)
    write_masks(tmp_path / "truth/single", range(5))
    pair = [tmp_path / "truth", tmp_path / "truth", tmp_path / "out", "--object", "all"]
    keys = [("several", "1"), ("several", "2"), ("single", "1")]
    assert scored(*pair) == dict.fromkeys(keys, 100.0)
    shutil.rmtree(tmp_path / "truth/several")
    assert scored(*pair) == 2
    assert "single: expected object ids in the truth, got masks of one" in capsys.readouterr().err


def test_an_object_with_a_folder_of_its_own_may_have_fewer_truths(tmp_path):
    """Its folder begins with it, as SegTrack-v2's and SA-V's do; the masks begin with the first."""
    write_masks(tmp_path / "truth/s/1", range(8))
    write_masks(tmp_path / "truth/s/2", range(3, 8))
    for number in (1, 2):
        write_masks(tmp_path / f"pred/s/{number}", range(8))
    pair = [tmp_path / "truth", tmp_path / "pred", tmp_path / "out", "--object", "all"]
    assert scored(*pair) == {("s", "1"): 100.0, ("s", "2"): 100.0}
    frames = csv.DictReader((tmp_path / "out/per_frame.csv").read_text().splitlines())
    assert [row["frame"] for row in frames if row["object"] == "2"] == [
        f"{t:05d}" for t in range(3, 7)
    ]


def test_a_folder_an_object_may_lack_one_which_then_is_missed(tmp_path):
    write_labels(tmp_path / "truth/s", [[1, 2]] * 5)
    write_masks(tmp_path / "pred/s/1", range(5))
    found = scored(tmp_path / "truth", tmp_path / "pred", tmp_path / "out", "--object", "all")
    assert found == {("s", "1"): 100.0, ("s", "2"): 0.0}


def test_a_sequence_too_short_is_named_and_the_others_are_scored(inputs, tmp_path, caplog):
    pair = [inputs / "score/truth2", inputs / "score/pred2", tmp_path]
    assert scored(*pair) == {("long", "1"): 100.0}
    assert "short: left out, none of its 2 frames is scored without first and last" in caplog.text
    both = {("long", "1"): 100.0, ("short", "1"): 100.0}
    assert scored(*pair, "--skip", "first") == scored(*pair, "--skip", "none") == both


def test_a_sparse_truth_is_scored_where_it_is_and_the_option_is_named(inputs, tmp_path, capsys):
    pair = [inputs / "score/sparse_t", inputs / "score/p5", tmp_path]
    assert scored(*pair) == 2
    assert "bear: 11 masks extra, without a truth" in (error := capsys.readouterr().err)
    assert "--sparse scores the frames that have one" in error
    assert scored(*pair, "--sparse") == {("bear", "1"): 100.0}
    frames = csv.DictReader((tmp_path / "per_frame.csv").read_text().splitlines())
    assert [(row["frame"], row["T"]) for row in frames] == [("00005", ""), ("00010", "")]


def test_a_flat_folder_is_scored_against_the_truth_of_its_sequence(inputs, tmp_path, capsys):
    flat = tmp_path / "masks"
    shutil.copytree(inputs / "score/p5/bear", flat)
    out = tmp_path / "out"
    assert scored(inputs / "bear_truth", flat, out) == {("bear_truth", "1"): 100.0}
    assert scored(inputs / "score/t5", flat, out) == {("bear", "1"): 100.0}
    assert scored(inputs / "bear_truth", inputs / "score/p5", out) == {("bear_truth", "1"): 100.0}
    assert scored(inputs / "score/truth2", flat, out) == 2
    assert (
        "MASKS: expected <sequence>/<frame>.png beside the 2 sequences" in capsys.readouterr().err
    )


@pytest.mark.parametrize("names", [("0000", "0001"), ("12", "13")])
def test_sequences_named_like_numbers_are_sequences(tmp_path, names):
    for name in names:
        write_masks(tmp_path / "truth" / name, range(4))
        write_masks(tmp_path / "pred" / "mine" / name, range(4))
    for pair in ((tmp_path / "truth", tmp_path / "pred"), (tmp_path / "pred", tmp_path / "truth")):
        assert scored(*pair, tmp_path / "out") == {(name, "1"): 100.0 for name in names}
    assert list(find_sequences(tmp_path / "pred", names)) == list(names)


def youtube_vos(root, inputs):
    """``judo`` as a data set in the layout of YouTube-VOS."""
    shutil.copytree(inputs / "judo/frames", root / "JPEGImages/judo")
    shutil.copytree(inputs / "judo/masks", root / "Annotations/judo")
    return root


def test_all_find_the_objects_of_a_sequence_that_come_one_by_one(inputs, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    root, objects = youtube_vos(tmp_path / "vos", inputs), [1, 2, 3, 4]
    row = {"layout": "youtube_vos", "root": str(root), "only": None}
    assert dataset_objects("judo", row) == tuple(("judo", number) for number in objects)
    assert main(["check", str(root)]) == 0
    assert "1 sequences, 4 objects read" in caplog.text
    annotations = inputs / "judo/masks"
    for options in ((), ("--layout", "youtube_vos"), ("--object", "all")):
        rules = ("--skip", "none", "--before", "skipped", *options)
        found = scored(root, annotations, tmp_path / "out", *rules)
        assert set(found) == {("judo", str(number)) for number in objects}, options
    files = [AnnotationFile(t, annotations / f"{t:05d}.png") for t in (0, 5, 8, 13)]
    given = read_annotations(Clip(inputs / "judo/frames"), files)
    assert list(given) == objects
    assert [min(t for t, mask in given[n].items() if mask.any()) for n in objects] == [0, 5, 8, 13]
    assert "00005.png: (" in caplog.text and "resized to the frame" in caplog.text


def test_all_find_the_objects_of_a_late_set_and_their_first_frames(inputs, caplog):
    caplog.set_level(logging.INFO)
    root = inputs / "ds_late"
    row = {"layout": "davis2017", "root": str(root), "only": None}
    assert dataset_objects("late", row) == (("late", 1), ("late", 2))
    assert main(["check", str(root)]) == main(["check", str(root), "--layout", "davis2017"]) == 0
    assert caplog.text.count("1 sequences, 2 objects read") == 2
    for layout, asked in (("davis2017", None), (None, "all")):
        rules = ScoringRules(skip=("first",), before="skipped")
        masks = inputs / "score/pred4"
        found = score(root, masks, layout=layout, objects=asked, rules=rules)
        assert {one.object_id: one.frames[0] for one in found} == {1: "00001", 2: "00009"}
    truths = sorted((root / "Annotations/480p/late").iterdir())
    files = [AnnotationFile(t, path) for t, path in enumerate(truths)]
    given = read_annotations(Clip(root / "JPEGImages/480p/late"), files)
    assert [min(t for t, mask in given[n].items() if mask.any()) for n in (1, 2)] == [0, 8]


def test_a_mask_more_than_a_pixel_off_is_refused_by_all(made, tmp_path, capsys):
    root = youtube_vos(tmp_path / "vos", made)
    wrong = root / "Annotations/judo/00005.png"
    io.write_labels(wrong, labels([2], 5, (40, 52)))
    assert main(["check", str(root)]) == 2
    assert "00005.png: expected the size of its frame" in capsys.readouterr().out
    assert scored(root, made / "judo/masks", tmp_path, "--skip", "none", "--object", "2") == 2
    assert "00005.png: expected the size of its frame" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"00005\.png: expected the size of the frames"):
        read_annotations(Clip(made / "judo/frames"), [AnnotationFile(5, wrong)])


def segmented(inputs, name, weights, out, *options):
    """Object → whether it has a pixel, frame by frame, of what `segment` writes."""
    fixed = ["--weights", str(weights), "--no-finetune", "--no-guard", "--threads", "1"]
    clip = str(inputs / name / "frames")
    assert main(["segment", clip, *fixed, "--out", str(out), *options]) == 0
    found = [np.array(Image.open(path)) for path in sorted(out.glob("*.png"))]
    return {number: [bool((one == number).any()) for one in found] for number in (1, 2)}, found


def test_an_annotated_frame_speaks_of_the_objects_that_are_not_in_it(
    made, weights, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    late, leaves = made / "late/labels", made / "leaves/labels"
    empty = tmp_path / "empty.png"
    io.write_mask(empty, np.zeros(SIZE, bool))
    given = f"0={late}/00000.png,8={late}/00008.png"
    found, masks = segmented(made, "late", weights, tmp_path / "a", "--annotations", given)
    assert found[2] == [False] * 8 + [True] * 7
    assert np.array_equal(masks[8], io.read_labels(late / "00008.png"))
    given = f"0={leaves}/00000.png,8={leaves}/00008.png"
    found, masks = segmented(made, "leaves", weights, tmp_path / "b", "--annotations", given)
    assert found[2][8] and found[2][9]
    assert "object 2: not in the annotation of frame 8; it goes on as predicted" in caplog.text
    assert np.array_equal(masks[8] == 1, io.read_labels(leaves / "00008.png") == 1)
    for out, options in (
        ("c", ["--complete", "--annotations", given]),
        ("d", ["--annotations", f"0={leaves}/00000.png,obj2={empty}@8"]),
    ):
        found, _ = segmented(made, "leaves", weights, tmp_path / out, *options)
        assert found[2] == [True] * 8 + [False] * 7
    once = ["--annotations", f"8={late}/00008.png"]
    for out, option, before in (("e", "--backwards", True), ("f", "--no-backwards", False)):
        found, _ = segmented(made, "late", weights, tmp_path / out, option, *once)
        assert found[2] == [before] * 8 + [True] * 7
    assert "object 2: frames 0 to 7, before its first annotation, are left empty" in caplog.text


def test_pixels_of_another_stay_its_own_after_the_crf_too(made, weights, tmp_path, monkeypatch):
    """A CRF that spreads each object over the whole frame, so that all pixels are fought for."""

    def spread(frames, *_, **__):
        return (np.ones_like(prob) for _, prob in frames)

    monkeypatch.setattr(stages, "refined_frames", spread)
    files = [made / "late/labels" / f"{t:05d}.png" for t in (0, 8)]
    given = f"0={files[0]},obj2={tmp_path / 'two.png'}@8"
    two = io.read_labels(files[1]) == 2
    io.write_mask(tmp_path / "two.png", two)
    options = ["--crf", "--annotations", given]
    _, masks = segmented(made, "late", weights, tmp_path / "out", *options)
    assert (masks[8][two] == 2).all()
    assert (masks[8][~two] == 1).all()


def test_an_empty_mask_of_nobody_is_refused_with_the_ways_to_say_whose(made, tmp_path, capsys):
    empty = tmp_path / "empty.png"
    io.write_mask(empty, np.zeros(SIZE, bool))
    labelled = made / "leaves/labels/00000.png"
    given = f"0={labelled},8={empty}"
    clip = str(made / "leaves/frames")
    assert main(["segment", clip, "--annotations", given, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "obj2=empty.png@8" in error and "--complete" in error
    one = [AnnotationFile(0, labelled, None), AnnotationFile(8, empty, 2)]
    assert not read_annotations(Clip(made / "leaves/frames"), one)[2][8].any()
    single = [AnnotationFile(0, made / "late/labels/00000.png"), AnnotationFile(8, empty)]
    assert not read_annotations(Clip(made / "late/frames"), single)[1][8].any()
