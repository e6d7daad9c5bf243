"""Reading and writing films: PyAV against OpenCV, in one run, on one film (CPU seconds).

python benchmarks/bench_films.py FILM    e.g. ../shared/real/clips/dog.mp4
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.pictures.overlays import overlay


def cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def read_opencv(film: Path) -> None:
    """Count the frames and decode them, as this project did it before PyAV."""
    for decode in (False, True):
        capture = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
        while capture.grab():
            if decode:
                np.ascontiguousarray(capture.retrieve()[1][..., ::-1])


def read_pyav(film: Path) -> None:
    frames = VideoFile(film)
    for t in range(len(frames)):
        frames[t]


def write_opencv(film: Path, out: Path, frames: list[np.ndarray]) -> None:
    """VP9 in MP4, decoded again to see that it is there, as before."""
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"vp09")
    writer = cv2.VideoWriter(str(out), cv2.CAP_FFMPEG, code, 30, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    capture = cv2.VideoCapture(str(out), cv2.CAP_FFMPEG)
    while capture.grab():
        pass


def main() -> None:
    film = Path(sys.argv[1])
    source = VideoFile(film)
    frames = [source[t] for t in range(len(source))]
    mask = np.zeros(frames[0].shape[:2], np.bool_)
    mask[100:300, 200:500] = True
    print(f"{film.name}: {len(frames)} frames of {mask.shape[1]} x {mask.shape[0]}")
    before, after = cpu_s(lambda: read_opencv(film)), cpu_s(lambda: read_pyav(film))
    print(f"count and decode: OpenCV {before:.1f} s, PyAV {after:.1f} s, {before / after:.1f} x")
    drawn = cpu_s(lambda: [overlay(frame, [mask]) for frame in frames])
    print(f"draw a mask over each: {drawn:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "opencv.mp4"
        before = cpu_s(lambda: write_opencv(film, old, frames))
        print(f"write .mp4, OpenCV (VP9): {before:.1f} s, {old.stat().st_size / 1e6:.1f} MB")
        for suffix in (".mp4", ".webm", ".mov"):
            out = Path(folder) / f"pyav{suffix}"
            after = cpu_s(lambda out=out: write_video(out, frames, rate=source.rate))
            size = out.stat().st_size / 1e6
            print(f"write {suffix}, PyAV: {after:.1f} s, {size:.1f} MB, {before / after:.1f} x")


main()
