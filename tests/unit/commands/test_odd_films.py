"""Films as people have them, through the commands: masks, or one line, and nothing half-written."""

import os
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition

from masktrack_core.commands.cli import main
from masktrack_core.experiment.usage import USAGE, usage_record
from masktrack_core.files.decoding import MAX_PIXELS
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import read_frame, read_mask, write_mask
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import save_weights

SIZE = (48, 64)


def scene(t, size=SIZE):
    y, x = np.mgrid[: size[0], : size[1]]
    waves = [128 + 100 * np.sin((x * (c + 1) + y * (3 - c) + 7 * t) / 17) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mask.safetensors"
    rows = {"schedule": {}, "crop": {}, "augmentation": {}, "deformation": {}}
    usage = usage_record({"dilation_radius": 1}, {"samples": 4}, rows, "nothing")
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(3))
    save_weights(path, network, {USAGE: usage})
    return path


@pytest.fixture
def segment(weights, tmp_path, one_thread):
    """Return a function that follows a block through a film, without learning."""

    def run(film, *arguments, size=SIZE):
        drawn = np.zeros(size, np.bool_)
        drawn[8:24, 10:30] = True
        write_mask(tmp_path / "mask.png", drawn)
        command = ["segment", film, "--first", tmp_path / "mask.png", "--weights", weights]
        command += ["--out", tmp_path / "out", "--no-finetune", "--threads", "1", "--quiet"]
        return main([*map(str, [*command, *arguments])])

    return run


