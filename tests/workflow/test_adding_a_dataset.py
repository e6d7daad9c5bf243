"""docs/adding-a-dataset.md, followed to the letter."""

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from masktrack_core.commands.cli import main

from .conftest import ROOT, Run

PAGE = (ROOT / "docs" / "adding-a-dataset.md").read_text()


def block(language, containing):
    """Return the fenced block of the page that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(text for text in blocks if containing in text)


def snakemake(folder, line):
    """Run a line of the page in a folder, with the project's Snakefile and configuration."""
    words = shlex.split(line)
    assert words[0] == "snakemake"
    fixed = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile"]
    rest = words[1:]
    at = rest.index("--configfile")
    rest[at : at + 1] = [*fixed, str(ROOT / "config.yaml")]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *rest], cwd=folder, capture_output=True, text=True
    )
    return Run(done.returncode, done.stdout + done.stderr)


def save(path, values, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        picture.putpalette(palette)
    picture.save(path)


def frame(t):
    return np.random.default_rng(t).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name in ("pets", "garden", "street"):
        (tmp_path / f"{name}.yaml").write_text(block("yaml", f"# {name}.yaml"))
    return tmp_path


def test_a_set_in_the_style_of_davis_2017(folder, monkeypatch, capsys):
    colours = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [7, 7, 7] * 253
    root = folder / "my_data" / "pets"
    for t in range(4):
        labels = np.zeros((40, 60), np.uint8)
        labels[5:15, 5 + t : 20 + t], labels[20:34, 30:50], labels[:, 58:] = 1, 2, 255
        save(root / f"JPEGImages/480p/cat-and-dog/{t:05d}.jpg", frame(t))
        save(root / f"Annotations/480p/cat-and-dog/{t:05d}.png", labels, colours)
    check, line = block("sh", "pets.csv").splitlines()
    monkeypatch.chdir(folder)
    assert main(shlex.split(check)[1:]) == 0
    run = snakemake(folder, line)
    assert run.status == 0, run.output[-3000:]
    table = pd.read_csv(folder / "results/pets/pets.csv", index_col="method")
    # The boxes are exact. Copied, object 1 shifts by 1 to 3 of 15 columns; object 2 stands still.
    assert table.pets["Box oracle"] == 100
    moved = np.mean([(15 - t) / (15 + t) for t in (1, 2, 3)])
    assert table.pets["Copy of the first mask"] == pytest.approx(50 * (1 + moved), abs=0.01)


def test_a_folder_of_numbered_frames_with_plain_masks(folder):
    root = folder / "my_data" / "garden"
    for sequence in ("bird", "bee"):
        for number in (10, 12, 14, 22):
            mask = np.zeros((40, 60), np.uint8)
            mask[8:20, number : number + 20] = 255
            mask[8, number] = 0
            save(root / f"clips/{sequence}/frame_{number:04d}.png", frame(number))
            save(root / f"masks/{sequence}/{number}.png", mask)
    (root / "sequences.csv").write_text(block("csv", "sequence,object"))
    line = block("sh", "garden.csv").strip()
    run = snakemake(folder, line)
    assert run.status == 0, run.output[-3000:]
    sequences = pd.read_csv(folder / "results/garden/garden_sequences.csv")
    assert sequences.sequence.tolist() == ["bird"] and sequences.frames.tolist() == [2]
    table = pd.read_csv(folder / "results/garden/garden.csv", index_col="method")
    assert table.garden["Box oracle"] == pytest.approx(100 * 239 / 240, abs=0.01)


def test_masks_in_cocos_json(folder, monkeypatch):
    root = folder / "my_data" / "street"
    images, annotations = [], []
    for t in range(1, 5):
        save(root / f"clips/crossing/{t:04d}.jpg", frame(t))
        images.append({"id": t, "file_name": f"{t:04d}.jpg", "height": 40, "width": 60})
        left, right = 5 + t, 25 + t
        corners = [left, 10, right, 10, right, 30, left, 30]
        moving = {"id": 2 * t, "image_id": t, "track_id": 4, "segmentation": [corners]}
        runs = {"size": [40, 60], "counts": [40 * 50, 40 * 5, 40 * 5]}
        still = {"id": 2 * t + 1, "image_id": t, "track_id": 7, "segmentation": runs, "iscrowd": 1}
        annotations += [moving, still]
    path = root / "annotations" / "crossing.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    check, line = block("sh", "street.csv").splitlines()
    monkeypatch.chdir(folder)
    assert main(shlex.split(check)[1:]) == 0
    run = snakemake(folder, line)
    assert run.status == 0, run.output[-3000:]
    sequences = pd.read_csv(folder / "results/street/street_sequences.csv")
    assert sequences.object.tolist() == [4, 7] and sequences.frames.tolist() == [3, 3]
    assert sequences.J.tolist() == [100, 100]  # rectangles are their boxes


def test_every_key_of_a_layout_is_on_the_page():
    schema = yaml.safe_load((ROOT / "rules/schemas/config.schema.yaml").read_text())
    row = schema["properties"]["datasets"]["additionalProperties"]["properties"]
    for key in row["layout"]["properties"]:
        assert f"| `{key}` |" in PAGE
