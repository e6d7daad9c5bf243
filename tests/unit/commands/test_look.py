"""``masktrack info`` and ``masktrack frames``: what a clip is, its frames as they are counted."""

import argparse
from fractions import Fraction

import numpy as np
import pytest

from masktrack_core.commands.cli import main
from masktrack_core.commands.info import changes
from masktrack_core.commands.moments import frames_at, moment
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.files.film_reader import FilmFacts, VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import read_frame, write_frame
from masktrack_core.pictures.rulers import ruled, ruler_step

TIMES = [Fraction(t, 10) for t in (0, 1, 2, 5, 9)]


@pytest.fixture
def film(tmp_path):
    frames = [np.full((48, 64, 3), 40 * t, np.uint8) for t in range(5)]
    write_video(tmp_path / "clip.mkv", frames, rate=10, times=TIMES)
    return tmp_path / "clip.mkv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("120", 120), ("4.5s", Fraction(9, 2)), ("1:02.5", Fraction(125, 2)), ("1:00:01", 3601)],
)
def test_a_moment_is_a_frame_or_a_time(text, expected):
    assert moment(text) == expected
    assert isinstance(moment(text), int) == text.isdecimal()


@pytest.mark.parametrize("text", ["", "4.5", "-1", "a", "1:2:3:4", "0x10"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a frame such as 120, or a time"):
        moment(text)


def test_a_time_is_the_frame_that_is_shown_then(film, tmp_path):
    clip = Clip(film)
    wanted = [Fraction(0), Fraction(1, 10), Fraction(49, 100), Fraction(5, 10), Fraction(9, 10)]
    assert frames_at(clip, wanted) == [0, 1, 2, 3, 4]
    assert frames_at(clip, [3, Fraction(1, 10)]) == [3, 1]
    with pytest.raises(InputError, match=r"expected a time from 0 to 1\.20 s, got 7 s"):
        frames_at(clip, [Fraction(7)])
    with pytest.raises(InputError, match=r"clip.*: expected frames 0 … 4"):
        frames_at(clip, [5])
    write_frame(tmp_path / "frames" / "0.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="a folder of frames has no times"):
        frames_at(Clip(tmp_path / "frames"), [Fraction(1)])


def test_frames_are_those_of_the_clip_and_named_by_its_numbers(film, tmp_path):
    command = ["frames", str(film), "--out", str(tmp_path / "out")]
    assert main([*command, "--at", "3,0.1s"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00001.png", "00003.png"]
    for t in (1, 3):
        written = read_frame(tmp_path / "out" / f"0000{t}.png")
        assert np.array_equal(written, VideoFile(film)[t])
    assert main(command) == 0
    assert len([*(tmp_path / "out").iterdir()]) == 5
    assert main([*command, "--at", "9"]) == 2


def test_frames_go_to_a_folder_of_their_own(film, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["frames", str(film), "--out", str(tmp_path / "file")]) == 2
    frames = tmp_path / "frames"
    write_frame(frames / "0.png", np.zeros((8, 8, 3), np.uint8))
    assert main(["frames", str(frames), "--out", str(frames)]) == 2
    assert "expected another folder than the clip's" in capsys.readouterr().err


def test_a_grid_does_not_take_the_place_of_the_frame(film, tmp_path):
    assert main(["frames", str(film), "--at", "2", "--grid", "--out", str(tmp_path / "out")]) == 0
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "00002-grid.png"
    assert read_frame(path).shape == (480, 640, 3)  # ten times: its numbers can be read


def test_lines_run_at_the_pixels_whose_numbers_they_have():
    frame = np.full((720, 1280, 3), 128, np.uint8)
    drawn = ruled(frame)
    assert drawn.shape == frame.shape and (frame == 128).all()
    middle = drawn[350, :, 0].astype(int)  # between two lines, away from the numbers
    assert [x for x in range(100, 1200) if middle[x] > 150] == [*range(100, 1200, 100)]
    assert [x for x in range(100, 1200) if middle[x] < 100] == [*range(101, 1200, 100)]
    across = drawn[:, 650, 0].astype(int)
    assert [y for y in range(60, 660) if across[y] > 150] == [*range(100, 660, 100)]
    assert [ruler_step(side) for side in (10, 64, 640, 1280, 7680)] == [1, 5, 50, 100, 1000]


def test_info_says_what_a_film_is(film, capsys):
    assert main(["info", str(film)]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:10])
    assert said["codec"] == "h264, yuv420p" and said["depth"] == "8 bits"
    assert said["size"] == "64 x 48, as shown" and said["frames"] == "5, 0 to 4"
    assert said["rate"] == "3.33333 a second, variable" and said["sound"] == "none"


def test_info_says_what_a_folder_is(tmp_path, capsys):
    for t in (7, 8):
        write_frame(tmp_path / "frames" / f"{t}.png", np.zeros((8, 10, 3), np.uint8))
    assert main(["info", str(tmp_path / "frames")]) == 0
    said = capsys.readouterr().out
    assert "size       10 x 8\n" in said and "frames     2, 7 to 8\n" in said


FACTS = {
    "container": "mp4", "codec": "hevc", "pixels": "yuv420p10le", "width": 8, "height": 8,
    "rotation": 0, "rate": 25.0, "variable": False, "hdr": False, "interlaced": False, "bits": 8,
    "pixel_aspect": Fraction(1), "sound": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"rotation": -90}, "turned by 270° counterclockwise, to stand upright"),
        ({"bits": 10}, "10 bits reduced to 8"),
        ({"hdr": True}, "HDR to BT.709: its white of 203 cd/m² to 255, what is brighter too"),
        ({"interlaced": True}, "interlaced: both fields stay in a frame, as they are"),
        ({"pixel_aspect": Fraction(4, 3)}, "pixels of 4/3 width to height stay as they are"),
        (
            {"variable": True},
            "its variable rate is kept: a film shows each frame when the clip does",
        ),
        (
            {"sound": ("aac",)},
            "its sound goes into films that are written, where their form takes it",
        ),
    ],
)  # fmt: skip
def test_what_is_done_to_a_film_is_said_and_nothing_else(fact, said):
    assert changes(FilmFacts(**FACTS)) == ["decoded to RGB of 8 bits"]
    assert changes(FilmFacts(**FACTS | fact)) == ["decoded to RGB of 8 bits", said]
