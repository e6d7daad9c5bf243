"""On every reported input `check`, `score`, the workflow and `segment` agree.

They find the same objects from the same frames on, or refuse with the same words.
"""

import re
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktrack_core.commands.cli import main
from masktrack_core.commands.clips import read_annotations
from masktrack_core.datasets.checks import check_path, read_config
from masktrack_core.datasets.index import index_video, layout_of
from masktrack_core.datasets.object_masks import AnnotationFile
from masktrack_core.datasets.sources import dataset_objects
from masktrack_core.datasets.video_files import Clip
from masktrack_core.datasets.videos import check_video
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import read_size
from masktrack_core.measures.scoring import ScoringRules, score
from tests.real_data import real_inputs

INPUTS = real_inputs()
#: Frames that are nothing else, and films.
CLIPS = ("bear_frames", "from1", "thermal", "late/frames", "leaves/frames", "judo/frames")
#: Masks of one sequence by frame, and the frames that they are drawn on.
SEQUENCES = {
    "bear_truth": "bear_frames",
    "judo/masks": "judo/frames",
    "late/labels": "late/frames",
    "leaves/labels": "leaves/frames",
    "ds_late/Annotations/480p/late": "ds_late/JPEGImages/480p/late",
    "score/p5/bear": "bear_frames",
    "score/pred2/long": "bear_frames",
    "score/pred2/short": "bear_frames",
    "score/pred4/late": "bear_frames",
    "score/sparse_t/bear": "bear_frames",
    "score/t5/bear": "bear_frames",
    "score/truth2/long": "bear_frames",
    "score/truth2/short": "bear_frames",
    "score/truth4/late": "bear_frames",
}
#: Objects and their first frames, where an independent look at the files says so.
RIGHT = {
    "judo/masks": {1: 0, 2: 5, 3: 8, 4: 13},
    "late/labels": {1: 0, 2: 8},
    "leaves/labels": {1: 0, 2: 0},
    "ds_late/Annotations/480p/late": {1: 0, 2: 8},
    "score/truth4/late": {1: 0, 2: 8},
    "score/pred4/late": {1: 0},
    "masks/inverted.png": {1: 0},
    "masks/pal7.png": dict.fromkeys(range(1, 8), 0),
    "masks/pal_1_5.png": {1: 0, 5: 0},
    "masks/pal_void.png": {1: 0},
    "masks/rgb_davis_id8.png": {1: 0},
    "masks/rgba_cutout.png": {1: 0},
    "masks/rgba_white_alpha.png": {1: 0},
    "masks/u16_1001_1002.png": {1: 0, 2: 0},
    "masks/grey_100_200.png": "got the greys 100, 200",
    "masks/grey_38_75.png": "got the greys 38, 75",
    "masks/grey_times50.png": "got the greys 50, 100, 150, 200, 250",
    "masks/labels_jpeg.jpg": "got colours in a lossy picture (JPEG)",
    "masks/pal7_cv2grey.png": "got the greys 14, 38, 52, 75, 89, 113, 128",
    "masks/rgb_2obj.png": "got 3 colours",
    "late/obj2_at8.png": {1: 0},
    "leaves/obj2.png": {1: 0},
}


#: As YouTube-VOS has it; what a file holds it must say itself.
LAYOUT = {
    "frames": "JPEGImages/{sequence}/{frame}.*",
    "truth": "Annotations/{sequence}/{frame}.png",
    "encoding": "objects",
    "sparse": True,
}


@cache
def found(pattern):
    return sorted(path.relative_to(INPUTS).as_posix() for path in INPUTS.glob(pattern))


def every(*names):
    """The names as parameters; one that skips where the inputs are not there."""
    if INPUTS.is_dir():
        return names
    return [pytest.param("none", marks=pytest.mark.skip(reason=f"no {INPUTS}"))]


ONE_MASK = [*found("masks/*"), "late/obj2_at8.png", "leaves/obj2.png"]


def data_set(root, name):
    """A root as YouTube-VOS has it: frames, and the masks of some of them."""
    frames, truth = root / "JPEGImages/s", root / "Annotations/s"
    truth.mkdir(parents=True)
    if name in SEQUENCES:
        frames.parent.mkdir()
        frames.symlink_to(INPUTS / SEQUENCES[name], target_is_directory=True)
        for mask in sorted((INPUTS / name).iterdir()):
            shutil.copy(mask, truth)
        return root
    frames.mkdir(parents=True)
    size = read_size(INPUTS / name)
    for t in range(3):
        Image.new("RGB", (size.width, size.height), (t, t, t)).save(frames / f"{t:05d}.jpg")
        shutil.copy(INPUTS / name, truth / f"{t:05d}.png")
    return root


