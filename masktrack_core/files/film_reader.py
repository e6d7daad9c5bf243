"""A film file as frames by number, upright and 8 bits, each with the time at which it is shown.

PyAV, whose wheel holds FFmpeg: all codecs that it decodes, from the containers in `CONTAINERS`.
"""

import logging
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from masktrack_core.arrays import Frame
from masktrack_core.errors import InputError, lacks_memory
from masktrack_core.files.archives import frame_key
from masktrack_core.files.decoding import MAX_PIXELS
from masktrack_core.progress import bar

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

#: FFmpeg's names of the containers that are read. Playlists, ``concat`` and numbered pictures are
#: none of them: they name other files and addresses, which FFmpeg would open.
CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg",
    "mpegvideo", "m4v", "h264", "hevc", "vvc", "av1", "obu", "ivf", "flv", "asf", "ogg", "mxf",
    "gxf", "yuv4mpegpipe", "nut", "dv", "dnxhd", "vc1", "rm", "wtv", "gif", "apng",
)  # fmt: skip
#: No address, and no file but the one that is given: QuickTime's references stay closed, too.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(CONTAINERS),
    "enable_drefs": "0",
}
#: Bytes of decoded frames that are kept, so that going backwards does not decode all anew.
_KEPT_BYTES = 2**28
#: Frames that are kept at most.
_KEPT_FRAMES = 64
#: Rate of what has none of its own, frames a second.
_RATE = Fraction(25)
#: Transfer functions of HDR.
_HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)


class _Shown(NamedTuple):
    """What is known of a frame without its pixels."""

    #: Presentation time in units of the stream; None where the container has none.
    pts: int | None
    #: Whether decoding can begin here.
    key: bool


@dataclass(frozen=True, kw_only=True)
class FilmFacts:
    """What a film file is, as a person asks for it."""

    container: str
    codec: str
    pixels: str
    #: Width and height as shown.
    width: int
    height: int
    #: Degrees that the picture is turned, counterclockwise, to stand upright; flips are not in it.
    rotation: int
    #: Frames a second: the middle distance of two frames.
    rate: float
    variable: bool
    hdr: bool
    interlaced: bool
    #: Of each colour.
    bits: int
    #: Width of a pixel over its height.
    pixel_aspect: Fraction
    #: Names of the codecs of its sound.
    sound: tuple[str, ...]


