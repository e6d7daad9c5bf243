"""Run by every Python whose PYTHONPATH has this folder: `device: cuda` is the pretended one.

Each job that asks for a device leaves a file in the folder $PRETENDED: how many operations it ran
there, and where it waited.
"""

import atexit
import json
import os
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

MODULE = "masktrack_core.devices"
plain = SourceFileLoader.exec_module


def pretended(use_device):
    """Return a `use_device` whose GPU is pretended."""
    import pretend
    import torch

    def using(name, threads, *, deterministic=False):
        assert name == "cuda", name
        use_device("cpu", threads, deterministic=deterministic)
        atexit.register(note)
        return torch.device(pretend.NAME)

    pretend.register()
    return using


def note():
    """Write what this job did on the device."""
    from pretend import _traffic

    script = re.sub(r"^tmp\w{8}\.", "", Path(sys.argv[0]).name)
    waits = [f"{what} {place}" for what, place in _traffic.waits.elements()]
    said = {"script": script, "operations": _traffic.operations, "waits": waits}
    path = Path(os.environ["PRETENDED"], f"{script}-{os.getpid()}.json")
    path.write_text(json.dumps(said))


def exec_module(loader, module):
    plain(loader, module)
    if module.__name__ == MODULE:
        sys.path.append(str(Path(__file__).parents[1]))
        module.use_device = pretended(module.use_device)


SourceFileLoader.exec_module = exec_module
