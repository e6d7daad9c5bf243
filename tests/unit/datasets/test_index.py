import os
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from masktrack_core.datasets.checks import check_path
from masktrack_core.datasets.index import (
    folder_fingerprint,
    index_video,
    layout_of,
    list_sequences,
    read_facts,
    sequence_files,
)
from masktrack_core.datasets.layouts import VIDEO_LAYOUTS, StillLayout, VideoLayout
from masktrack_core.datasets.patterns import natural_key
from masktrack_core.datasets.videos import annotated_masks, check_video, open_video
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.tables import INDEX, format_table, parse_table

SHAPE = (12, 20)
TRUTHS = "youtube_masks/{class}/data/{video}/shots/{shot}/labels/{number}.png"
YOUTUBE = "youtube_masks/aeroplane/data/0001/shots/002"


def frame(t, shape=SHAPE):
    return np.full((*shape, 3), t, np.uint8)


def mask(column, shape=SHAPE):
    made = np.zeros(shape, np.bool_)
    made[2:6, column : column + 3] = True
    return made


def write_davis(root, sequence="cows", numbers=range(3)):
    for t in numbers:
        io.write_frame(root / f"JPEGImages/480p/{sequence}/{t:05d}.jpg", frame(t))
        io.write_mask(root / f"Annotations/480p/{sequence}/{t:05d}.png", mask(t % 9))
    return root


def write_youtube(root, truth_shape=SHAPE):
    for t in range(1, 13):
        io.write_frame(root / YOUTUBE / f"images/frame{t:04d}.jpg", frame(t))
    for t in (1, 11):
        truth = mask(4, truth_shape).astype(np.uint8) * 255
        (root / YOUTUBE / "labels").mkdir(exist_ok=True)
        Image.fromarray(truth).save(root / YOUTUBE / f"labels/{t:05d}.jpg", quality=95)
    return root


def write_segtrack(root):
    for t in range(2):
        io.write_frame(root / f"JPEGImages/girl/g_{t}.bmp", frame(t))
        io.write_frame(
            root / f"GroundTruth/girl/g_{t}.bmp", np.dstack([mask(t) * np.uint8(255)] * 3)
        )
        io.write_frame(root / f"JPEGImages/bmx/b_{t}.png", frame(t))
        io.write_mask(root / f"GroundTruth/bmx/1/b_{t}.bmp", mask(t))
        io.write_mask(root / f"GroundTruth/bmx/2/b_{t}.png", mask(t + 8))
    return root


# --- the layouts


def test_davis_pairs_frames_and_truth_by_name(tmp_path):
    index = index_video(write_davis(tmp_path), "davis", "cows", [1])
    assert index["t"].tolist() == [0, 1, 2]
    assert index["frame"].tolist() == ["00000", "00001", "00002"]
    assert index["frame_path"][2] == f"{tmp_path}/JPEGImages/480p/cows/00002.jpg"
    assert index["truth_path"][2] == f"{tmp_path}/Annotations/480p/cows/00002.png"
    video = open_video(index, 1)
    assert (len(video), video.size, video.frame_names[1]) == (3, SHAPE, "00001")
    for t in range(3):
        assert np.array_equal(video.frame(t), frame(t))
        assert np.array_equal(video.truth(t), mask(t))


def test_youtube_truth_every_tenth_frame_meets_its_frame_by_number(tmp_path):
    index = index_video(write_youtube(tmp_path), "youtube_objects", "aeroplane-0001-002", [1])
    assert index["frame"].tolist() == [f"{t:04d}" for t in range(1, 13)]
    video = open_video(index, 1)
    assert [t for t in range(len(video)) if video.has_truth(t)] == [0, 10]
    assert video.truth(1) is None
    assert np.array_equal(video.truth(10), mask(4))
    assert list_sequences(tmp_path, "youtube_objects") == [("aeroplane-0001-002", 1)]


