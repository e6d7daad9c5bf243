"""Frames as a film file: whole or not at all, each frame shown at its own time.

The encoders are those of PyAV's wheel. Its libx264 and libx265 are under the GPL, libvpx under
BSD's licence; the project calls them and hands none of them on.
"""

import errno
import logging
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from masktrack_core.arrays import Frame
from masktrack_core.errors import InputError
from masktrack_core.files.film_reader import VideoFile, opened, picture_stream, sound_codecs
from masktrack_core.files.io import atomic_path

log = logging.getLogger(__name__)

#: Of all encoders: what they write depends on it, so it is not that of the machine.
_THREADS = 4
#: The finest unit of time: that of MPEG's clock.
_FINEST = 90_000


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How a container is written."""

    codec: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)
    #: Of the container.
    container: Mapping[str, str] = field(default_factory=dict)
    #: Pixels where frames have alpha; None where the form has none.
    alpha: str | None = None
    #: Whether height and width have to be even.
    even: bool = True
    #: Codecs of sound that players of this container take.
    sound: frozenset[str] = frozenset()


#: Without x264's tree of macroblocks, which reads memory that it has not written where a row has 6
#: of them: the same small film came out in several ways.
_H264 = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}
_FORMS = {
    ".mp4": _Form(
        codec="libx264",
        pixels="yuv420p",
        options=_H264,
        container={"movflags": "+faststart"},
        sound=frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus"}),
    ),
    ".mkv": _Form(
        codec="libx264",
        pixels="yuv420p",
        options=_H264,
        sound=frozenset(
            {"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "vorbis", "flac"}
            | {"pcm_s16le", "pcm_s24le"}
        ),
    ),
    ".webm": _Form(
        codec="libvpx-vp9",
        pixels="yuv420p",
        alpha="yuva420p",
        options={"deadline": "realtime", "cpu-used": "6", "crf": "30", "b": "0", "row-mt": "1"}
        | {"lag-in-frames": "0"},  # realtime looks at none of them, and would keep 25
        sound=frozenset({"opus", "libopus", "vorbis"}),
    ),
    ".mov": _Form(
        codec="prores_ks",
        pixels="yuva444p10le",
        alpha="yuva444p10le",
        options={"profile": "4444", "vendor": "apl0"},
        container={"movflags": "+faststart"},
        even=False,
        sound=frozenset({"aac", "alac", "mp3", "mp3float", "ac3", "pcm_s16le", "pcm_s24le"}),
    ),
    ".avi": _Form(codec="mjpeg", pixels="yuvj420p", options={"qmin": "2", "qmax": "4"}),
    ".gif": _Form(codec="gif", pixels="pal8", even=False),
}


class Sound(NamedTuple):
    """The sound of a film from a frame on."""

    film: Path
    #: Time of that frame, seconds from the film's first.
    since: Fraction = Fraction(0)


def check_suffix(path: Path) -> None:
    """Raise `InputError` for a name that is no video's."""
    if path.suffix.lower() not in _FORMS:
        raise InputError(
            f"{path}: expected a video's suffix, one of {', '.join(_FORMS)}, got "
            f"'{path.suffix}'; rename it"
        )


def write_video(
    path: Path,
    frames: Iterable[Frame | NDArray[np.uint8]],
    *,
    rate: float | Fraction,
    times: Sequence[Fraction] | None = None,
    sound: Sound | None = None,
) -> None:
    """Write frames, RGB or RGBA, as a film, whole or not at all.

    The suffix chooses the form: .mp4 and .mkv are H.264, .webm VP9, .mov ProRes 4444, .avi Motion
    JPEG, .gif a palette a frame. Alpha stays in .mov and .webm, and goes elsewhere. An odd height
    or width is made even where the codec needs that.
    ``rate``: frames a second; ``times``: seconds at which the frames are shown, from the first, in
    its stead. ``sound``: that of a film, which goes with it unchanged, where the form takes it, and
    else not, which is logged. Raises `InputError` for another suffix and for no frames, OSError
    where the disk does not take it.
    """
    path = Path(path)
    check_suffix(path)
    form = _FORMS[path.suffix.lower()]
    steady = Fraction(rate).limit_denominator(1001)
    with atomic_path(path) as temporary:
        with _disk_errors(path):
            count = _encode(temporary, path, frames, form, steady, times, sound)
        _check_written(path, temporary, count)


