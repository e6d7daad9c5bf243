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
from masktrack_core.datasets.external import external_masks
from masktrack_core.datasets.index import index_video, layout_of
from masktrack_core.datasets.mask_folders import find_masks
from masktrack_core.datasets.object_masks import AnnotationFile, read_objects
from masktrack_core.datasets.sources import dataset_objects
from masktrack_core.datasets.video_files import Clip
from masktrack_core.datasets.videos import check_video, open_video
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import read_size
from masktrack_core.files.io import label_colours
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


# --- of the same kinds, made here

SIZE = (40, 56)


def labels(t, *numbers):
    """Squares of objects, one below the other; 255 is a stripe of void."""
    made = np.zeros(SIZE, np.uint8)
    for place, number in enumerate(numbers):
        made[8 * place + 1 : 8 * place + 7, 3 + t : 20 + t] = number
    return made


def palette(t, *numbers):
    picture = Image.fromarray(labels(t, *numbers))
    picture.putpalette(label_colours().tobytes())
    return picture


def cutout(t, *opacities):
    colours = np.random.default_rng(t).integers(0, 256, (*SIZE, 3), np.uint8)
    return Image.fromarray(np.dstack([colours, labels(t, *opacities)]))


#: What a frame's mask is, and the objects with their first frames, or the words of the refusal.
MADE = {
    "in the last truth only": (lambda t: palette(t, *[1, 2][: 1 + (t == 4)]), {1: 0, 2: 4}),
    "a frame without any": (lambda t: palette(t, *[1] * (t != 2)), {1: 0}),
    "ids 10 and 200": (lambda t: palette(t, 10, 200), {10: 0, 200: 0}),
    "greys 10 and 200": (lambda t: Image.fromarray(labels(t, 10, 200)), "got the greys 10, 200"),
    "grey 100": (lambda t: Image.fromarray(labels(t, 100)), {1: 0}),
    "greys 1 and 2": (lambda t: Image.fromarray(labels(t, 1, 2)), {1: 0, 2: 0}),
    "1 bit": (lambda t: Image.fromarray(labels(t, 1) > 0), {1: 0}),
    "void": (lambda t: palette(t, 1, 2, 255), {1: 0, 2: 0}),
    "16 bits": (lambda t: Image.fromarray(labels(t, 1, 7).astype(np.uint16)), {1: 0, 7: 0}),
    "300 and 600": (
        lambda t: Image.fromarray(labels(t, 1, 2).astype(np.uint16) * 300),
        "got the greys 300, 600",
    ),
    "opaque": (lambda t: cutout(t, 200), {1: 0}),
    "two opacities": (
        lambda t: cutout(t, 200, 90),
        "got areas of 3 opacities such as [0, 90, 200]",
    ),
    "white as colour": (lambda t: Image.fromarray(np.dstack([labels(t, 255)] * 3)), {1: 0}),
    "ids, then one object without": (
        lambda t: palette(t, 1) if t < 2 else Image.fromarray(labels(t, 255)),
        "got a mask of one object without an id, which could be void (--mask-values labels), or",
    ),
    "one object without an id, then ids": (
        lambda t: Image.fromarray(labels(t, 255)) if t < 4 else palette(t, 1),
        "got a mask of one object without an id",
    ),
    "labels as colour": (lambda t: palette(t, 1, 2).convert("RGB"), "got 3 colours"),
}


def made_set(root, mask):
    """Five frames and their masks, in the layout of YouTube-VOS."""
    for folder in ("JPEGImages/s", "Annotations/s"):
        (root / folder).mkdir(parents=True)
    for t in range(5):
        Image.new("RGB", SIZE[::-1]).save(root / f"JPEGImages/s/{t:05d}.jpg")
        mask(t).save(root / f"Annotations/s/{t:05d}.png")
    return root


@pytest.mark.parametrize("name", MADE)
def test_all_agree_on_masks_of_the_same_kinds(name, tmp_path):
    mask, right = MADE[name]
    root = made_set(tmp_path / "ein Satz ü", mask)
    given = answer(segment, root)
    assert right in given if isinstance(right, str) else right == given
    assert answer(workflow, root) == answer(scored, root, None) == given
    assert answer(check, root) == (given if isinstance(right, str) else None)


