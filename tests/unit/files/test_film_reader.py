import json
import logging
import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.files import film_reader
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video

FILMS = (
    "00001.MTS", "av1.mp4", "bear.mp4", "bear3.mp4", "bear8.mp4", "es.m2v", "plain.ts",
    "trimmed.mp4", "vfr.mp4",
)  # fmt: skip


def debian(*arguments):
    """Return what Debian's ffmpeg or ffprobe writes; skip without it."""
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"needs {arguments[0]}")
    done = subprocess.run([*map(str, arguments)], capture_output=True, check=True)
    return done.stdout


def debian_frames(path, shape):
    arguments = ["-v", "error", "-i", path, "-vsync", "passthrough"]
    raw = debian("ffmpeg", *arguments, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, *shape)


def debian_times(path):
    arguments = ["-v", "error", "-select_streams", "v:0", "-of", "json"]
    entries = ["-show_entries", "frame=best_effort_timestamp_time"]
    told = json.loads(debian("ffprobe", *arguments, *entries, path))
    return [float(frame["best_effort_timestamp_time"]) for frame in told["frames"]]


def scene(t, shape=(64, 96)):
    """Return a frame of smooth noise that moves, so that every frame differs."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [128 + 100 * np.sin((x * (c + 1) + y * (3 - c) + 7 * t) / 17) for c in range(3)]
    frame = np.stack(waves, axis=-1).astype(np.uint8)
    frame[10:20, t % 80 : t % 80 + 10] = (250, 250, 20)
    return frame


def grey(t):
    return np.repeat(scene(t)[..., :1], 3, axis=2)


def encoded(
    path, count=60, codec="libx264", pixels="yuv420p", *, rotate=None, draw=scene, **options
):
    """Write a film with an encoder's own options."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        if rotate is not None:
            stream.set_display_rotation(rotate[0], hflip=rotate[1])
        for t in range(count):
            frame = av.VideoFrame.from_ndarray(draw(t))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


# --- the same as FFmpeg's


@pytest.mark.parametrize("name", FILMS)
def test_frames_and_times_are_those_of_debians_ffmpeg(inputs, name):
    path = inputs / "video" / name
    film = VideoFile(path)
    expected = debian_frames(path, film[0].shape)
    assert len(film) == len(expected)
    for t in range(len(film)):
        assert np.array_equal(film[t], expected[t]), t
    if name == "es.m2v":  # has no times: a rate alone
        assert film.times == tuple(Fraction(t, 25) for t in range(15))
        return
    times = debian_times(path)
    assert np.abs(np.array(film.times, float) - (np.array(times) - times[0])).max() < 0.001


def test_an_edit_list_is_obeyed_and_the_rate_of_a_variable_film_said(inputs):
    trimmed, vfr = (VideoFile(inputs / "video" / f"{name}.mp4") for name in ("trimmed", "vfr"))
    assert (len(trimmed), trimmed.facts.variable, vfr.facts.variable) == (10, False, True)
    assert [float(time) for time in vfr.times[9:12]] == [0.84, 1.0, 1.04]


@pytest.mark.parametrize("rotate", [(90, False), (180, False), (-90, False), (0, True), (90, True)])
def test_a_film_that_lies_is_turned_as_players_turn_it(tmp_path, rotate):
    film = VideoFile(encoded(tmp_path / "a.mp4", 3, rotate=rotate))
    shape = (96, 64, 3) if rotate[0] in (90, -90) else (64, 96, 3)
    assert film[1].shape == shape
    assert (film.facts.width, film.facts.height) == (shape[1], shape[0])
    assert np.array_equal(film[1], debian_frames(film.path, shape)[1])
    upright = VideoFile(encoded(tmp_path / "b.mp4", 3))[1]
    assert not np.array_equal(film[1], upright)


# --- any order