class VideoFile:
    """The frames of a film, upright, by number; memory does not grow with the film.

    Frames are those that the decoder shows, in the order of their times, counted by decoding and
    not taken from the header, which may lie; packets that give no frame are counted and located in
    the log. Any order of frames costs at most one group of pictures a frame, where the container
    has times. 8-bit RGB by swscale, by the matrix and the range that the file names (else
    BT.601, as FFmpeg has it); more bits are reduced to 8; HDR (PQ, HLG) goes to BT.709, its white
    of 203 cd/m² to 255, what is brighter too. Interlaced frames stay as they are, and so do pixels
    that are not square.

    Raises `InputError` for what is no film, for a codec without a decoder, and for frames larger
    than `masktrack_core.files.decoding.MAX_PIXELS`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and count its frames."""
        self.path = Path(path)
        self._lock = Lock()
        self._reformatter = VideoReformatter()
        self._kept: dict[int, Frame] = {}
        self._open()
        self._shown, self._facts = self._counted()
        self._keys = [
            t
            for t, shown in enumerate(self._shown)
            if shown.key and self._has_times and t  # frame 0 is reached by opening anew
        ]
        self._rewind()
        nbytes = self[0].nbytes
        self._room = max(1, min(_KEPT_FRAMES, _KEPT_BYTES // nbytes))

    _room = 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names, their numbers from 0."""
        return tuple(frame_key(t) for t in range(len(self)))

    @cached_property
    def times(self) -> tuple[Fraction, ...]:
        """Return when each frame is shown, seconds from the first, exactly."""
        base = self._stream.time_base
        if not self._has_times or base is None:
            return tuple(t / self._nominal for t in range(len(self)))
        first = self._shown[0].pts or 0
        return tuple(((shown.pts or 0) - first) * base for shown in self._shown)

    @cached_property
    def start(self) -> Fraction:
        """Return the time of the first frame by the container's clock, on which its sound is."""
        return (self._shown[0].pts or 0) * (self._stream.time_base or Fraction(0))

    @property
    def rate(self) -> float:
        """Return frames a second: one by the middle distance of two frames."""
        return self._facts.rate

    @property
    def facts(self) -> FilmFacts:
        """Return what the film is."""
        return self._facts

    def __len__(self) -> int:
        """Return the number of frames that can be decoded."""
        return len(self._shown)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` where it cannot be decoded."""
        if not 0 <= t < len(self):
            raise IndexError(t)
        with self._lock, _film_errors(self.path):
            if t not in self._kept:
                self._read(t)
            return self._kept[t]

    # --- opening and counting

    def _open(self) -> None:
        self._container = opened(self.path)
        self._stream = picture_stream(self._container, self.path)
        self._frames = self._decoded()
        self._next = 0

    def _rewind(self) -> None:
        self._container.close()
        self._open()

    @property
    def _nominal(self) -> Fraction:
        return self._stream.guessed_rate or self._stream.average_rate or _RATE

    @cached_property
    def _has_times(self) -> bool:
        """Return whether each frame has a time of its own, by which it can be found again."""
        times = [shown.pts for shown in self._shown]
        return None not in times and all(
            a < b  # type: ignore[operator]
            for a, b in pairwise(times)
        )

    def _counted(self) -> tuple[list[_Shown], FilmFacts]:
        """Return every frame that the decoder shows, and what the film is."""
        found: list[_Shown] = []
        losses: list[str] = []
        damaged: list[int] = []
        facts: FilmFacts | None = None
        shown: tqdm[None] = bar(
            words="count frames", total=self._stream.frames or None, unit="frame", leave=False
        )
        with _film_errors(self.path), shown:
            for frame in self._decoded(losses):
                facts = facts or self._described(frame)
                if frame.is_corrupt:
                    damaged.append(len(found))
                found.append(_Shown(frame.pts, frame.key_frame))
                shown.update()
        if facts is None:
            raise InputError(f"{self.path}: expected a video, got no frame; copy the file again")
        declared = self._stream.frames
        # Frames outside of an edit list are in the header's number, and rightly not shown.
        missing = declared - self._packets
        if losses:
            log.warning(
                "%s: %d packets cannot be decoded, the first %s; %d frames can be decoded",
                self.path, len(losses), losses[0], len(found),
            )  # fmt: skip
        if missing > 0:
            log.warning(
                "%s: %d of %d frames can be decoded, the file ends early",
                self.path, len(found), declared,
            )  # fmt: skip
        if damaged:
            log.warning(
                "%s: %d frames are damaged, the first is frame %d, and are shown as the decoder "
                "mends them", self.path, len(damaged), damaged[0],
            )  # fmt: skip
        base = self._stream.time_base or Fraction(0)
        times = [shown.pts for shown in found if shown.pts is not None]
        steps = sorted(b - a for a, b in pairwise(times))
        rate, variable = self._nominal, False
        if steps and steps[0] > 0 and base:
            rate = 1 / (steps[len(steps) // 2] * base)
            # Containers round times to a millisecond (Matroska) or a hundredth of a second (GIF).
            variable = (steps[-1] - steps[0]) * base > max(Fraction(1, 4) / rate, 2 * base)
            if not variable and self._stream.average_rate:
                rate = self._nominal
        return found, FilmFacts(**{**facts.__dict__, "rate": float(rate), "variable": variable})

    def _described(self, frame: VideoFrame) -> FilmFacts:
        turn = _turn(frame)
        height, width = frame.height, frame.width
        if turn is not None and turn[0, 0] == 0:
            height, width = width, height
        return FilmFacts(
            container=self._container.format.name,
            codec=self._stream.codec_context.name,
            pixels=frame.format.name,
            width=width,
            height=height,
            rotation=frame.rotation,
            rate=float(self._nominal),
            variable=False,
            hdr=frame.color_trc in _HDR,
            interlaced=frame.interlaced_frame,
            bits=max(component.bits for component in frame.format.components),
            pixel_aspect=self._stream.sample_aspect_ratio or Fraction(1),
            sound=tuple(sound_codecs(self._container).values()),
        )

    # --- decoding

    _packets = 0

    def _decoded(self, losses: list[str] | None = None) -> Iterator[VideoFrame]:
        """Yield the frames from where the file stands; note in ``losses`` what gives none."""
        self._packets = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.InvalidDataError as error:  # damage in the container: its end for us
                if losses is not None:
                    losses.append(f"after packet {self._packets}: {error.strerror}")
                return
            self._packets += packet.size > 0
            try:
                frames = packet.decode()
            except av.error.InvalidDataError as error:
                if losses is not None:
                    time = packet.pts and packet.time_base and float(packet.pts * packet.time_base)
                    where = "at its end" if not packet.size else f"at {time or 0:.2f} s"
                    losses.append(f"{where}: {error.strerror}")
                continue
            yield from frames

    def _read(self, t: int) -> None:
        """Keep frame ``t``, decoded from where the file stands or from the key frame before it.

        Where the file has to go back, the frames before ``t`` are kept too: the next step back
        then finds them.
        """
        place = bisect_right(self._keys, t)
        key = self._keys[place - 1] if place else 0
        if not key <= self._next <= t:
            self._seek(key)
            first = max(self._next, t - self._room + 1)
        else:
            first = t
        for frame in self._frames:
            number, self._next = self._next, self._next + 1
            expected = self._shown[number].pts
            if self._has_times and frame.pts != expected:
                break
            if number >= first:
                self._keep(number, self._converted(frame))
            if number == t:
                return
        raise InputError(f"{self.path}: frame {t} cannot be decoded; convert the video")

    def _seek(self, key: int) -> None:
        """Go to a key frame, so that it is the next one; to the start where it is not found."""
        pts, base = self._shown[key].pts, self._stream.time_base
        if key and pts is not None and base:
            for earlier_s in (0, 1, 4):  # MPEG-TS lands near a time, not on a key frame
                self._container.seek(pts - int(earlier_s / base), stream=self._stream)
                frames = self._decoded()
                for frame in frames:
                    if frame.pts is not None and frame.pts >= pts:
                        break
                else:
                    continue
                if frame.pts == pts and frame.key_frame:
                    self._frames, self._next = _chain(frame, frames), key
                    return
        self._rewind()

    def _keep(self, t: int, frame: Frame) -> None:
        while len(self._kept) >= self._room:
            del self._kept[next(iter(self._kept))]
        self._kept[t] = frame

    def _converted(self, frame: VideoFrame) -> Frame:
        """Return a decoded frame as RGB of 8 bits, upright."""
        if frame.color_trc in _HDR:
            rgb = self._reformatter.reformat(
                frame,
                format="rgb24",
                dst_color_trc=ColorTrc.BT709,
                dst_color_primaries=ColorPrimaries.BT709,
                dst_color_range=ColorRange.JPEG,
                threads=1,
            )
        else:
            rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        values = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        return np.ascontiguousarray(_upright(values, _turn(frame)))


def opened(path: Path) -> InputContainer:
    """Return a film file, open; only it is read, whatever it names.

    Raises `InputError` for what is none of `CONTAINERS`.
    """
    with _film_errors(path):
        # ``file:``, so that no name of a file is taken for an address.
        name = f"file:{path.resolve()}"
        return av.open(name, "r", container_options=_OPTIONS, metadata_errors="replace")


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream of moving pictures that players show, with its decoder.

    Raises `InputError` where there is none but sound and cover art, or no decoder for it.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        kinds = sorted({str(stream.type) for stream in container.streams}) or ["nothing"]
        raise InputError(
            f"{path}: expected moving pictures, got {' and '.join(kinds)} alone"
            f"{' (a cover picture is no film)' if container.streams.video else ''}"
        )
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in moving else moving[0]
    context: VideoCodecContext | None = stream.codec_context
    if context is None:
        raise InputError(
            f"{path}: expected a codec that PyAV decodes, got one for which it has no decoder; the "
            "file may be sound: convert it to H.264, or give a folder of frames"
        )
    if context.width * context.height > MAX_PIXELS:
        raise InputError(
            f"{path}: expected a video of at most {MAX_PIXELS} pixels a frame, got "
            f"{context.width} x {context.height}; make it smaller"
        )
    context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.thread_type = "AUTO"
    return stream


def sound_codecs(container: InputContainer) -> dict[AudioStream, str]:
    """Return the streams of sound and the names of their codecs, empty where it is not known."""
    contexts: dict[AudioStream, CodecContext | None] = {
        stream: stream.codec_context for stream in container.streams.audio
    }
    return {stream: context.name if context else "" for stream, context in contexts.items()}


def _turn(frame: VideoFrame) -> NDArray[np.int64] | None:
    """Return which way the picture lies, rows of -1, 0 and 1; None where it stands upright.

    From the display matrix of the container, whose quarter turns and flips are obeyed, as players
    and FFmpeg do; x, y of the file times the matrix are x, y as shown.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    matrix = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]].reshape(2, 2) / 65536
    signs: NDArray[np.int64] = np.rint(matrix / max(np.abs(matrix).max(), 1e-9)).astype(np.int64)
    if np.array_equal(signs, np.eye(2)) or (np.abs(signs).sum(axis=0) != 1).any():
        return None
    return signs


def _upright(values: NDArray[np.uint8], turn: NDArray[np.int64] | None) -> NDArray[np.uint8]:
    if turn is None:
        return values
    if turn[0, 0] == 0:  # x of the file runs down
        values = values.swapaxes(0, 1)
    across, down = turn.sum(axis=0)
    return values[::down, ::across]


def _chain(first: VideoFrame, rest: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from rest


@contextmanager
def _film_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except av.error.ArgumentError as error:
        raise InputError(
            f"{path}: expected a video of a kind that holds its frames itself (mp4, mov, mkv, "
            "webm, avi, ts, mxf, …), got another (playlists and lists of files are not followed); "
            "convert it to MP4, or give a folder of frames"
        ) from error
    except (av.error.FFmpegError, MemoryError) as error:
        if lacks_memory(error):
            raise InputError(
                f"{path}: expected memory for its frames, got none; the file may be sound: free "
                "memory, or give a smaller video"
            ) from error
        if isinstance(error, av.error.PatchWelcomeError | av.error.DecoderNotFoundError):
            raise InputError(
                f"{path}: expected a codec that PyAV decodes, got one of which it cannot decode "
                "all; the file may be sound: convert it to H.264, or give a folder of frames"
            ) from error
        raise InputError(
            f"{path}: expected a video, got {getattr(error, 'strerror', None) or error}; check the "
            "path, copy the file again, or give a folder of frames"
        ) from error
