import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from masktrack_core.commands.cli import main
from masktrack_core.datasets.checks import check_path
from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.sources import existing_root, set_root
from masktrack_core.datasets.video_files import Clip
from masktrack_core.datasets.videos import open_video
from masktrack_core.errors import InputError
from masktrack_core.files import film_reader, io
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.pictures.films import overlay_clip
from masktrack_core.pictures.overlays import OBJECTS


def moving(t, shape=(32, 48)):
    frame = np.full((*shape, 3), 30, np.uint8)
    frame[:, 2 * t : 2 * t + 8] = (220, 60, 20)
    return frame


@pytest.fixture
def video(tmp_path):
    write_video(tmp_path / "clip.avi", [moving(t) for t in range(12)], rate=10)
    return tmp_path / "clip.avi"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_written_video_comes_back_as_rgb(tmp_path, suffix):
    path = tmp_path / f"ä clip{suffix}"
    write_video(path, [moving(t) for t in range(6)], rate=10)
    video = VideoFile(path)
    assert (len(video), video.rate, video.names[5]) == (6, 10, "00005")
    for t in range(6):
        assert np.abs(video[t].astype(int) - moving(t)).mean() < 12
        assert video[t][:, 2 * t + 2 : 2 * t + 6, 0].mean() > 150


def test_frames_are_the_same_in_any_order(video, monkeypatch):
    forwards = VideoFile(video)
    expected = [forwards[t] for t in range(12)]
    monkeypatch.setattr(film_reader, "_KEPT_FRAMES", 3)
    backwards = VideoFile(video)
    for t in [*range(11, -1, -1), 5, 0, 11, 4]:
        assert np.array_equal(backwards[t], expected[t]), t
    with pytest.raises(IndexError):
        backwards[12]


def test_memory_is_bounded_for_large_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(film_reader, "_KEPT_BYTES", 3 * 32 * 48 * 3)
    write_video(tmp_path / "a.avi", [moving(t) for t in range(9)], rate=10)
    video = VideoFile(tmp_path / "a.avi")
    for t in range(9):
        video[t]
        assert len(video._kept) <= 3


def test_odd_sizes_are_made_even_for_the_codec(tmp_path):
    write_video(tmp_path / "a.mp4", [moving(0, (31, 47))] * 2, rate=25)
    assert VideoFile(tmp_path / "a.mp4")[0].shape == (32, 48, 3)


def test_a_cut_video_gives_the_frames_that_are_left_and_says_so(tmp_path, caplog):
    cut = tmp_path / "cut.avi"
    noise = np.random.default_rng(1).integers(0, 256, (12, 96, 128, 3), np.uint8)
    write_video(cut, noise, rate=10)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        frames = VideoFile(cut)
    assert 0 < len(frames) < 12
    assert frames[len(frames) - 1].shape == (96, 128, 3)
    assert "of 12 frames can be decoded" in caplog.text


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(50))
    with pytest.raises(InputError, match=r"a\.mp4: expected a video"):
        VideoFile(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="expected a video or a folder"):
        Clip(tmp_path / "absent")
    with pytest.raises(InputError, match="suffix"):
        write_video(tmp_path / "a.mpg", [moving(0)], rate=1)
    with pytest.raises(InputError, match="at least one frame"):
        write_video(tmp_path / "b.mp4", [], rate=1)
    assert not (tmp_path / "b.mp4").exists()


# --- disks that are full