ORDER = [59, 58, 57, 30, 31, 5, 29, 0, 59, 12, 11, 10, 44, 3]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("closed.mp4", {"g": "12", "bf": "3"}),
        ("open.mp4", {"x264-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0"}),
        ("refresh.mp4", {"x264-params": "keyint=12:intra-refresh=1:bframes=0"}),
        ("open.ts", {"x264-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0"}),
        ("closed.ts", {"g": "12", "bf": "3"}),
        ("closed.mkv", {"g": "12"}),
        ("one.mkv", {"g": "250"}),
        ("stream.h264", {"g": "12", "bf": "3"}),
        ("mpeg.avi", {"codec": "mpeg4", "g": "12"}),
        ("alt.webm", {"codec": "libvpx-vp9", "g": "12", "auto-alt-ref": "1", "lag-in-frames": "9"}),
        ("hevc.mp4", {"codec": "libx265", "x265-params": "keyint=12:open-gop=1:log-level=none"}),
        ("two.m2v", {"codec": "mpeg2video", "g": "12", "bf": "2"}),
    ],
)  # fmt: skip
def test_frames_are_the_same_in_any_order(tmp_path, monkeypatch, name, options):
    path = encoded(tmp_path / name, **options)
    forwards = VideoFile(path)
    expected = [forwards[t] for t in range(60)]
    assert len(forwards) == 60
    monkeypatch.setattr(film_reader, "_KEPT_FRAMES", 3)
    film = VideoFile(path)
    for t in ORDER:
        assert np.array_equal(film[t], expected[t]), t


def test_going_backwards_decodes_each_group_of_pictures_once(tmp_path, monkeypatch):
    monkeypatch.setattr(film_reader, "_KEPT_FRAMES", 12)
    film = VideoFile(encoded(tmp_path / "a.mp4", g="12"))
    decoded = []
    original = VideoFile._decoded

    def counting(self, losses=None):
        for frame in original(self, losses):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(VideoFile, "_decoded", counting)
    for t in range(59, -1, -1):
        film[t]
    assert 60 <= len(decoded) <= 70
    decoded.clear()
    film[59], film[0], film[40]
    assert len(decoded) <= 3 * 14


# --- more than 8 bits


def test_films_of_10_bits_show_what_those_of_8_bits_do(tmp_path):
    eight = VideoFile(encoded(tmp_path / "a.mp4", 3, draw=grey, crf="1"))
    ten = VideoFile(encoded(tmp_path / "b.mp4", 3, pixels="yuv420p10le", draw=grey, crf="1"))
    assert ten.facts.pixels == "yuv420p10le" and not ten.facts.hdr
    assert np.abs(eight[2].astype(int) - ten[2]).mean() < 2


def pq_code(nits):
    """Return the 10-bit luma of a grey in SMPTE ST 2084, narrow range."""
    y = (nits / 10000) ** 0.1593017578125
    return round(64 + 876 * ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def test_hdr_has_its_white_at_255(tmp_path):
    """203 cd/m² is the white of HDR (BT.2408); BT.1886's gamma of 2.4 below it.

    One film, as its conversion takes two seconds to set up.
    """
    shown = {0: 0, 50: (50 / 203) ** (1 / 2.4), 203: 1, 1000: 1}
    tags = [("color_trc", ColorTrc.SMPTE2084), ("color_primaries", ColorPrimaries.BT2020)]
    tags += [("colorspace", 9), ("color_range", ColorRange.MPEG)]
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)  # x265 in MP4 fails now and then
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        for key, value in tags:
            setattr(stream.codec_context, key, value)
        for t, nits in enumerate(shown):
            frame = av.VideoFrame(96, 64, "yuv420p10le")
            frame.pts = t
            for plane, value in zip(frame.planes, (pq_code(nits), 512, 512), strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, np.uint16))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    film = VideoFile(path)
    assert film.facts.hdr and len(film) == len(shown)
    for t, expected in enumerate(shown.values()):
        assert np.abs(film[t].astype(int) - 255 * expected).max() <= 2


# --- films that name other files