@pytest.mark.parametrize("values", ["labels", "binary"])
def test_ids_beside_an_object_without_are_read_as_a_person_says(values, tmp_path):
    def mask(t):
        return palette(t, 1) if t < 2 else Image.fromarray(labels(t, 255))

    root = made_set(tmp_path, mask)
    clip, folder = Clip(root / "JPEGImages/s"), root / "Annotations"
    files = [AnnotationFile(t, path) for t, path in enumerate(sorted((folder / "s").iterdir()))]
    given = read_annotations(clip, files, values)[1]
    found = find_masks(folder / "s", 1 if values == "labels" else None, values=values)
    for t, name in enumerate(clip.names):
        # As labels 255 is void: the frame says "not here".
        assert np.array_equal(given[t], found.read(name)), name
        assert given[t].any() == (t < 2 or values == "binary")
    assert [*check_path(root, values=values)] == []
    for objects in ("all", None) if values == "labels" else (None,):  # else there are no ids
        (one,) = score(root, folder, objects=objects, values=values, temporal="none")
        assert one.frames == ("00001", "00002", "00003") and one.j.tolist() == [1.0] * 3


@pytest.mark.parametrize("first", [1, 255])
def test_plain_score_and_check_refuse_ids_beside_an_object_without_in_davis_too(
    first, tmp_path, capsys
):
    """In the truth and in the result: `score` reads frame after frame, and no ids are asked for."""
    root = made_set(tmp_path / "set", lambda t: palette(t, 1))
    mixed = tmp_path / "mixed/s"
    mixed.mkdir(parents=True)
    for t in range(5):
        Image.fromarray(labels(t, 255 - first + 1 if t == 2 else first)).save(
            mixed / f"{t:05d}.png"
        )
    whole = davis(tmp_path / "davis", mixed, root / "JPEGImages/s")
    said = "got a mask of one object without an id"
    assert said in answer(check, whole)
    for truth, masks in ((root / "Annotations", mixed.parent), (whole, root / "Annotations")):
        assert main(["score", str(truth), str(masks), "--jobs", "1"]) == 2
        assert said in capsys.readouterr().err