@pytest.mark.parametrize("scale", [2, 0.5])
def test_youtube_truth_of_another_size_is_brought_to_the_frames(tmp_path, scale):
    shape = (int(48 * scale), int(64 * scale))
    for t in (1,):
        io.write_frame(tmp_path / YOUTUBE / f"images/frame{t:04d}.jpg", frame(t, (48, 64)))
    truth = np.zeros(shape, np.uint8)
    truth[shape[0] // 4 : shape[0] // 2, shape[1] // 8 :] = 255
    (tmp_path / YOUTUBE / "labels").mkdir()
    Image.fromarray(truth).save(tmp_path / YOUTUBE / "labels/00001.jpg", quality=100)
    video = open_video(index_video(tmp_path, "youtube_objects", "aeroplane-0001-002", [1]), 1)
    expected = np.zeros((48, 64), np.bool_)
    expected[12:24, 8:] = True
    assert np.array_equal(video.truth(0), expected)


@pytest.mark.parametrize("shape", [(24, 40), (7, 12), (18, 30), (6, 10)])
def test_a_resized_truth_is_at_each_pixel_that_of_the_nearest_centre(tmp_path, shape):
    """Centres are at half pixels: without them the truth moves by up to half of its own pixel."""
    io.write_frame(tmp_path / YOUTUBE / "images/frame0001.jpg", frame(1))
    drawn = np.random.default_rng(0).random(shape) < 0.5
    truth = np.kron(drawn[::2, ::2], np.ones((2, 2), bool))[: shape[0], : shape[1]]
    io.write_mask(tmp_path / YOUTUBE / "labels/00001.png", truth)
    layout = replace(VIDEO_LAYOUTS["youtube_objects"], truth=TRUTHS)
    video = open_video(index_video(tmp_path, layout, "aeroplane-0001-002", [1]), 1)
    expected = np.zeros(SHAPE, bool)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            y = abs((np.arange(shape[0]) + 0.5) * SHAPE[0] / shape[0] - row - 0.5)
            x = abs((np.arange(shape[1]) + 0.5) * SHAPE[1] / shape[1] - column - 0.5)
            # Of two centres equally far the later one, as half a pixel is rounded up.
            nearest = [len(far) - 1 - int(np.argmin(far[::-1].round(9))) for far in (y, x)]
            expected[row, column] = truth[nearest[0], nearest[1]]
    assert np.array_equal(video.truth(0), expected)


def test_a_user_gives_the_masks_of_the_frames_with_truth_and_says_not_here_in_empty_ones(tmp_path):
    root = write_youtube(tmp_path)  # truths of the frames 1 and 11
    black = np.zeros(SHAPE, np.uint8)
    Image.fromarray(black).save(root / YOUTUBE / "labels/00011.jpg", quality=95)
    video = open_video(index_video(root, "youtube_objects", "aeroplane-0001-002", [1]), 1)
    given = annotated_masks(video, [0, 1, 10])
    assert sorted(given) == [0, 10]
    assert np.array_equal(given[0], mask(4)) and not given[10].any()
    with pytest.raises(InputError, match="got a truth without the object in the first"):
        annotated_masks(video, [10])


def test_the_files_of_an_index_are_its_frames_and_its_truths(tmp_path):
    write_segtrack(tmp_path)
    found = sequence_files(tmp_path, "segtrack_v2", "bmx", [1, 2])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in found) == [
        *(f"GroundTruth/bmx/1/b_{t}.bmp" for t in range(2)),
        *(f"GroundTruth/bmx/2/b_{t}.png" for t in range(2)),
        *(f"JPEGImages/bmx/b_{t}.png" for t in range(2)),
    ]


def test_truth_of_another_shape_is_refused_in_every_layout(tmp_path):
    write_youtube(tmp_path, truth_shape=(12, 24))
    video = open_video(index_video(tmp_path, "youtube_objects", "aeroplane-0001-002", [1]), 1)
    with pytest.raises(InputError, match=r"00001\.jpg: expected .*\(12, 20\), got \(12, 24\)"):
        video.truth(0)


def test_davis_truth_of_another_size_is_refused(tmp_path):
    write_davis(tmp_path)
    io.write_mask(tmp_path / "Annotations/480p/cows/00001.png", mask(1, (24, 40)))
    video = open_video(index_video(tmp_path, "davis", "cows", [1]), 1)
    with pytest.raises(InputError, match=r"cows/00001\.png: .*\(12, 20\), got \(24, 40\)"):
        video.truth(1)