def segment(root):
    clip = Clip(root / "JPEGImages/s")
    masks = sorted((root / "Annotations/s").iterdir())
    given = read_annotations(clip, [AnnotationFile(clip.names.index(m.stem), m) for m in masks])
    return {n: min(t for t, mask in given[n].items() if mask.any()) for n in given}


def check(root):
    problems = [*check_path(root)]
    if problems:
        raise InputError("\n".join(problems))


def workflow(root):
    """What the job of an index finds."""
    objects = dataset_objects("s", {"root": str(root), "layout": LAYOUT, "only": None})
    index = index_video(root, LAYOUT, "s", [number for _, number in objects])
    if problems := check_video(index):
        raise InputError("\n".join(problems))
    return dict(zip(index["object"], index["first"].astype(int), strict=True))


def scored(root, layout):
    """What is scored when the truth is taken for the result, from the object's first frame on."""
    names = [path.stem for path in sorted((root / "JPEGImages/s").iterdir())]
    rules = ScoringRules(skip=(), before="skipped", sparse=True)
    masks, options = root / "Annotations", {"temporal": "none", "rules": rules}
    try:
        each = score(root, masks, layout=layout, objects="all", **options)
    except InputError as error:
        if "leave out --object" not in str(error):
            raise
        each = score(root, masks, layout=layout, **options)
    for one in each:
        assert one.j.tolist() == one.f.tolist() == [1.0] * len(one.frames)
    return {one.object_id: names.index(one.frames[0]) for one in each}


def answer(read, *arguments):
    """The objects and their first frames, or the words of the first refusal."""
    try:
        return read(*arguments)
    except InputError as error:
        line = next(line for line in str(error).split("\n") if ": expected" in line)
        return re.sub(r"^.*?: expected", "expected", line).split("; ")[0].split(" (in a ")[0]


@pytest.mark.parametrize("name", every(*SEQUENCES, *ONE_MASK))
def test_all_find_the_same_objects_in_masks_or_refuse_with_the_same_words(name, tmp_path):
    root, right = data_set(tmp_path, name), RIGHT.get(name, {1: 0})
    given = answer(segment, root)
    assert right in given if isinstance(right, str) else right == given
    assert answer(workflow, root) == answer(scored, root, LAYOUT) == given
    assert answer(scored, root, None) == given
    assert answer(check, root) == (given if isinstance(right, str) else None)


@pytest.mark.parametrize("name", every(*CLIPS, *found("video/*")))
def test_check_and_segment_see_the_same_frames_and_so_does_an_index_of_folders(name, tmp_path):
    path = INPUTS / name
    try:
        clip = Clip(path)
        frames = [clip[t] for t in range(len(clip))]
    except InputError as error:
        assert [*check_path(path)] == [str(error)]
        # Decoding films is another matter; here both say the same, and never that a film is empty.
        assert name.startswith("video/") and "got no frame" not in str(error)
        return
    assert [*check_path(path)] == []
    assert all(frame.any() for frame in frames)
    if path.is_dir():
        layout = {"frames": "s/{frame}.*", "sequence": "s"}
        (tmp_path / "s").symlink_to(path, target_is_directory=True)
        index = index_video(tmp_path, layout, "s", [1])
        assert tuple(index.frame) == clip.names
        video = Clip(tmp_path / "s")
        assert all(np.array_equal(video[t], frame) for t, frame in enumerate(frames))


@pytest.mark.parametrize("name", every("late.yaml", "late_table.yaml"))
def test_check_and_workflow_find_the_objects_of_a_configuration(
    name, tmp_path, monkeypatch, caplog
):
    caplog.set_level("INFO")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/inputs").symlink_to(INPUTS, target_is_directory=True)
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")  # its paths are those of a checkout beside shared/
    config = read_config(INPUTS / "configs" / name)
    row = {"only": None} | config["datasets"]["late"]
    assert dataset_objects("late", row) == (("late", 1), ("late", 2))
    assert main(["check", str(INPUTS / "configs" / name)]) == 0
    assert "1 sequences, 2 objects read" in caplog.text
    index = index_video(Path(row["root"]), row["layout"], "late", [1, 2])
    assert dict(zip(index["object"], index["first"], strict=True)) == {1: 0, 2: 8}
    assert layout_of(Path(row["root"])) == row["layout"]


@pytest.mark.parametrize("name", every("every input"))
def test_no_input_is_forgotten(name):
    known = {*SEQUENCES, *SEQUENCES.values(), *CLIPS, *ONE_MASK, *found("video/*")}
    known |= {"README.md", "late_objects.csv", "configs"}
    files = {path.relative_to(INPUTS) for path in INPUTS.rglob("*") if path.is_file()}
    lost = {f for f in files if not {p.as_posix() for p in (f, *f.parents)} & known}
    assert not lost, name
