"""A stretch of a clip: the same as if there were no other frames, under the clip's numbers."""

import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from masktrack_core.commands import stages
from masktrack_core.commands.cli import main
from masktrack_core.commands.stretches import Stretch, Wanted
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import USAGE, usage_record
from masktrack_core.files.film_reader import VideoFile, opened
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import read_mask, write_frame, write_mask
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import save_weights
from masktrack_core.pictures.overlays import OBJECTS, overlay

SIZE = (40, 56)
COUNT = 9


def picture(t):
    frame = np.full((*SIZE, 3), 60, np.uint8)
    frame[10:26, 4 + 3 * t : 20 + 3 * t] = (200, 40, 40)
    return frame


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mask.safetensors"
    rows = {"schedule": {}, "crop": {}, "augmentation": {}, "deformation": {}}
    usage = usage_record({"dilation_radius": 1}, {"samples": 4}, rows, "nothing")
    network = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator().manual_seed(3)
    )
    save_weights(path, network, {USAGE: usage})
    return path


@pytest.fixture
def frames(tmp_path):
    for t in range(COUNT):
        write_frame(tmp_path / "frames" / f"{t + 7}.png", picture(t))
    return tmp_path / "frames"


@pytest.fixture
def mask(tmp_path):
    """The mask of the block in the third frame, file 9.png."""
    drawn = np.zeros(SIZE, np.bool_)
    drawn[10:26, 10:26] = True
    write_mask(tmp_path / "mask.png", drawn)
    return tmp_path / "mask.png"


@pytest.fixture
def segment(weights, tmp_path, one_thread):
    def run(clip, *arguments, out="out"):
        settings = ["--weights", weights, "--out", tmp_path / out, "--no-finetune"]
        settings += ["--threads", "1", "--device", "cpu"]
        return main([str(part) for part in ("segment", clip, *settings, *arguments)])

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def some_of(frames, numbers):
    """Return a folder of some of the frames alone, by the numbers in their names."""
    folder = frames.with_name("some")
    folder.mkdir()
    for number in numbers:
        shutil.copy(frames / f"{number}.png", folder / f"{number}.png")
    return folder


def test_a_stretch_is_followed_as_if_the_clip_had_no_other_frames(segment, frames, mask, tmp_path):
    assert segment(frames, "--first", mask, "--start", 9, "--end", 12) == 0
    assert segment(some_of(frames, range(9, 13)), "--first", mask, out="alone") == 0
    masks = contents(tmp_path / "out")
    assert [*masks] == ["10.png", "11.png", "12.png", "9.png"]
    assert masks == contents(tmp_path / "alone")
    assert read_mask(tmp_path / "out" / "9.png").sum() == 256


def test_every_nth_frame_is_followed_and_annotated_ones(segment, frames, mask, tmp_path):
    given = ("--annotations", f"9={mask},14={mask}", "--start", 9, "--every", 3)
    assert segment(frames, *given) == 0
    alone = some_of(frames, [9, 12, 14, 15])
    assert segment(alone, "--annotations", f"9={mask},14={mask}", out="alone") == 0
    masks = contents(tmp_path / "out")
    assert [*masks] == ["12.png", "14.png", "15.png", "9.png"]
    assert masks == contents(tmp_path / "alone")


def test_frames_between_are_filled_from_those_that_were_followed(segment, frames, mask, tmp_path):
    given = ("--annotations", f"7={mask}", "--every", 4)
    assert segment(frames, *given) == 0
    assert segment(frames, *given, "--fill", out="filled") == 0
    sparse, filled = contents(tmp_path / "out"), contents(tmp_path / "filled")
    assert [*sparse] == ["11.png", "15.png", "7.png"] and len(filled) == COUNT
    assert sparse.items() <= filled.items()
    # 10 is nearest to 11: as if it were reached backwards from there alone.
    near = some_of(frames, [10, 11])
    assert segment(near, "--annotations", f"11={tmp_path / 'out' / '11.png'}", out="near") == 0
    assert filled["10.png"] == contents(tmp_path / "near")["10.png"]
    assert not list((tmp_path / "filled" / ".masktrack").glob("*marks*"))


def test_a_filling_that_was_stopped_follows_nothing_again(
    segment, frames, mask, tmp_path, monkeypatch
):
    filled, propagate, calls = stages.filled, stages.propagate, []

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    def counted(*arguments, **options):
        calls.append(1)
        return propagate(*arguments, **options)

    monkeypatch.setattr(stages, "propagate", counted)
    monkeypatch.setattr(stages, "filled", stop)
    command = (frames, "--first", mask, "--every", 4, "--fill")
    assert segment(*command) == 130 and not contents(tmp_path / "out")
    monkeypatch.setattr(stages, "filled", filled)
    assert segment(*command) == 0
    assert len(calls) == 1 and len(contents(tmp_path / "out")) == COUNT