def test_segtrack_has_one_folder_or_one_an_object_and_mixed_formats(tmp_path):
    write_segtrack(tmp_path)
    assert list_sequences(tmp_path, "segtrack_v2") == [("bmx", 1), ("bmx", 2), ("girl", 1)]
    index = index_video(tmp_path, "segtrack_v2", "bmx", [1, 2])
    assert index["object"].tolist() == [1, 1, 2, 2]
    assert np.array_equal(open_video(index, 1).truth(1), mask(1))
    assert np.array_equal(open_video(index, 2).truth(1), mask(9))
    girl = open_video(index_video(tmp_path, "segtrack_v2", "girl", [1]), 1)
    assert np.array_equal(girl.truth(1), mask(1))


def test_the_second_object_of_a_sequence_with_one_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"'girl', object 2, .*objects there are \[1\]"):
        index_video(write_segtrack(tmp_path), "segtrack_v2", "girl", [2])


def test_own_patterns_with_labels_give_each_object_its_mask(tmp_path):
    layout = VideoLayout(
        frames="images/{sequence}/*.jpg", truth="masks/{sequence}/{frame}.png", encoding="labels"
    )
    for t in range(2):
        io.write_frame(tmp_path / f"images/my clip é/{t}.jpg", frame(t))
        labels = (mask(0) + mask(10) * 7).astype(np.uint8)
        labels[0] = 255
        io.write_labels(tmp_path / f"masks/my clip é/{t}.png", labels)
    assert list_sequences(tmp_path, layout) == [("my clip é", 1), ("my clip é", 7)]
    index = index_video(tmp_path, layout, "my clip é", [1, 7])
    assert np.array_equal(open_video(index, 1).truth(0), mask(0))
    assert np.array_equal(open_video(index, 7).truth(1), mask(10))
    assert check_video(index) == []


def test_own_patterns_with_a_folder_an_object(tmp_path):
    layout = VideoLayout(frames="{sequence}/*.png", truth="{sequence}/object {object}/{frame}.png")
    io.write_frame(tmp_path / "a/x.png", frame(0))
    io.write_mask(tmp_path / "a/object 3/x.png", mask(3))
    assert list_sequences(tmp_path, layout) == [("a", 3)]
    assert np.array_equal(open_video(index_video(tmp_path, layout, "a", [3]), 3).truth(0), mask(3))


def test_a_layout_without_truth_has_frames_alone(tmp_path):
    io.write_frame(tmp_path / "a/1.jpg", frame(0))
    index = index_video(tmp_path, VideoLayout(frames="{sequence}/*.jpg"), "a", [1])
    assert index["truth_path"].tolist() == [""]
    assert open_video(index, 1).truth(0) is None


# --- order, names, roots


def test_frame_numbers_may_have_gaps_and_sort_as_numbers(tmp_path):
    layout = VideoLayout(frames="{sequence}/*.jpg")
    for number in (10, 9, 2, 100, 33):
        io.write_frame(tmp_path / f"a/shot1_{number}.jpg", frame(number))
    video = open_video(index_video(tmp_path, layout, "a", [1]), 1)
    assert [name.split("_")[1] for name in video.frame_names] == ["2", "9", "10", "33", "100"]
    assert video.frame(4)[0, 0, 0] == 100


def test_natural_order_takes_any_name():
    names = ["b", "a²", "a10", "a9", "10", "9", "", "é", "a9b2", "a9b10"]
    assert sorted(names, key=natural_key).index("a10") > names.index("b")
    assert sorted(["a10", "a9", "a9b10", "a9b2"], key=natural_key) == ["a9", "a9b2", "a9b10", "a10"]


@pytest.mark.parametrize("sequence", ["a b", "[x]", "ünï", "a*", "a.b", "{x}", "-"])
def test_any_folder_name_is_a_sequence(tmp_path, sequence):
    write_davis(tmp_path, sequence)
    write_davis(tmp_path, "other")
    assert list_sequences(tmp_path, "davis") == sorted([("other", 1), (sequence, 1)])
    assert len(index_video(tmp_path, "davis", sequence, [1])) == 3


@pytest.mark.parametrize("sequence", ["", "a/b", "..", "."])
def test_a_name_that_leaves_the_root_is_refused(tmp_path, sequence):
    with pytest.raises(InputError, match="sequence"):
        index_video(write_davis(tmp_path), "davis", sequence, [1])


