from fractions import Fraction

import av
import numpy as np
import pytest

from masktrack_core.commands.cli import main
from masktrack_core.files.film_reader import VideoFile, opened
from masktrack_core.files.film_writer import Sound, write_video
from masktrack_core.files.io import write_mask


def block(t, shape=(64, 96), channels=3):
    frame = np.full((*shape, channels), 40, np.uint8)
    frame[16:48, 4 * t : 4 * t + 32, :3] = (220, 60, 20)
    return frame


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"])
def test_colours_and_times_come_back(tmp_path, suffix):
    times = [Fraction(t, 10) for t in (0, 1, 2, 5, 9)]
    path = tmp_path / f"a{suffix}"
    steady = suffix == ".avi"  # has no times
    write_video(path, map(block, range(5)), rate=10, times=None if steady else times)
    film = VideoFile(path)
    assert len(film) == 5
    expected = [0, 0.1, 0.2, 0.3, 0.4] if steady else times
    assert np.abs(np.array(film.times, float) - np.array(expected, float)).max() < 0.001
    for t in range(5):
        assert np.abs(film[t].astype(int) - block(t))[20:44, 4 * t + 4 : 4 * t + 28].max() < 16
        assert np.abs(film[t].astype(int) - block(t)).mean() < 3


def test_films_play_where_people_look(tmp_path):
    write_video(tmp_path / "a.mp4", map(block, range(5)), rate=Fraction(30000, 1001))
    whole = (tmp_path / "a.mp4").read_bytes()
    assert whole.index(b"moov") < whole.index(b"mdat")  # starts before it is all there
    film = VideoFile(tmp_path / "a.mp4")
    facts = film.facts
    assert (facts.codec, facts.pixels, film.times[4]) == ("h264", "yuv420p", Fraction(4004, 30000))
    write_video(tmp_path / "a.webm", map(block, range(2)), rate=25)
    assert VideoFile(tmp_path / "a.webm").facts.codec in ("vp9", "libvpx-vp9")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"])
def test_the_same_frames_give_the_same_bytes(tmp_path, suffix):
    for name in "abcdefgh":
        write_video(tmp_path / f"{name}{suffix}", map(block, range(5)), rate=25)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_alpha_stays(tmp_path, suffix):
    frame = block(0, channels=4)
    frame[..., 3] = np.linspace(0, 255, 96).astype(np.uint8)
    write_video(tmp_path / f"a{suffix}", [frame] * 3, rate=25)
    with av.open(str(tmp_path / f"a{suffix}")) as film:
        codec = av.CodecContext.create("libvpx-vp9" if suffix == ".webm" else "prores", "r")
        codec.extradata = film.streams.video[0].codec_context.extradata
        codec.codec_tag = film.streams.video[0].codec_context.codec_tag
        packet = next(film.demux(video=0))
        frames = [*codec.decode(packet), *codec.decode(None)]
    alpha = frames[0].to_ndarray(format="rgba")[..., 3]
    assert np.abs(alpha.astype(int) - frame[..., 3]).max() < 20


def with_sound(path, *, early=0):
    """Write a film of 2 s with a tone that begins ``early`` seconds before the first frame."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for n in range(94):
            wave = np.sin(np.arange(1024 * n, 1024 * (n + 1)) / 20).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = 48000, 1024 * n, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        for t in range(50):
            frame = av.VideoFrame.from_ndarray(block(t % 10))
            frame.pts, frame.time_base = t + 25 * early, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux([*video.encode(None), *sound.encode(None)])
    return path


@pytest.mark.parametrize("early", [0, 1])
def test_an_overlay_keeps_the_sound_at_its_place(tmp_path, early):
    clip = with_sound(tmp_path / "clip.mkv", early=early)
    write_mask(tmp_path / "masks" / "00000.png", np.ones((64, 96), np.bool_))
    out = tmp_path / "look.mp4"
    assert main(["overlay", str(clip), str(tmp_path / "masks"), str(out)]) == 0

    def packets(path, start):
        with opened(path) as film:
            found = [p for p in film.demux(audio=0) if p.size]
            return {bytes(p): float(p.pts * p.time_base) - start for p in found}

    given, kept = packets(clip, early), packets(out, 0)
    assert set(kept) <= set(given)
    assert len(kept) == len([time for time in given.values() if 0 <= time < 2])
    assert max(abs(kept[p] - given[p]) for p in kept) < 0.003
    assert len(VideoFile(out)) == 50


def test_sound_that_a_form_does_not_take_is_said(tmp_path, caplog):
    clip = with_sound(tmp_path / "clip.mkv")
    write_video(tmp_path / "a.webm", map(block, range(5)), rate=25, sound=Sound(clip))
    assert "a.webm: no sound: .webm takes no aac" in caplog.text
    assert VideoFile(tmp_path / "a.webm").facts.sound == ()
