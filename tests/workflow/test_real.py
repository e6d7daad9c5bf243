"""The same rules on real DAVIS: oracles against an independent computation."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from .conftest import Workflow

pytestmark = pytest.mark.real

SEQUENCES = ["bear", "hockey", "surf"]


def truths(real, sequence):
    """Return the truth as NumPy reads it, without any code of the project."""
    folder = real / "DAVIS" / "Annotations" / "480p" / sequence
    pictures = [Image.open(path) for path in sorted(folder.glob("*.png"))]
    return [np.asarray(picture.getchannel(0)) > 0 for picture in pictures]


def jaccard(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else 1.0


def box(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    filled = np.zeros_like(mask)
    if len(rows):
        filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return filled


def test_oracles_on_real_davis_are_the_independent_ones(real, tmp_path):
    overlay = {
        "datasets": {
            "davis2016": {
                "title": "DAVIS-2016",
                "layout": "davis",
                "root": str(real / "DAVIS"),
                "only": SEQUENCES,
                "skip": ["first", "last"],
                "published": "davis2016",
            }
        },
        "tables": {
            "oracles": {
                "datasets": ["davis2016"],
                "rows": [
                    {"method": "Box oracle", "variant": "box_oracle"},
                    {"method": "Copy", "variant": "copy_first"},
                ],
            }
        },
    }
    run = Workflow(tmp_path, overlay)("--cores", "2", "results/oracles.csv")
    assert run.status == 0, run.output[-3000:]
    table = pd.read_csv(tmp_path / "results" / "oracles.csv", index_col="method")

    boxes, copies = [], []
    for sequence in SEQUENCES:
        masks = truths(real, sequence)
        boxes.append(np.mean([jaccard(box(mask), mask) for mask in masks[1:-1]]))
        copies.append(np.mean([jaccard(masks[0], mask) for mask in masks[1:-1]]))
    assert table.davis2016["Box oracle"] == pytest.approx(100 * np.mean(boxes), abs=0.006)
    assert table.davis2016["Copy"] == pytest.approx(100 * np.mean(copies), abs=0.006)
    # Three sequences are not the fifty that the published results are about.
    assert table.source.to_dict() == {"Box oracle": "oracle", "Copy": "computed"}