def test_a_linked_root_keeps_its_own_name(tmp_path):
    write_davis(tmp_path / "disk")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    index = index_video(tmp_path / "link", "davis", "cows", [1])
    assert index["frame_path"].str.startswith(f"{tmp_path}/link/").all()
    assert check_video(index) == []


def test_a_relative_root_gives_relative_paths(tmp_path, monkeypatch):
    write_davis(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    index = index_video("data", "davis", "cows", [1])
    assert index["frame_path"][0] == "data/JPEGImages/480p/cows/00000.jpg"


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    write_davis(tmp_path)
    folder = tmp_path / "JPEGImages/480p/cows"
    for name in ("._00000.jpg", "Thumbs.db", ".jpg"):
        (folder / name).write_text("x")
    (folder / "00009.jpg").mkdir()
    assert len(index_video(tmp_path, "davis", "cows", [1])) == 3


def test_an_index_survives_its_csv_and_a_video_its_pickle(tmp_path):
    index = index_video(write_davis(tmp_path), "davis", "cows", [1])
    index = parse_table(format_table(index, INDEX), INDEX)
    video = pickle.loads(pickle.dumps(open_video(index, 1)))
    assert np.array_equal(video.truth(2), mask(2))


def write_labels(root, objects):
    """A sequence ``pets`` in the layout of DAVIS-2017, its frames with these objects."""
    for t, numbers in enumerate(objects):
        io.write_frame(root / f"JPEGImages/480p/pets/{t:05d}.jpg", frame(t))
        labels = np.zeros(SHAPE, np.uint8)
        for number in numbers:
            labels[3 * number : 3 * number + 2, 2:8] = number
        io.write_labels(root / f"Annotations/480p/pets/{t:05d}.png", labels)


# --- problems


def test_a_missing_root_or_sequence_is_named_with_what_is_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*no such folder"):
        index_video(tmp_path / "nowhere", "davis", "cows", [1])
    write_davis(tmp_path, "cows")
    write_davis(tmp_path, "bear")
    with pytest.raises(InputError, match=r"'cow'.*2 sequences, such as \['cows'\]"):
        index_video(tmp_path, "davis", "cow", [1])
    with pytest.raises(InputError, match="correct the root"):
        index_video(tmp_path, "segtrack_v2", "cows", [1])
    with pytest.raises(InputError, match="correct the root"):
        list_sequences(tmp_path, "segtrack_v2")


def test_a_truth_without_a_frame_is_named_once_and_left_out(tmp_path, caplog):
    """``worm`` of SegTrack-v2 has 243 frames and one mask more, ``0000000000.png``."""
    write_labels(tmp_path, [{1, 2}, {1, 2}, {1, 2}])
    extra = tmp_path / "Annotations/480p/pets/0000000000.png"
    extra.write_bytes((extra.parent / "00000.png").read_bytes())
    index = index_video(tmp_path, "davis2017", "pets", [1, 2])
    assert len(index) == 6
    assert "0000000000.png" not in " ".join(index.truth_path)
    assert caplog.text.count("0000000000.png") == 1
    assert "pets: 1 truths have no frame and are left out" in caplog.text
    (extra.parent / "00001.png").unlink()
    with pytest.raises(InputError, match=r"pets, object 1: expected a truth for each of 3 .*00001"):
        index_video(tmp_path, "davis2017", "pets", [1, 2])


def test_objects_are_those_of_all_truths_and_each_has_a_first_frame(tmp_path):
    write_labels(tmp_path, [{1}, {1}, {1, 2}, {2}])
    assert list_sequences(tmp_path, "davis2017") == [("pets", 1), ("pets", 2)]
    index = index_video(tmp_path, "davis2017", "pets", [1, 2])
    assert [open_video(index, number).first for number in (1, 2)] == [0, 2]
    assert check_video(index) == []


def test_a_root_of_youtube_vos_is_found_and_sparse(tmp_path):
    write_labels(tmp_path, [{1}, set(), {2}, set(), {1, 2}])
    for name in ("JPEGImages", "Annotations"):
        (tmp_path / name / "480p" / "pets").rename(tmp_path / name / "pets")
        (tmp_path / name / "480p").rmdir()
    for empty in ("00001", "00003"):
        (tmp_path / "Annotations/pets" / f"{empty}.png").unlink()
    assert layout_of(tmp_path) == "youtube_vos"
    index = index_video(tmp_path, "youtube_vos", "pets", [1, 2])
    assert [open_video(index, number).first for number in (1, 2)] == [0, 2]
    assert list(check_path(tmp_path)) == []


def test_a_sequence_without_truth_is_an_error(tmp_path):
    write_davis(tmp_path)
    for path in (tmp_path / "Annotations/480p/cows").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"truth of sequence 'cows', object 1"):
        index_video(tmp_path, "davis", "cows", [1])


