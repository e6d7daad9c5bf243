"""Memory of `masktrack segment` over a long film: peak of the process, and its growth a frame.

python benchmarks/bench_hour.py --frames 500 5000           a double of the decoder and the network
python benchmarks/bench_hour.py --film FILM --frames 20 80  the real ones, its first frames

The double has frames of 48 x 64 and a network that repeats the mask before: what grows with the
number of frames (names, times, lists of archives, COCO's images) is that of the real path.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from masktrack_core.commands.cli import main as masktrack
from masktrack_core.datasets import video_files
from masktrack_core.files.archives import frame_key
from masktrack_core.files.film_reader import FilmFacts, VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.tracking import propagation

SIZE = (48, 64)
RATE = Fraction(30)


class LongFilm(VideoFile):
    """A film of so many frames that no decoder has to make."""

    count = 0

    def __init__(self, path):
        """Count no frames."""
        self.path = path
        self.names = tuple(map(frame_key, range(self.count)))
        self.times = tuple(t / RATE for t in range(self.count))
        self._facts = FilmFacts(
            container="double", codec="none", pixels="rgb24", width=SIZE[1], height=SIZE[0],
            rotation=0, rate=float(RATE), variable=False, hdr=False, interlaced=False, bits=8,
            pixel_aspect=Fraction(1), sound=(),
        )  # fmt: skip

    def __len__(self):
        """Return the number of frames."""
        return self.count

    def __getitem__(self, t):
        """Return frame ``t``, a bar that moves."""
        frame = np.zeros((*SIZE, 3), np.uint8)
        frame[:, t % SIZE[1]] = 200
        return frame


def as_before(network, frame, previous, params):
    """Return the mask before, softened: what a network would say of an object at rest."""
    return np.where(previous, np.float32(0.9), np.float32(0.1))


def segment(film: Path, end: int | None, folder: Path) -> None:
    """Follow a box through a film without fine-tuning, with an overlay and two exports."""
    arguments = ["segment", film, "--box", "8,8,16,16", "--no-finetune", "--threads", "1"]
    arguments += ["--out", folder / "masks", "--overlay", folder / "look.mp4"]
    arguments += ["--export", f"coco={folder / 'out.json'}", "--export", f"probs={folder / 'p'}"]
    arguments += [] if end is None else ["--end", str(end)]
    if masktrack([*map(str, arguments), "--quiet"]) != 0:
        raise SystemExit(2)


def child(frames: int, film: Path | None) -> None:
    """Print the peak of this process, MiB."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if film is None:
            film = folder / "clip.mp4"
            write_video(film, [np.zeros((*SIZE, 3), np.uint8)], rate=RATE)
            LongFilm.count = frames
            video_files.VideoFile = LongFilm
            propagation.predict = as_before
            segment(film, None, folder)
        else:
            segment(film, frames - 1, folder)
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--film", type=Path, help="a film, for the real decoder and network")
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        child(options.frames[0], options.film)
        return
    peaks = []
    for count in options.frames:
        command = [sys.executable, __file__, "--child", "--frames", str(count)]
        command += [] if options.film is None else ["--film", str(options.film)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{count} frames: peak {peaks[-1]:.0f} MiB")
    if len(peaks) > 1:
        a_frame = (peaks[-1] - peaks[0]) / (options.frames[-1] - options.frames[0])
        hour = 108_000 * a_frame
        print(f"{1024 * a_frame:.1f} kB a frame; {hour:.0f} MiB in an hour of 30 a second")


if __name__ == "__main__":
    main()