def test_suffixes_in_capitals_links_and_hidden_files_change_nothing(tmp_path):
    root = made_set(tmp_path / "set", lambda t: palette(t, 1, 2))
    for path in [*root.rglob("*.png"), *root.rglob("*.jpg")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    for name in (".DS_Store", "Thumbs.db", "._00000.PNG", "readme.txt"):
        (root / "Annotations/s" / name).write_text("x")
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    for place in (root, tmp_path / "link"):
        layout = LAYOUT | {"frames": "JPEGImages/{sequence}/{frame}.jpg"}
        assert dataset_objects("s", {"root": str(place), "layout": layout, "only": None}) == (
            ("s", 1),
            ("s", 2),
        )
        assert [*check_path(place)] == []
        assert scored(place, None) == scored(place, layout) == {1: 0, 2: 0}


def test_a_mask_larger_than_its_frame_is_refused_where_there_are_frames(tmp_path):
    root = made_set(tmp_path, lambda t: palette(t, 1).resize((112, 80), 0))
    assert "got (80, 112)" in answer(segment, root)
    assert "got (80, 112)" in answer(workflow, root)
    assert "got (80, 112)" in answer(check, root)
    assert "got (80, 112)" in answer(scored, root, None)


def davis(root, masks, frames):
    """A root as DAVIS has it, of one sequence."""
    for folder, source in (("JPEGImages", frames), ("Annotations", masks)):
        shutil.copytree(source, root / folder / "480p/s")
    return root


def test_masks_of_another_size_than_the_frames_of_davis_are_refused_by_all(tmp_path, capsys):
    """Also where truth and result have one size: 480p's masks beside full frames."""
    root = made_set(tmp_path / "set", lambda t: Image.fromarray(labels(t, 255)))
    half = made_set(tmp_path / "half", lambda t: Image.fromarray(labels(t, 255)[::2, ::2]))
    near = made_set(tmp_path / "near", lambda t: Image.fromarray(labels(t, 255)[:, :-1]))
    place, frames = "Annotations/s", root / "JPEGImages/s"
    truth = davis(tmp_path / "davis", root / place, frames)
    small = davis(tmp_path / "small", half / place, frames)
    said = "expected the size of its frame, (40, 56), got (20, 28)"
    assert said in answer(check, small)
    for given, masks in ((truth, half), (small, half), (small, root)):
        assert main(["score", str(given), str(masks / "Annotations"), "--jobs", "1"]) == 2
        assert said in capsys.readouterr().err
    for given in (truth, davis(tmp_path / "rounded", near / place, frames)):
        assert [*check_path(given)] == []
        (one,) = score(given, near / "Annotations", temporal="none")
        assert any("(40, 55), resized to (40, 56)" in note for note in one.notes)


def test_a_truth_that_lacks_a_frame_is_refused_by_check_and_score(tmp_path, capsys):
    root = made_set(tmp_path / "set", lambda t: Image.fromarray(labels(t, 255)))
    for folder in ("JPEGImages", "Annotations"):
        (root / folder / "s").rename(root / "s")
        (root / folder / "480p").mkdir()
        (root / "s").rename(root / folder / "480p/s")
    (root / "Annotations/480p/s/00003.png").unlink()
    assert "got none for 1, first ['00003']" in answer(check, root)
    assert main(["score", "--jobs", "1", str(root), str(root / "Annotations/480p")]) == 2
    assert "got none for 1, first ['00003']" in capsys.readouterr().err
    assert (
        main(["score", "--jobs", "1", str(root), str(root / "Annotations/480p"), "--sparse"]) == 0
    )


def test_an_archive_in_an_archive_and_an_empty_folder_are_named(tmp_path, capsys):
    root = made_set(tmp_path / "set", lambda t: palette(t, 1))
    for name, inner in (("inner", root / "Annotations"), ("outer", tmp_path / "packed")):
        (tmp_path / "packed").mkdir(exist_ok=True)
        archive = shutil.make_archive(str(tmp_path / name), "zip", inner)
        shutil.copy(archive, tmp_path / "packed")
    truth = str(root / "Annotations")
    assert main(["score", truth, str(tmp_path / "inner.zip"), "--jobs", "1"]) == 0
    capsys.readouterr()
    (tmp_path / "empty").mkdir()
    for name, only in (("outer.zip", "['inner.zip']"), ("empty", "nothing")):
        assert main(["score", "--jobs", "1", truth, str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert f"{tmp_path / name}: expected masks" in error and f"only {only}" in error


def test_fractions_are_called_that(tmp_path):
    Image.fromarray(labels(0, 1).astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif: .*fractions, where whole numbers"):
        read_objects(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "right"), [("labels", {100, 200}), ("binary", {1}), ("palette", None)]
)
def test_the_option_that_a_refusal_names_chooses(values, right, tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    root = made_set(tmp_path / "set", lambda t: Image.fromarray(labels(t, 100, 200)))
    told = ["--mask-values", values]
    objects = ["--object", "all"] if values == "labels" else []
    arguments = [
        "score",
        "--jobs",
        "1",
        str(root),
        str(root / "Annotations"),
        "--skip",
        "none",
        *told,
        *objects,
    ]
    files = [AnnotationFile(0, root / "Annotations/s/00000.png")]
    if right is None:
        assert main(["check", str(root), *told]) == main(arguments) == 2
        assert "expected colours of DAVIS' palette" in capsys.readouterr().err
        return
    assert main(["check", str(root), *told]) == 0
    assert f"1 sequences, {len(right)} objects read" in caplog.text
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    rows = (tmp_path / "out/per_sequence.csv").read_text().splitlines()[1:]
    assert {int(row.split(",")[1]) for row in rows} == right
    assert set(read_annotations(Clip(root / "JPEGImages/s"), files, values)) == right


def test_a_root_of_labels_with_masks_of_one_object_has_that_object(tmp_path):
    root = made_set(tmp_path, lambda t: Image.fromarray(labels(t, 255)))
    assert dataset_objects("s", {"root": str(root), "layout": "youtube_vos", "only": None}) == (
        ("s", 1),
    )
    for layout in (None, "youtube_vos"):
        assert [*check_path(root, layout=layout)] == []
        assert scored(root, layout) == {1: 0}


def test_others_masks_are_read_by_the_same_rule(tmp_path):
    root = made_set(tmp_path, lambda t: palette(t, 1, 2))
    video = open_video(index_video(root, LAYOUT, "s", [1, 2]), 2)
    masks = made_set(tmp_path / "theirs", lambda t: Image.fromarray(labels(t, 100, 2)))
    given = {"objects": 2, "counted": range(5)}
    strict = external_masks(masks / "Annotations", "s", video, **given)
    with pytest.raises(InputError, match="got the greys 2, 100"):
        strict.read("00001")
    told = external_masks(masks / "Annotations", "s", video, **given, values="labels")
    assert np.array_equal(told.read("00001"), labels(1, 0, 2) == 2)
    one = made_set(tmp_path / "one", lambda t: Image.fromarray(labels(t, 255)))
    nobody = external_masks(one / "Annotations", "s", video, **given)
    with pytest.raises(InputError, match="got a mask of one object without an id"):
        nobody.read("00001")