def test_two_files_for_one_frame_are_an_error(tmp_path):
    write_segtrack(tmp_path)
    io.write_frame(tmp_path / "JPEGImages/girl/g_1.png", frame(1))
    with pytest.raises(InputError, match=r"g_1\.png: expected one file for frame g_1"):
        index_video(tmp_path, "segtrack_v2", "girl", [1])


@pytest.mark.parametrize("objects", [[], [0], [1, 1], [-1]])
def test_object_ids_begin_at_one(tmp_path, objects):
    with pytest.raises(InputError, match="objects"):
        index_video(write_davis(tmp_path), "davis", "cows", objects)


def test_a_frame_of_another_size_is_named(tmp_path):
    write_davis(tmp_path)
    io.write_frame(tmp_path / "JPEGImages/480p/cows/00002.jpg", frame(2, (10, 20)))
    video = open_video(index_video(tmp_path, "davis", "cows", [1]), 1)
    with pytest.raises(InputError, match=r"00002\.jpg.*\(12, 20\), got \(10, 20\)"):
        video.frame(2)


def test_an_index_without_the_object_is_an_error(tmp_path):
    index = index_video(write_davis(tmp_path), "davis", "cows", [1])
    with pytest.raises(InputError, match=r"object 2.*objects \[1\]"):
        open_video(index, 2)
    with pytest.raises(InputError, match="t = 0, 1"):
        open_video(index.drop(index=1), 1)


def test_every_problem_of_a_sequence_is_found_not_the_first(tmp_path):
    write_davis(tmp_path, numbers=range(6))
    index = index_video(tmp_path, "davis", "cows", [1])
    assert check_video(index) == []
    jpeg = tmp_path / "JPEGImages/480p/cows/00001.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-60])
    io.write_frame(tmp_path / "JPEGImages/480p/cows/00002.jpg", frame(2, (10, 20)))
    (tmp_path / "Annotations/480p/cows/00003.png").unlink()
    io.write_mask(tmp_path / "Annotations/480p/cows/00004.png", mask(1, (24, 40)))
    io.write_mask(tmp_path / "Annotations/480p/cows/00000.png", np.zeros(SHAPE, np.bool_))
    problems = check_video(index)
    named = ["00001.jpg", "00002.jpg", "00003.png", "00004.png"]
    assert len(problems) == 4
    assert all(name in problem for name, problem in zip(named, problems, strict=True))
    (tmp_path / "JPEGImages/480p/cows/00000.jpg").unlink()
    assert len(check_video(index)) == 1


def test_masks_of_one_object_in_a_layout_of_labels_are_that_object(tmp_path):
    root = write_davis(tmp_path)
    assert list_sequences(root, "davis2017") == [("cows", 1)]
    labels, binary = (index_video(root, name, "cows", [1]) for name in ("davis2017", "davis"))
    assert set(labels.encoding) == {"binary"} and labels.equals(binary)
    assert check_video(labels) == []
    assert open_video(labels, 1).truth(0).any()
    problems = check_video(index_video(root, "davis2017", "cows", [2]))
    assert len(problems) == 1 and "the layout's encoding" in problems[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": "images/{sequence}/1.jpg"},
        {"frames": "/images/{sequence}/*.jpg"},
        {"frames": "../{sequence}/*.jpg"},
        {"frames": "{sequence}/{frame}_{number}.jpg"},
        {"frames": "*/{sequence}/*.jpg"},
        {"truth": "{sequence}/{colour}/{frame}.png"},
        {"truth": "{sequence}/{number}.png"},
        {"encoding": "grey"},
    ],
)
def test_an_unusable_layout_is_refused(changes):
    with pytest.raises(InputError, match="layout"):
        VideoLayout(**({"frames": "{sequence}/*.jpg"} | changes))


