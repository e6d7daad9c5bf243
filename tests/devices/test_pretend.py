"""Every road over a device, on one that is pretended (`pretend`), in a process of its own.

A tensor in the wrong place raises, and a wait of the host is counted: what a GPU would do, but for
its kernels, its memory and its speed.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(FOLDER))  # as in the process of its own

from paths import PATHS, SLIPS  # noqa: E402

#: Largest difference to the CPU: of weights after three steps, of probabilities, of a flow. Half a
#: step of the 8 bits in which a device answers is 0.002; bf16 has eight binary digits.
CLOSE = {"propagation": 2.1e-3, "propagation in bf16": 0.02, "training in bf16": 1e-3}
#: Waits that a frame may have where it is not one: for the place of a region, for touching parts.
#: A step of a training may have none.
FRAME = {
    "propagation in a region": 2,
    "propagation of a box in a region": 2,
    "propagation of touching parts": 3,
}


@pytest.fixture(scope="module")
def found():
    command = [sys.executable, str(FOLDER / "paths.py")]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def plain_waits(part):
    """Return the waits of a step or frame but for the look at the gradients of a first step."""
    return [wait for wait in part if "gradients.py" not in wait]


def trouble(path, came):
    """Return what is wrong with what came of a path, if anything."""
    if came["error"]:
        return came["error"]
    allowed = FRAME.get(path, 1) if "propagation" in path else 0
    waits = [part for part in map(plain_waits, came["waits"]) if len(part) > allowed]
    if waits:
        return f"waits: {waits[0]}"
    bound = next((bound for name, bound in CLOSE.items() if path == name), None)
    bound = bound or (CLOSE["propagation"] if "propagation" in path else 1e-4)
    return "" if came["difference"] <= bound else f"{came['difference']} from the CPU"


@pytest.mark.parametrize("path", PATHS)
def test_a_road_is_that_of_the_cpu_and_waits_no_more_than_it_must(path, found):
    came = found["paths"][path]
    assert not trouble(path, came)
    assert came["waits"] or path in ("segments in boxes", "saving and loading")


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_that_a_cpu_does_not_show_is_seen(slip, found):
    assert trouble(SLIPS[slip][3], found["slips"][slip])


def test_the_first_step_alone_looks_at_its_gradients_once_in_bf16_twice(found):
    for path, looks in (("training of the decoder", 1), ("training in bf16", 2)):
        there, here = found["paths"][path]["waits"][:2], found["paths"][path]["waits"][2:]
        assert [len(part) for part in there] == [looks, 0]
        assert [len(part) for part in here] == [0, 0]  # the same training on the CPU
