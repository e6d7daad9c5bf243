"""The same tracker from Python: a function on arrays, scored as a benchmark does.

python examples/external_tracker/evaluate_flow.py ROOT davis2016
"""

import sys

import cv2
from flow_tracker import carried

from masktrack_core import evaluate


def tracker(frames, annotations):
    """Return the masks of each object: object → a mask a frame."""
    greys = [cv2.cvtColor(frames[t], cv2.COLOR_RGB2GRAY) for t in range(len(frames))]
    return {number: [*carried(greys, given)] for number, given in annotations.items()}


if __name__ == "__main__":
    root, protocol = sys.argv[1:]
    scores = evaluate(tracker, root, protocol=protocol, progress=True)
    print(scores.sequences[["sequence", "object", "J_mean", "F_mean"]].to_string(index=False))
    print(scores.means.iloc[-1][["split", "J_mean", "F_mean"]].to_string())
