"""Doubt against 1 - J on DAVIS, and the fit behind it: leaving each sequence out in turn.

    python benchmarks/bench_doubt.py DAVIS TRACKS [TRACKS …]

DAVIS has JPEGImages/480p and Annotations/480p; TRACKS is a folder of <sequence>.zip, probabilities
propagated from the first mask: what `masktrack segment` leaves as OUT/.masktrack/1.zip. The first
folder is fitted; of each the agreement is printed by sequence, of the fit without that sequence,
and then the fit of all, for `tracking.doubt`.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.experiment.doubts import agreement_table
from masktrack_core.files.archives import ProbArchive, frame_key
from masktrack_core.files.io import read_mask
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.tracking.doubt import SIGNALS, Fit, expected_j, observe, signals

#: Of the weights of standardised signals, a frame.
RIDGE = 1e-4


def frames_of(davis: Path, track: Path) -> pd.DataFrame:
    """Return signals and J of every frame that DAVIS scores, and the entropy over the area."""
    frames = FrameFolder(davis / "JPEGImages/480p" / track.stem)
    truths = [
        read_mask(davis / f"Annotations/480p/{track.stem}/{name}.png") for name in frames.names
    ]
    archive = ProbArchive(track)
    probs = [archive[frame_key(t)] for t in range(len(frames))]
    seen = [observe(frames[t], prob) for t, prob in enumerate(probs)]
    found = signals(seen, {0: observe(frames[0], truths[0].astype(np.float32))})
    masks = np.stack(probs) > 0.5
    j = region_similarity(masks, np.stack(truths))
    table = pd.DataFrame(found, columns=list(SIGNALS)).assign(sequence=track.stem, J=j)
    table["blurred"] = [one.entropy / max(one.area, 1) for one in seen]
    return table.assign(t=range(len(frames))).iloc[1:-1]


def fitted(table: pd.DataFrame) -> Fit:
    """Return the fractional logit of J on the signals, a little ridge on the weights."""
    x = table[list(SIGNALS)].to_numpy()
    centre, spread = x.mean(axis=0), x.std(axis=0)
    design = np.c_[np.ones(len(x)), (x - centre) / spread]
    penalty = RIDGE * len(x) * np.diag([0.0] + [1.0] * len(SIGNALS))
    weights, j = np.zeros(design.shape[1]), table.J.to_numpy()
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + penalty
        weights += np.linalg.solve(hessian, design.T @ (j - p) - penalty @ weights)
    plain = weights[1:] / spread
    return Fit(constant=float(weights[0] - plain @ centre), weights=tuple(plain.tolist()))


def left_out(tables: pd.DataFrame, taught: pd.DataFrame) -> pd.Series:
    """Return the doubt of every frame by the fit of ``taught`` without the frame's sequence."""
    doubt = pd.Series(0.0, index=tables.index)
    for sequence, mine in tables.groupby("sequence"):
        fit = fitted(taught[taught.sequence != sequence])
        doubt[mine.index] = 1 - expected_j(mine[list(SIGNALS)].to_numpy(), fit)
    return doubt


def main() -> None:
    """Print the tables."""
    davis, *folders = map(Path, sys.argv[1:])
    tables = pd.concat(
        [
            frames_of(davis, track).assign(method=folder.name)
            for folder in folders
            for track in sorted(folder.glob("*.zip"))
        ],
        ignore_index=True,
    ).assign(dataset="davis", object=1)
    taught = tables[tables.method == folders[0].name]
    doubts = left_out(tables, taught)
    for name, doubt in (("entropy over area", tables.blurred), ("doubt", doubts)):
        print(name)
        print(agreement_table(tables.assign(doubt=doubt)).round(3).to_string(index=False))
    print("mean |doubt - (1 - J)|")
    print((doubts - (1 - tables.J)).abs().groupby(tables.method).mean().round(3).to_string())
    print(fitted(taught))


if __name__ == "__main__":
    main()