def masks(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").glob("*.png"))


def refused(capsys, film, tmp_path):
    """Return the one line with which three commands refuse a film; they leave nothing."""
    lines = set()
    for command in (("info",), ("frames", "--out"), ("segment", "--box", "1,1,9,9", "--out")):
        place = [str(tmp_path / "made")] if command[-1] == "--out" else []
        assert main([command[0], str(film), *command[1:], *place, "--quiet"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        lines.add(line)
    assert not (tmp_path / "made").exists()
    (line,) = lines
    return line


def test_a_film_of_one_frame_gives_one_mask_and_a_film_of_one_frame(segment, tmp_path):
    film, look, cutout = tmp_path / "one.mp4", tmp_path / "look.mp4", tmp_path / "cut.webm"
    write_video(film, [scene(0)], rate=25)
    assert segment(film, "--overlay", look, "--export", f"cutout={cutout}", "--flow") == 0
    assert masks(tmp_path) == ["00000.png"] and read_mask(tmp_path / "out/00000.png").sum() == 320
    assert len(VideoFile(look)) == len(VideoFile(cutout)) == 1


def test_a_film_of_odd_sizes_is_followed_in_them(segment, tmp_path):
    film, look = tmp_path / "odd.mov", tmp_path / "look.mp4"
    write_video(film, [scene(t, (47, 63)) for t in range(3)], rate=25)
    assert segment(film, "--overlay", look, size=(47, 63)) == 0
    assert read_mask(tmp_path / "out/00002.png").shape == (47, 63)
    assert VideoFile(look)[0].shape == (48, 64, 3)  # H.264 takes even sizes alone


def test_a_film_that_was_cut_short_is_followed_to_where_it_ends(segment, tmp_path, capfd, caplog):
    film = tmp_path / "cut.mp4"
    write_video(film, (scene(t) for t in range(40)), rate=25)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    assert segment(film) == 0
    count = len(VideoFile(film))
    assert 0 < count < 40 and len(masks(tmp_path)) == count
    assert f"{count} of 40 frames can be decoded, the file ends early" in caplog.text


def test_a_film_without_its_decoder_is_refused_and_not_called_damaged(tmp_path, capsys):
    film = tmp_path / "a.mp4"
    write_video(film, [scene(0)], rate=25)
    film.write_bytes(film.read_bytes().replace(b"avc1", b"evc1").replace(b"avcC", b"evcC"))
    line = refused(capsys, film, tmp_path)
    assert line.endswith(
        "expected a codec that PyAV decodes, got one for which it has no decoder; the file may be "
        "sound: convert it to H.264, or give a folder of frames"
    )


def gif_of(path, width, height):
    """Write a GIF of one small picture on a screen of another size."""
    write_video(path, [scene(0)], rate=10)
    whole = bytearray(path.read_bytes())
    whole[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    path.write_bytes(whole)
    return path


def test_8k_is_read_and_what_is_larger_than_is_taken_refused(tmp_path, capsys):
    assert VideoFile(gif_of(tmp_path / "8k.gif", 7680, 4320))[0].shape == (4320, 7680, 3)
    line = refused(capsys, gif_of(tmp_path / "16k.gif", 15360, 8640), tmp_path)
    assert f"at most {MAX_PIXELS} pixels a frame, got 15360 x 8640; make it smaller" in line


def song(path, *, cover, count):
    """Write a second of silence, with a cover that is no film, or a film of ``count`` frames."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000)
        if cover:
            picture = container.add_stream("mjpeg", rate=25)
            picture.width, picture.height, picture.pix_fmt = 96, 96, "yuvj420p"
            picture.disposition = Disposition.attached_pic
        if count:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = *SIZE[::-1], "yuv420p"
        for n in range(46):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = 48000, 1024 * n, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        if cover:
            container.mux(picture.encode(av.VideoFrame.from_ndarray(scene(9, (96, 96)))))
        for t in range(count):
            container.mux(video.encode(av.VideoFrame.from_ndarray(scene(t))))
        if count:
            container.mux(video.encode(None))
    return path


@pytest.mark.parametrize("cover", [False, True])
def test_sound_with_or_without_a_cover_is_refused(tmp_path, capsys, cover):
    line = refused(capsys, song(tmp_path / "song.mp4", cover=cover, count=0), tmp_path)
    assert f"{tmp_path / 'song.mp4'}: expected moving pictures, got audio" in line
    assert ("(a cover picture is no film)" in line) is cover


def test_of_a_film_with_a_cover_the_film_is_followed(segment, tmp_path):
    assert segment(song(tmp_path / "covered.mp4", cover=True, count=4)) == 0
    assert len(masks(tmp_path)) == 4 and read_mask(tmp_path / "out/00003.png").shape == SIZE


def test_frames_before_an_edit_list_are_not_counted(segment, tmp_path):
    film, look = tmp_path / "edited.mp4", tmp_path / "look.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE[::-1], "yuv420p"
        packets = []
        for t in range(8):
            packets += stream.encode(av.VideoFrame.from_ndarray(scene(20 * t)))
        for t, packet in enumerate([*packets, *stream.encode(None)]):
            packet.pts = packet.dts = t - 3  # the list begins where time is 0
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    assert b"elst" in film.read_bytes()
    assert segment(film, "--overlay", look) == 0
    assert len(masks(tmp_path)) == len(VideoFile(look)) == 5
    assert main(["frames", str(film), "--at", "0", "--out", str(tmp_path / "look")]) == 0
    first = read_frame(tmp_path / "look/00000.png").astype(int)
    distances = [np.abs(first - scene(20 * t)).mean() for t in range(8)]
    assert np.argmin(distances) == 3


def test_a_film_of_a_turned_phone_is_followed_upright(segment, tmp_path):
    film = tmp_path / "phone.mp4"
    write_video(film, [scene(t) for t in range(3)], rate=25)
    whole = bytearray(film.read_bytes())
    at = whole.index(b"tkhd") + 4 + 40  # the matrix of the track: a quarter turn clockwise
    turned = [0, 1, 0, -1, 0, 0, SIZE[0], 0, 0x4000]
    for place, value in enumerate(turned):
        scaled = value if place == 8 else value << 16
        whole[at + 4 * place : at + 4 * place + 4] = (scaled & 0xFFFFFFFF).to_bytes(4, "big")
    whole[at + 32 : at + 36] = (0x40000000).to_bytes(4, "big")
    film.write_bytes(whole)
    assert segment(film, size=SIZE[::-1]) == 0
    assert read_mask(tmp_path / "out/00002.png").shape == SIZE[::-1]
    assert main(["frames", str(film), "--at", "0", "--out", str(tmp_path / "look")]) == 0
    shown = read_frame(tmp_path / "look/00000.png").astype(int)
    assert np.abs(shown - np.rot90(scene(0), -1)).mean() < 6


def test_two_programs_read_one_film(tmp_path):
    film = tmp_path / "a.mp4"
    write_video(film, (scene(t) for t in range(12)), rate=25)
    command = [sys.executable, "-m", "masktrack_core.commands.cli", "frames", film, "--out"]
    both = [subprocess.Popen([*map(str, [*command, tmp_path / name])]) for name in ("one", "other")]
    assert [one.wait() for one in both] == [0, 0]
    made = [sorted((tmp_path / name).iterdir()) for name in ("one", "other")]
    assert len(made[0]) == 12
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_a_disk_that_fills_up_leaves_masks_and_no_half_film(segment, tmp_path, capsys, caplog):
    film, disk = tmp_path / "noise.mp4", tmp_path / "disk"
    noise = np.random.default_rng(2).integers(0, 256, (9, *SIZE, 3), dtype=np.uint8)
    write_video(film, noise, rate=25)
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone")
    try:
        assert segment(film, "--overlay", disk / "look.mkv") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{disk / 'look.mkv'}: No space left on device" in line
        assert len(masks(tmp_path)) == 9 and not [*disk.iterdir()]
        assert segment(film, "--export", f"cutout={disk / 'cut.mov'}") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "No space left on device" in line
        assert "cut.mov: there may be too little room" in caplog.text
        assert not [*disk.iterdir()]
    finally:
        subprocess.run(["umount", disk], check=True)
