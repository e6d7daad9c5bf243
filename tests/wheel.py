"""The wheel alone, in an environment of its own: every command of a person's video, on a film.

python tests/wheel.py [--folder FOLDER]     or make wheel; minutes, as the registry gives the rest
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Written with the installed package: a film of a block that moves over noise, and its truth.
FILM = """
import numpy as np, masktrack_core
from pathlib import Path
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import write_mask
assert "site-packages" in masktrack_core.__file__, masktrack_core.__file__
ground = np.random.default_rng(1).integers(60, 120, (120, 160, 3), dtype=np.uint8)
frames, masks = [], []
for t in range(6):
    mask = np.zeros((120, 160), np.bool_)
    mask[40:80, 30 + 6 * t:80 + 6 * t] = True
    frames.append(np.where(mask[..., None], np.uint8([210, 40, 40]), ground))
    write_mask(Path("truth/clip") / f"{t:05d}.png", mask)
write_video(Path("clip.mp4"), frames, rate=25)
"""
COMMANDS = (
    "info clip.mp4",
    "frames clip.mp4 --at 0,5 --grid --out look",
    "segment clip.mp4 --box 30,40,50,40 --iterations 4 --out masks/clip --overlay look.mp4 "
    "--export coco=out.json --export contours=polygons.json --export cutout=out.mov "
    "--export probs=probs",
    "segment clip.mp4 --first truth/clip/00000.png --no-finetune --every 2 --fill --flow "
    "--out filled",
    "overlay clip.mp4 masks/clip look.webm",
    "score truth masks",
)


def run(*command: object, cwd: Path) -> str:
    """Return what a command writes; stop where it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def installed(folder: Path) -> Path:
    """Return the programs of a new environment that holds the wheel and what it asks for."""
    options = ("--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", *options, "-w", folder, cwd=folder)
    (wheel,) = folder.glob("masktrack-*.whl")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    run(programs / "python", "-m", "pip", "install", *options, wheel, cwd=folder)
    return programs


def check(programs: Path, work: Path) -> None:
    """Run the commands in a folder of their own, and look at what came."""
    work.mkdir()
    run(programs / "python", "-c", FILM, cwd=work)
    said = {
        command: run(programs / "masktrack", *command.split(), cwd=work) for command in COMMANDS
    }
    assert "frames     6, 0 to 5" in said["info clip.mp4"], said
    made = {
        "look/*.png": 2, "masks/clip/*.png": 6, "filled/*.png": 6, "probs/1/*.png": 6,
        "look.mp4": 1, "look.webm": 1, "out.json": 1, "polygons.json": 1, "out.mov": 1,
    }  # fmt: skip
    came = {pattern: len(list(work.glob(pattern))) for pattern in made}
    assert came == made, came
    print(said["score truth masks"])


def main() -> None:
    """Build, install, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="a new folder that stays (default: temporary)")
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True)
        check(installed(options.folder.resolve()), options.folder.resolve() / "work")
        return
    with tempfile.TemporaryDirectory() as folder:
        check(installed(Path(folder)), Path(folder) / "work")


if __name__ == "__main__":
    main()