def test_other_frames_of_the_clip_are_another_run(segment, frames, mask, capsys):
    assert segment(frames, "--first", mask, "--every", 2) == 0
    assert segment(frames, "--first", mask, "--every", 2, "--fill") == 2
    assert "made with other frames, marks" in capsys.readouterr().err
    assert segment(frames, "--first", mask, "--every", 2, "--fill", "--overwrite") == 0
    assert segment(frames, "--first", mask, "--every", 4, "--fill") == 2
    assert "made with other marks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--annotations", "7=MASK", "--start", "9"), "9 to 15, got 7; annotate a frame there"),
        (("--box", "1@14:4,10,16,16", "--end", "12"), "7 to 12, got 14"),
        (
            ("--first", "MASK", "--start", "12", "--end", "9"),
            "--end: expected a frame from --start",
        ),
        (("--first", "MASK", "--start", "1s"), "a folder of frames has no times"),
        (("--first", "MASK", "--end", "44"), "got [44]"),
        (("--first", "MASK", "--every", "0"), "--every: expected at least 1"),
        (("--first", "MASK", "--fill"), "at least 2 beside --fill"),
    ],
)
def test_what_does_not_lie_in_the_stretch_is_one_line(
    segment, frames, mask, tmp_path, capsys, arguments, message
):
    assert segment(frames, *(part.replace("MASK", str(mask)) for part in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error and "masktrack: " in error
    assert not (tmp_path / "out").exists()


@pytest.fixture
def film(tmp_path):
    """A film of 9 frames, 10 a second, with a tone."""
    path = tmp_path / "clip.mkv"
    silent = tmp_path / "silent.mkv"
    write_video(silent, map(picture, range(COUNT)), rate=10)
    with av.open(str(silent)) as source, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("aac", rate=48000)
        for n in range(43):
            wave = np.sin(np.arange(1024 * n, 1024 * (n + 1)) / 20).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = 48000, 1024 * n, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
    return path


def test_outputs_have_the_numbers_and_times_of_the_clip(segment, film, mask, tmp_path):
    coco, cutout, look = tmp_path / "out.json", tmp_path / "out.mov", tmp_path / "look.mkv"
    given = ("--first", mask, "--start", "0.2s", "--end", "0.65s", "--every", 2)
    outputs = ("--export", f"coco={coco}", "--export", f"cutout={cutout}", "--overlay", look)
    assert segment(film, *given, *outputs) == 0
    assert [*contents(tmp_path / "out")] == ["00002.png", "00004.png", "00006.png"]
    written = json.loads(coco.read_text())
    images = [(image["id"], image["file_name"]) for image in written["images"]]
    assert images == [(3, "00002.png"), (5, "00004.png"), (7, "00006.png")]
    assert {one["image_id"] for one in written["annotations"]} <= {3, 5, 7}
    assert written["annotations"][0]["image_id"] == 3
    for path in (cutout, look):
        assert [float(time) for time in VideoFile(path).times] == pytest.approx([0, 0.2, 0.4])
    drawn = overlay(VideoFile(film)[4], [read_mask(tmp_path / "out" / "00004.png")], OBJECTS)
    assert np.abs(VideoFile(look)[1].astype(int) - drawn).mean() < 6

    def sound(path):
        with opened(path) as opened_film:
            found = [p for p in opened_film.demux(audio=0) if p.size]
            return {bytes(p): float(p.pts * p.time_base) for p in found}

    given_sound, kept = sound(film), sound(look)
    assert kept and set(kept) <= set(given_sound)
    assert max(abs(given_sound[p] - kept[p] - 0.2) for p in kept) < 0.003
    assert max(kept.values()) < 0.6 and min(kept.values()) < 0.03


def test_numbers_stay_those_of_the_clip(frames, caplog):
    clip = Clip(frames).cut([2, 4, 6]).cut([4, 6])
    assert clip.names == ("11", "13") and [*clip.numbers] == [4, 6] and len(clip) == 2
    assert np.array_equal(clip[1], picture(6)) and clip.file(1).name == "13.png"
    with pytest.raises(InputError, match="at least one frame"):
        clip.cut([])


def test_a_mask_in_a_frame_between_is_placed_where_its_frame_is(frames):
    stretch = Stretch(Clip(frames), Wanted(start=8, end=14, every=3, fill=True))
    drawn = np.ones(SIZE, np.bool_)
    cut = stretch.cut({4: {1: drawn, 5: ~drawn}})
    assert [*cut.clip.numbers] == [*range(1, 8)]
    assert [*cut.objects[4]] == [0, 4] and not cut.objects[4][4].any()
    assert cut.marks == (0, 3, 4, 6)