LIMITED = """
import resource, sys
from masktrack_core.commands.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"])
def test_a_film_that_the_disk_did_not_take_is_an_error_and_no_file(tmp_path, suffix):
    """Every write beyond 4 kB fails, as on a full disk."""
    rng = np.random.default_rng(2)
    for t in range(6):
        noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        io.write_frame(tmp_path / "frames" / f"{t}.png", noise)
        io.write_mask(tmp_path / "masks" / f"{t}.png", np.eye(64, dtype=np.bool_))
    out = tmp_path / "films" / f"look{suffix}"
    command = [sys.executable, "-c", LIMITED, "overlay", tmp_path / "frames", tmp_path / "masks"]
    done = subprocess.run([*command, out], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert f"look{suffix}: File too large" in done.stderr.splitlines()[-1]
    assert not [*out.parent.iterdir()]


def test_a_picture_that_the_disk_did_not_take_is_an_error_and_no_file(tmp_path):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    io.write_frame(tmp_path / "frames" / "0.png", noise)
    io.write_mask(tmp_path / "masks" / "0.png", np.eye(64, dtype=np.bool_))
    command = [sys.executable, "-c", LIMITED, "overlay", tmp_path / "frames", tmp_path / "masks"]
    done = subprocess.run([*command, tmp_path / "look"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "0.png: File too large" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "look").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 kB; skip where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", folder]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_called_that(small_disk):
    noise = np.random.default_rng(2).integers(0, 256, (9, 200, 200, 3), dtype=np.uint8)
    with pytest.raises(OSError, match="No space left on device") as error:
        write_video(small_disk / "look.mp4", noise, rate=25)
    assert error.value.filename == str(small_disk / "look.mp4")
    with pytest.raises(OSError, match="No space left on device") as error:
        io.write_frame(small_disk / "look.png", noise[0])
    assert error.value.filename == str(small_disk / "look.png")
    assert not [*small_disk.iterdir()]


# --- overlays


def test_an_object_keeps_its_colour_when_another_one_leaves(tmp_path, video):
    labels = np.zeros((32, 48), np.uint8)
    labels[4:12, 4:12], labels[16:28, 20:40], labels[0] = 1, 2, 255
    io.write_labels(tmp_path / "masks" / "00000.png", labels)
    labels[labels == 1] = 0
    io.write_labels(tmp_path / "masks" / "00001.png", labels)
    clip = Clip(video)
    first, second, third = (
        frame
        for _, frame in zip(range(3), overlay_clip(clip, tmp_path / "masks", tint=1), strict=False)
    )
    assert (first[8, 8] == OBJECTS[0]).all() and (first[22, 30] == OBJECTS[1]).all()
    assert (second[22, 30] == OBJECTS[1]).all() and (second[8, 8] == clip[1][8, 8]).all()
    assert (third == clip[2]).all()
    io.write_mask(tmp_path / "masks" / "00002.png", np.ones((5, 5), np.bool_))
    with pytest.raises(InputError, match=r"00002\.png: masks\[0\]: expected shape"):
        list(overlay_clip(clip, tmp_path / "masks"))


def test_overlay_commands(tmp_path, video, capsys):
    io.write_mask(tmp_path / "masks" / "00003.png", np.ones((32, 48), np.bool_))
    assert len(list(overlay_clip(Clip(video), tmp_path / "masks"))) == 12
    for out in ("look.mp4", "look"):
        command = ["overlay", str(video), str(tmp_path / "masks"), str(tmp_path / out)]
        assert main(command) == 0
    assert len(VideoFile(tmp_path / "look.mp4")) == len(list((tmp_path / "look").iterdir())) == 12
    assert main(["overlay", str(video), str(tmp_path / "look"), str(tmp_path / "look")]) == 2
    (tmp_path / "none").mkdir()
    assert main(["overlay", str(video), str(tmp_path / "none"), str(tmp_path / "x.mp4")]) == 2
    assert "expected masks named like the frames" in capsys.readouterr().err


# --- check


def write_davis(root, count=4):
    for t in range(count):
        io.write_frame(root / f"JPEGImages/480p/cows/{t:05d}.jpg", moving(t))
        io.write_mask(root / f"Annotations/480p/cows/{t:05d}.png", moving(t)[..., 0] > 100)
    return root


def test_check_finds_every_problem_of_a_configuration_in_one_pass(tmp_path, capsys):
    davis, stills = write_davis(tmp_path / "davis"), tmp_path / "stills"
    (davis / "JPEGImages/480p/cows/00001.jpg").write_bytes(b"nothing")
    io.write_mask(davis / "Annotations/480p/cows/00002.png", np.ones((3, 4), np.bool_))
    io.write_frame(stills / "images" / "a.jpg", moving(0))
    io.write_mask(stills / "ground_truth_mask" / "a.png", np.ones((5, 5), np.bool_))
    config = tmp_path / "my.yaml"
    config.write_text(
        f"datasets:\n  d: {{layout: davis, root: {davis}}}\n"
        "  gone: {layout: davis, root: /nowhere}\n  none: {layout: davis}\n  odd: 3\n"
        f"  wrong: {{layout: {{frames: 'a*'}}, root: {davis}}}\n"
        "  later: {layout: davis, archives: [a.zip]}\n"
        f"stills:\n  s: {{layout: ecssd, root: {stills}}}\n"
    )
    assert main(["check", str(config)]) == 2
    lines = capsys.readouterr().out.splitlines()
    words = ["00001.jpg", "00002.png", "datasets.gone", "datasets.none", "datasets.odd"]
    words += ["datasets.wrong", "stills.s: "]
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True)), lines


def test_check_of_sound_data_says_nothing(tmp_path, video, capsys):
    assert main(["check", str(write_davis(tmp_path / "davis"))]) == 0
    assert main(["check", str(video)]) == 0
    assert main(["check", str(tmp_path / "davis/JPEGImages/480p/cows")]) == 0
    assert capsys.readouterr().out == ""
    assert list(check_path(tmp_path / "absent"))
    assert main(["check", str(tmp_path / "davis"), "--layout", "davs"]) == 2


# --- which pictures of a folder are frames, and what their numbers mean


def write_frames(folder, names):
    for t, name in enumerate(names):
        io.write_frame(folder / name, moving(t))
    return folder


def test_a_mask_among_the_frames_is_no_frame_and_that_is_said(tmp_path, caplog):
    names = [f"{t:05d}.png" for t in range(4)]
    clip = Clip(write_frames(tmp_path, [*names, "mask.png", "first.jpg"]))
    assert clip.names == ("00000", "00001", "00002", "00003")
    assert "first.jpg, mask.png left out: a frame has a number like 00000.png" in caplog.text
    assert np.array_equal(clip[3], moving(3))


@pytest.mark.parametrize("other", ["00003_mask.png", "mask_00003.png", "00004.bmp"])
def test_numbered_pictures_of_two_kinds_are_refused_with_what_to_do(tmp_path, other):
    write_frames(tmp_path, [*(f"{t:05d}.png" for t in range(4)), other])
    with pytest.raises(InputError, match=rf"4 like 00000\.png.*1 like {other}.*|1 like .*4 like"):
        Clip(tmp_path)


def test_frames_of_any_names_stay_frames(tmp_path):
    for place, names in enumerate(
        (["a.png", "b.png"], ["9.png", "10.png"], ["s2_f01.JPG", "s2_f02.jpeg"], ["only.png"])
    ):
        clip = Clip(write_frames(tmp_path / str(place), names))
        assert list(clip.names) == [name.partition(".")[0] for name in names]


def test_numbers_of_frames_are_those_of_their_names_or_else_places(tmp_path, caplog):
    caplog.set_level("INFO")
    from1 = Clip(write_frames(tmp_path / "a", [f"{t:05d}.png" for t in range(1, 6)]))
    assert from1.numbered([1, 5]) == {1: 0, 5: 4}
    assert "annotation 1: 00001, frame 0 from 0" in caplog.text
    assert from1.numbered([0, 4]) == {0: 0, 4: 4}
    assert "annotation 4: 00005, frame 4 from 0" in caplog.text
    caplog.clear()
    from0 = Clip(write_frames(tmp_path / "b", [f"f{t}.png" for t in range(3)]))
    assert from0.numbered([0, 2]) == {0: 0, 2: 2}
    assert not caplog.text
    for numbers in ([6], [0, 5], [7, 1]):
        with pytest.raises(InputError, match=r"numbers in the names 00001 … 00005, got \[.*\]"):
            from1.numbered(numbers)


def test_the_given_frames_from_1_are_annotated_by_their_names(inputs):
    assert Clip(inputs / "from1").numbered([1]) == {1: 0}


# --- 16 bits


def test_frames_of_16_bits_are_stretched_over_the_range_of_the_sequence(tmp_path, caplog):
    for t, values in enumerate(([[7000, 7100]], [[7051, 7510]])):
        Image.fromarray(np.uint16(values)).save(tmp_path / f"{t}.png")
    clip = Clip(tmp_path)
    assert [clip[t][0, :, 0].tolist() for t in range(2)] == [[0, 50], [26, 255]]
    assert "their values 7000 to 7510 are stretched over 8 bits" in caplog.text
    assert caplog.text.count("stretched") == 1
    index = index_video(tmp_path.parent, {"frames": "{sequence}/*.png"}, tmp_path.name, [1])
    video = open_video(index, 1)
    assert all(np.array_equal(video[t], clip[t]) for t in range(2))


def test_the_given_thermal_frames_reach_the_network_with_contrast(inputs, caplog):
    clip = Clip(inputs / "thermal")
    frames = np.stack([clip[t] for t in range(len(clip))])
    assert (frames.min(), frames.max()) == (0, 255)
    assert frames.std() > 30
    assert "frames of 16 bits" in caplog.text


# --- names and roots in a configuration


@pytest.mark.parametrize(("only", "came"), [("[0010]", "8"), ("[no]", "False")])
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(tmp_path, capsys, only, came):
    (tmp_path / "set").mkdir()
    text = f"datasets:\n  mine: {{layout: davis, root: {tmp_path}/set, only: {only}}}\n"
    (tmp_path / "c.yaml").write_text(text)
    for t in range(2):
        io.write_frame(tmp_path / f"set/JPEGImages/480p/0010/{t}.jpg", moving(t))
        io.write_mask(tmp_path / f"set/Annotations/480p/0010/{t}.png", np.ones((32, 48), np.bool_))
    assert main(["check", str(tmp_path / "c.yaml")]) == 2
    assert f"mine.only: expected names, got {came}, as which YAML" in capsys.readouterr().out
    (tmp_path / "c.yaml").write_text(text.replace(only, "['0010']"))
    assert main(["check", str(tmp_path / "c.yaml")]) == 0


@pytest.mark.parametrize("root", ["~/set", "$HOME/set", "${HOME}/set"])
def test_a_root_may_begin_with_the_home_folder(tmp_path, monkeypatch, root):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "set").mkdir()
    assert existing_root("datasets.mine.root", root) == tmp_path / "set"
    row = {"root": root, "layout": "davis"}
    assert set_root({"datasets": {"mine": row}}, "datasets", "mine") == str(tmp_path / "set")
    with pytest.raises(InputError, match="'~/absent', which does not exist"):
        existing_root("datasets.mine.root", "~/absent")


def test_a_set_that_is_based_on_another_is_checked_with_what_it_inherits(tmp_path, capsys):
    """A base may stand in the file itself or in config.yaml."""
    root = write_davis(tmp_path / "davis")
    text = f"datasets:\n  mine: {{layout: davis, root: {root}}}\n"
    text += (
        "  wide: {based_on: mine, title: Wide}\n  own: {based_on: rendered_davis, only: [cows]}\n"
    )
    path = tmp_path / "c.yaml"
    path.write_text(text)
    assert main(["check", str(path)]) == 0
    path.write_text(text.replace("based_on: mine", "based_on: yours"))
    assert main(["check", str(path)]) == 2
    assert "datasets.wide.based_on: unknown name 'yours'" in capsys.readouterr().err
