"""Snakemake started as ``python -m snakemake``, but forked from a process that has imported it.

The tests start it some three hundred times, and two of the three CPU seconds of a start were
imports. A fork has loaded packages of others only: nothing of this project, whose modules may be
those of an edited copy, and no plugin. It has the folder, the environment and the files of a
process of its own, and ends as one does. What a user types runs in tests/docs and tests/cluster.
"""

import atexit
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading

#: Loaded by every dry run of ours.
LOADED = (
    "snakemake.cli", "snakemake.assets", "snakemake.benchmark", "snakemake.profiles",
    "snakemake.report.html_reporter", "snakemake.storage", "PIL.Image", "cv2", "dpath",
    "fastjsonschema", "jinja2", "jsonschema", "nbformat", "numpy", "pandas", "pygments", "requests",
    "safetensors.numpy", "smart_open", "tqdm", "yte",
)  # fmt: skip


class SnakemakeServer:
    """A process that forks; started when first needed and gone with this one."""

    def __init__(self):
        self.environment = environment()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, __file__, str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        self.channel, self.free = ours, threading.Lock()
        atexit.register(self.close)

    def __call__(self, arguments, folder, output):
        """Run Snakemake in a folder, with what it says in a file; return its status."""
        asked = json.dumps({"arguments": arguments, "folder": str(folder)}).encode()
        with self.free:
            socket.send_fds(self.channel, [asked], [output.fileno()])
            return int(self.channel.recv(100))

    def close(self):
        self.channel.close()
        self.process.wait()


def environment():
    """Return the environment, but for what pytest says in it of the test that runs."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


_servers = []


def run(arguments, folder, output):
    """Run Snakemake, forked; None where the environment is another than that of the server."""
    if not _servers:
        _servers.append(SnakemakeServer())
    if environment() != _servers[0].environment:
        return None
    return _servers[0](arguments, folder, output)


# ---- The server ------------------------------------------------------------------------------


def serve(channel):
    """Fork for every request; return in the fork, with its request, and None at the end."""
    while True:
        packet, handles, _, _ = socket.recv_fds(channel, 2**20, 1)
        if not packet:
            return None
        if not (pid := os.fork()):
            channel.close()
            for place in (1, 2):
                os.dup2(handles[0], place)
            os.close(handles[0])
            return json.loads(packet)
        os.close(handles[0])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        channel.send(str(status).encode())


if __name__ == "__main__":
    for module in LOADED:
        importlib.import_module(module)
    assert not [name for name in sys.modules if "masktrack" in name]
    assert threading.active_count() == 1, "a fork has but one thread"
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if (asked := serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        os.chdir(asked["folder"])
        sys.path[0] = asked["folder"]  # as -m has it
        sys.argv[1:] = asked["arguments"]
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