def test_a_film_that_names_another_file_shows_nothing_of_it(tmp_path):
    """QuickTime's reference movies, which FFmpeg follows where ``enable_drefs`` allows it."""
    secret = encoded(tmp_path / "secret.mp4", 3)
    whole = secret.read_bytes()
    plain = bytes.fromhex("0000000c75726c2000000001")  # "url ", in this file
    at = whole.index(plain)
    alias = bytearray(150)
    struct.pack_into(">H", alias, 6, 2)
    path = str(secret).encode()
    alias += struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + bytes(alias)
    named = bytearray(whole[:at] + entry + whole[at + len(plain) :])
    grown = len(entry) - len(plain)
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = named.rindex(box, 0, at) - 4
        size = struct.unpack_from(">I", named, start)[0]
        struct.pack_into(">I", named, start, size + grown)
    start = named.index(b"mdat") - 4
    size = struct.unpack_from(">I", named, start)[0]
    named[start + 8 : start + size] = bytes(size - 8)  # nothing of its own
    reference = tmp_path / "reference.mov"
    reference.write_bytes(named)
    with av.open(str(reference), options={"enable_drefs": "1", "use_absolute_path": "1"}) as film:
        assert len(list(film.decode(video=0))) == 3
    with pytest.raises(InputError, match=r"reference\.mov: expected a video"):
        VideoFile(reference)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{secret}'\n",
        "<?xml version='1.0'?><MPD type='static'><BaseURL>{secret}</BaseURL></MPD>",
    ],
)
def test_a_list_of_films_is_not_followed(tmp_path, text):
    secret = encoded(tmp_path / "secret.ts", 3)
    for name in ("clip.mp4", "clip.m3u8", "clip.mpd"):
        (tmp_path / name).write_text(text.format(secret=secret.name))
        with pytest.raises(InputError, match="expected a video"):
            VideoFile(tmp_path / name)


def test_a_name_that_looks_like_an_address_is_a_files_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoded(tmp_path / "a.mp4", 2).rename(tmp_path / "concat:a.mp4")
    assert len(VideoFile(Path("concat:a.mp4"))) == 2
    with pytest.raises(InputError, match="got nothing there"):
        Clip("concat:b.mp4|c.mp4")


# --- damage, and what is none


def test_a_film_whose_decoder_is_missing_is_not_called_damaged(tmp_path):
    path = encoded(tmp_path / "a.mp4", 3)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"avc1", b"evc1").replace(b"avcC", b"evcC"))
    with pytest.raises(InputError, match=r"a\.mp4: .*no decoder; the file may be sound"):
        VideoFile(path)
    start, end = whole.index(b"mdat") + 4, whole.index(b"moov") - 4
    path.write_bytes(whole[:start] + bytes(end - start) + whole[end:])
    with pytest.raises(InputError, match="got no frame; copy the file again"):
        VideoFile(path)


def test_frames_that_cannot_be_decoded_are_counted_and_located(tmp_path, caplog):
    path = encoded(tmp_path / "a.mkv", 50, codec="mjpeg", pixels="yuvj420p")
    with av.open(str(path)) as film:
        packets = [(p.pos, p.size) for p in film.demux(video=0) if p.size]
    whole = bytearray(path.read_bytes())
    for t in (20, 21):
        start = whole.index(b"\xff\xd8", packets[t][0])
        whole[start : start + packets[t][1] - 40] = bytes(packets[t][1] - 40)
    path.write_bytes(whole)
    film = VideoFile(path)
    assert len(film) == 48
    assert "2 packets cannot be decoded, the first at 0.80 s" in caplog.text
    assert float(film.times[20]) == pytest.approx(0.88, abs=0.001)


def test_a_cut_film_says_what_is_left(tmp_path, caplog):
    path = tmp_path / "a.mp4"
    write_video(path, (scene(t) for t in range(40)), rate=25)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with caplog.at_level(logging.WARNING):
        film = VideoFile(path)
    assert 0 < len(film) < 40
    assert f"{len(film)} of 40 frames can be decoded, the file ends early" in caplog.text


@pytest.mark.parametrize("cover", [False, True])
def test_sound_and_its_cover_are_no_film(tmp_path, cover):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        if cover:
            picture = container.add_stream("mjpeg", rate=25)
            picture.width, picture.height, picture.pix_fmt = 96, 64, "yuvj420p"
            picture.disposition = Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(scene(0))))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(InputError, match="expected moving pictures, got audio"):
        VideoFile(path)


def test_films_of_one_frame_and_of_odd_sizes_are_read(tmp_path):
    write_video(tmp_path / "a.gif", [scene(0, (31, 47))], rate=10)
    film = VideoFile(tmp_path / "a.gif")
    assert (len(film), film[0].shape, film.times) == (1, (31, 47, 3), (0,))


def test_two_read_one_film(tmp_path):
    path = encoded(tmp_path / "a.mp4", g="12")
    one, other = VideoFile(path), VideoFile(path)
    for t in (50, 3, 20):
        assert np.array_equal(one[t], other[t])