def _encode(
    temporary: Path,
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    form: _Form,
    rate: Fraction,
    times: Sequence[Fraction] | None,
    sound: Sound | None,
) -> int:
    """Write the frames and return their number."""
    base = _time_base(rate, times)
    count, film = 0, None
    name = f"file:{temporary.resolve()}"
    # bitexact: no random number in Matroska's header.
    with av.open(
        name, "w", container_options={"fflags": "+bitexact", **form.container}
    ) as container:
        for frame in frames:
            even = _evened(frame, form)
            if film is None:
                film = _Film(container, even, form, rate, base)
                heard = None if sound is None else _Heard(container, path, sound, form)
            at, until = _when(count, rate, times)
            if heard is not None:
                heard.copy(until)
            film.write(even, round(at / base), max(round((until - at) / base), 1))
            count += 1
        if film is None:
            raise InputError(f"{path}: expected at least one frame to write, got none")
        film.finish()
    return count


def _when(t: int, rate: Fraction, times: Sequence[Fraction] | None) -> tuple[Fraction, Fraction]:
    """Return from when until when a frame is shown; the last one as long as the one before."""
    if times is None:
        return t / rate, (t + 1) / rate
    if t + 1 < len(times):
        return times[t], times[t + 1]
    return times[t], times[t] + (times[t] - times[t - 1] if t else 1 / rate)


def _time_base(rate: Fraction, times: Sequence[Fraction] | None) -> Fraction:
    """Return the unit in which all times are whole, or the finest one where there is none."""
    parts = [time.denominator for time in times or ()]
    if len(parts) < 2:  # a frame alone is shown for one of the rate
        parts.append(rate.numerator)
    whole = math.lcm(*parts)
    return Fraction(1, whole if whole <= _FINEST else _FINEST)


def _evened(frame: NDArray[np.uint8], form: _Form) -> NDArray[np.uint8]:
    pad = [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)] if form.even else None
    return np.ascontiguousarray(frame if pad is None else np.pad(frame, pad, mode="edge"))


class _Film:
    """The pictures of a film that is being written."""

    def __init__(
        self,
        container: OutputContainer,
        first: NDArray[np.uint8],
        form: _Form,
        rate: Fraction,
        base: Fraction,
    ) -> None:
        """Add the stream to the container."""
        self._container, self._base = container, base
        self._alpha = first.shape[2] == 4
        self._pixels = (form.alpha if self._alpha else None) or form.pixels
        stream: Any = container.add_stream(form.codec, rate=rate, options=dict(form.options))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = self._pixels
        context = stream.codec_context
        context.time_base = base
        context.thread_count = _THREADS
        self._full = self._pixels.startswith("yuvj")
        self._matrix = Colorspace.ITU601 if self._full else Colorspace.ITU709
        if form.codec != "gif":
            context.colorspace = 5 if self._full else 1  # BT.470BG, BT.709
            context.color_range = ColorRange.JPEG if self._full else ColorRange.MPEG
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        self._stream: VideoStream = stream
        self._reformatter = VideoReformatter()
        self._palette = _palette_graph(first, base) if form.codec == "gif" else None

    def write(self, frame: NDArray[np.uint8], at: int, lasts: int) -> None:
        """Encode a frame, shown from ``at`` on, in units of the time base."""
        given = VideoFrame.from_ndarray(frame, format="rgba" if self._alpha else "rgb24")
        given.pts, given.time_base, given.duration = at, self._base, lasts
        if self._palette is not None:
            self._palette.push(given)
            ready: Any = self._palette.pull()
        else:
            ready = self._reformatter.reformat(
                given,
                format=self._pixels,
                src_color_range=ColorRange.JPEG,
                dst_colorspace=self._matrix,
                dst_color_range=ColorRange.JPEG if self._full else ColorRange.MPEG,
                threads=1,
            )
        ready.pts, ready.time_base, ready.duration = at, self._base, lasts
        self._container.mux(self._stream.encode(ready))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