def test_unknown_names_of_layouts_list_the_known(tmp_path):
    with pytest.raises(InputError, match="'davs'; known are"):
        index_video(tmp_path, "davs", "cows", [1])
    with pytest.raises(InputError, match="layout"):
        StillLayout(images="{picture}.jpg", masks="{name}.png")
    assert {"davis", "youtube_objects", "segtrack_v2"} <= set(VIDEO_LAYOUTS)


# --- fingerprint


def test_a_fingerprint_follows_files_and_nothing_else(tmp_path):
    write_davis(tmp_path / "a")
    first = folder_fingerprint([tmp_path / "a"])
    assert folder_fingerprint([tmp_path / "a"]) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_fingerprint([tmp_path / "b"]) == first
    file = tmp_path / "b/JPEGImages/480p/cows/00001.jpg"
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    shutil.copytree(tmp_path / "b", tmp_path / "c", copy_function=shutil.copyfile)
    assert folder_fingerprint([tmp_path / "b"]) == folder_fingerprint([tmp_path / "c"]) == first
    times, other = file.stat(), bytearray(file.read_bytes())
    other[-1] ^= 1
    file.write_bytes(other)  # under its old size and time
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = folder_fingerprint([tmp_path / "b"])
    file.rename(file.with_name("00007.jpg"))
    third = folder_fingerprint([tmp_path / "b"])
    assert len({first, second, third}) == 3
    with pytest.raises(InputError, match="nothing"):
        folder_fingerprint([tmp_path / "a"])


def test_a_fingerprint_ends_where_links_go_round(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "lost").symlink_to(tmp_path / "absent")
    assert folder_fingerprint([tmp_path, tmp_path / "a"])


# --- facts


def test_davis_has_50_sequences_and_3455_frames():
    davis = read_facts("davis2016")
    assert len(davis) == 50
    assert davis["num_frames"].sum() == 3455
    assert davis["set"].value_counts().to_dict() == {"train": 30, "val": 20}
    assert davis["eval_t"].sum() == 27
    assert len(davis.columns) == 5 + 16
    assert davis.loc[davis["sequence"] == "bear", "object"].tolist() == [1]


def test_youtube_has_124_sequences_of_10_classes_and_segtrack_24_objects_of_14():
    youtube = read_facts("youtube_objects")
    assert len(youtube) == youtube["sequence"].nunique() == 124
    assert youtube["class"].nunique() == 10
    for sequence in youtube["sequence"]:
        assert VIDEO_LAYOUTS["youtube_objects"].fields(sequence)["shot"] == "001"
    segtrack = read_facts("segtrack_v2")
    assert len(segtrack) == 24
    assert segtrack["sequence"].nunique() == 14
    assert set(segtrack["set"]) == {""}


def test_published_results_of_masktrack_agree_with_its_paper():
    table2 = read_facts("published_table2").set_index(["method", "dataset"])["miou"]
    assert table2["MaskTrack", "davis2016"] == 74.8
    table1 = read_facts("published_table1").set_index("variant")
    assert len(table1) == 12
    base = table1["miou"]["MaskTrack"]
    for variant, row in table1.drop(["MaskTrack", "MaskTrack+Flow+CRF"]).iterrows():
        assert row["miou"] - base == pytest.approx(row["delta"]), variant
    # The one delta that is to the row below it, not to MaskTrack.
    assert table1["delta"]["MaskTrack+Flow+CRF"] == pytest.approx(80.3 - 78.4)
    published = read_facts("davis2016_published_J")
    for technique, printed in (("msk", 80.3), ("bvs", 66.5), ("nlc", 64.1), ("fcp", 63.1)):
        assert round(100 * published[technique].mean(), 1) == printed
    stats = read_facts("davis2016_published_stats").set_index(["technique", "split"])
    assert stats["J_mean"]["msk", "all50"] == pytest.approx(published["msk"].mean(), abs=1e-4)


def test_unknown_facts_list_the_known():
    with pytest.raises(InputError, match=r"'davis'; known are .*davis2016"):
        read_facts("davis")
