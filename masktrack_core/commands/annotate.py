"""``masktrack annotate``: a page on which objects are drawn, followed, corrected and exported."""

import argparse
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.errors import InputError

if TYPE_CHECKING:
    from masktrack_core.annotating.server import PageServer
    from masktrack_core.annotating.studio import Studio
    from masktrack_core.commands.score import Commands

_HELP = """\
Draw objects on a page in the browser, follow them at once, correct where it is doubtful, export.

The page is on this machine alone (127.0.0.1); its address, with a token, is printed. From another
machine: ssh -L PORT:127.0.0.1:PORT, with --port PORT here, and the same address there.
What is drawn is in DIR as it is done: label pictures in DIR/annotations, which
`masktrack segment CLIP --annotations DIR/annotations` takes, names and colours in annotate.yaml.
The page says its keys. Q on the page, or Ctrl-C here, ends it; the same command goes on.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    annotate = commands.add_parser(
        "annotate",
        help="draw, follow and correct on a page",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    annotate.add_argument("clip", type=Path, metavar="CLIP", help="video file or folder of frames")
    annotate.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the work (default: CLIP.masktrack)"
    )
    annotate.add_argument(
        "--port", type=int, default=0, metavar="N", help="of the page (default: any that is free)"
    )
    annotate.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    annotate.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="CPU threads"
    )
    annotate.add_argument(
        "--iterations", type=int, metavar="N", help="steps of learning (as the network says)"
    )
    annotate.set_defaults(run=_annotate)


def _annotate(options: argparse.Namespace) -> int:
    if not 0 <= options.port < 1 << 16:
        raise InputError(
            f"--port: expected 0 to 65535, got {options.port}; give another, or none for any"
        )
    if options.threads < 1 or (options.iterations is not None and options.iterations < 1):
        raise InputError(
            "--threads and --iterations: expected at least 1, got "
            f"{options.threads} and {options.iterations}; correct them, or leave them out"
        )
    from masktrack_core.annotating.project import Project
    from masktrack_core.annotating.server import PageServer
    from masktrack_core.annotating.studio import Studio
    from masktrack_core.datasets.video_files import Clip
    from masktrack_core.devices import use_device
    from masktrack_core.experiment.models import load
    from masktrack_core.experiment.run_locks import sole_run

    clip = Clip(options.clip)
    folder = options.out or options.clip.with_name(f"{options.clip.name}.masktrack")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, got a file; give another with --out")
    device = use_device(options.device, options.threads)
    folder.mkdir(parents=True, exist_ok=True)
    with sole_run(folder):
        models = load("included:mask"), load("included:box")
        for model in models:
            model.network.to(device)
        studio = Studio(
            Project(clip, folder),
            *models,
            threads=options.threads,
            iterations=options.iterations,
        )
        server = PageServer(studio, secrets.token_urlsafe(16), options.port)
        _serve(server, studio)
    return 0


def _serve(server: "PageServer", studio: "Studio") -> None:
    from threading import Thread

    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    logging.getLogger(__name__).info("%s", server.address)
    try:
        while not studio.ended.wait(0.5):
            pass
    finally:
        server.shutdown()
        server.server_close()
        studio.jobs.stop()
    logging.getLogger(__name__).info("ended; all of it is in %s", studio.project.folder)