def _palette_graph(first: NDArray[np.uint8], base: Fraction) -> Graph:
    """Return the filter that gives each frame its own palette of 256 colours."""
    graph = Graph()
    form = "rgba" if first.shape[2] == 4 else "rgb24"
    height, width = first.shape[:2]
    source = graph.add_buffer(width=width, height=height, format=VideoFormat(form), time_base=base)
    split = graph.add("split")
    colours = graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1:dither=sierra2_4a"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(colours, 1, 0)
    colours.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


class _Heard:
    """The sound of another film on its way into this one, packet by packet."""

    def __init__(self, container: OutputContainer, path: Path, sound: Sound, form: _Form) -> None:
        """Add a stream for each sound that the form takes; log those that it does not."""
        self._container = container
        source = opened(sound.film)
        codecs = sound_codecs(source)
        taken = [stream for stream, codec in codecs.items() if codec in form.sound]
        for stream, codec in codecs.items():
            if stream not in taken:
                words = "%s: no sound: %s takes no %s"
                log.warning(words, path, path.suffix, codec or "such kind")
        self._streams: dict[AudioStream, AudioStream] = {
            stream: container.add_stream_from_template(stream) for stream in taken
        }
        start = _start(sound.film) + sound.since
        self._packets = self._shifted(source, start) if taken else iter(())
        self._waiting: tuple[Fraction, Packet[Any]] | None = None

    def _shifted(self, source: Any, start: Fraction) -> "Iterator[tuple[Fraction, Packet[Any]]]":
        """Yield time and packet of the sound from the first frame on."""
        with closing(source):
            for packet in source.demux(*self._streams):
                if packet.pts is None or packet.dts is None or not packet.size:
                    continue
                base = packet.time_base
                shift = round(start / base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                if packet.pts >= 0:
                    at = packet.pts * base
                    packet.stream = self._streams[packet.stream]
                    yield at, packet

    def copy(self, until: Fraction) -> None:
        """Write the sound before a time, seconds from the first frame."""
        while (self._waiting or (waiting := next(self._packets, None))) is not None:
            self._waiting = self._waiting or waiting
            assert self._waiting is not None
            if self._waiting[0] >= until:
                return
            self._container.mux(self._waiting[1])
            self._waiting = None


def _start(film: Path) -> Fraction:
    """Return the time of the first frame by the clock of its container."""
    with opened(film) as container:
        stream = picture_stream(container, film)
        frame = next(container.decode(stream), None)
        if frame is None or frame.pts is None or stream.time_base is None:
            return Fraction(0)
        return frame.pts * stream.time_base


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Raise what FFmpeg says of the disk as OSError with the name that the file would get."""
    try:
        yield
    except av.error.FFmpegError as error:
        number = error.errno if isinstance(error, OSError) else errno.EIO
        words = error.strerror or str(error)
        raise OSError(number, words, str(path)) from error


def _check_written(path: Path, temporary: Path, count: int) -> None:
    """Raise OSError where a film on disk is not what was written: its last bytes may be missing."""
    try:
        film = VideoFile(temporary)
        came = len(film)
    except InputError:
        came = 0
    if came != count:
        free = shutil.disk_usage(temporary.parent).free
        code = errno.ENOSPC if free < 2**20 else errno.EIO
        raise OSError(
            code,
            f"{os.strerror(code)}: of {count} frames that were written {came} come back, {free} "
            "bytes are free",
            str(path),
        )
