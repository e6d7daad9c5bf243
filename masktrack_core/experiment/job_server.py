"""Start-up paid once: jobs are forked from a process that has imported what they import.

Half of the embedded benchmark was Python importing torch, pandas and OpenCV anew for every job.
Here a server imports them and forks itself for each: the fork runs its script as ``python script``
would, with its own process, environment, memory, exit and CPU time, and nothing of another job.

Which modules a kind of job imports is learned from the first one; whether torch is among them is
said before, for its import is most of what there is to save. Nothing runs in a server but imports,
so a fork finds every cache empty, every generator unused and no GPU touched; a server in which an
import started a thread, of which a fork would have but a half, forks nothing.

A server is bound to the process that started it by a socket without a name: it cannot be left over,
nor be met by another run. When that process is gone, its jobs get SIGTERM; when the server is
killed, its jobs are killed with it. Linux only.
"""

import atexit
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

#: Imported, or not, apart from all else: a job that does without it is not to inherit its memory.
HEAVY = "torch"
#: What a terminal, a scheduler or `timeout` sends to all processes; each job decides for itself.
_TO_ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
#: Bytes of a message at most; the kernel sends less.
_PACKET = 2**22

# ---- The side of the process that has jobs to do --------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a job ended: its status as `subprocess` gives it, and what it used."""

    status: int
    cpu_s: float  # with the processes that it started and waited for
    memory_mb: float  # the most that it held, shared with its server or not


class ForkedJob:
    """A process that waits for leave to run its script."""

    def __init__(self, channel: socket.socket, learned: dict[str, list[str]]) -> None:
        """Take the channel of a request; raise ``OSError`` where the server does not fork."""
        self._channel, self._learned = channel, learned
        said = _receive(channel)
        if said is None or "pid" not in said:
            channel.close()
            raise OSError("it does not answer, or imports started threads in it")
        self.pid: int = said["pid"]

    def run(self) -> Ended:
        """Let the job begin, and wait for its end."""
        with self._channel as channel, suppress(OSError):
            _send(channel, {"go": True})
            while (said := _receive(channel)) is not None:
                if "status" in said:
                    return Ended(**said)
                for what, names in said.items():
                    self._learned.setdefault(what, []).extend(names)
        return Ended(-signal.SIGKILL, 0.0, 0.0)  # the server was killed, and the job with it


class JobServers:
    """Servers that fork jobs, started when first needed and gone with this process."""

    def __init__(self, python: str = sys.executable) -> None:
        """Use the interpreter ``python``; nothing is started yet."""
        self._python = python
        self._lock = threading.Lock()
        self._started: list[_Server] = []
        self._servers: dict[bool, _Server | None] = {}  # those that are asked
        self._learned: dict[str, dict[str, list[str]]] = {}
        atexit.register(self.close)

    def start(
        self, script: str, kind: str, environment: Mapping[str, str], *, heavy: bool = False
    ) -> ForkedJob | None:
        """Return a process that will run a script; None where it is to be started plainly.

        ``kind`` names what imports the same modules, ``environment`` is that of the job. Variables
        that libraries read when they are loaded, such as ``OMP_NUM_THREADS``, must be the same in
        all: a server is started with those of its first job. ``heavy``: it imports torch, which is
        learned from its first job where that is not said.
        """
        learned = self._learned.setdefault(kind, {"modules": [HEAVY]} if heavy else {})
        heavy = HEAVY in learned.get("modules", ())
        try:
            with self._lock:
                if heavy not in self._servers:
                    self._started.append(_Server(self._python, environment))
                    self._servers[heavy] = self._started[-1]
                server = self._servers[heavy]
            if server is None:
                return None
            request = {"script": script, "kind": kind, "environment": dict(environment)}
            return ForkedJob(server.ask(request | learned), learned)
        except OSError as error:
            _log.warning("jobs start plainly from now on, without their server: %s", error)
            with self._lock:
                self._servers[heavy] = None
            return None

    def close(self) -> None:
        """End the servers; what they and their jobs used then counts as of this one's children."""
        with self._lock:
            self._servers = {False: None, True: None}
            while self._started:
                self._started.pop().close()


class _Server:
    """One server, seen from outside."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._control, theirs = _pair()
        command = [python, __file__, str(theirs.fileno())]
        with theirs, ExitStack() as failed:
            failed.callback(self._control.close)
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=dict(environment)
            )
            failed.pop_all()

    def ask(self, request: Mapping[str, Any]) -> socket.socket:
        """Return the channel over which the answer will come."""
        ours, theirs = _pair()
        with theirs, ExitStack() as failed:
            failed.callback(ours.close)
            _send(self._control, request, theirs.fileno())
            failed.pop_all()
        return ours

    def close(self) -> None:
        self._control.close()
        self._process.wait()


# ---- Messages: one packet each, dictionaries as JSON -----------------------------------------


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _send(channel: socket.socket, message: Mapping[str, Any], *handles: int) -> None:
    socket.send_fds(channel, [json.dumps(message).encode()], handles)


def _receive(channel: socket.socket) -> dict[str, Any] | None:
    """Return the next message, or None where nobody is there to send one."""
    packet = channel.recv(_PACKET)
    message: dict[str, Any] | None = json.loads(packet) if packet else None
    return message


# ---- The server ------------------------------------------------------------------------------


def serve(control: socket.socket) -> tuple[dict[str, Any], socket.socket] | None:
    """Fork for every request; return in each fork, with the request and the channel of its job.

    In the server, None: when nobody is there to ask, and the last job, which was told to end, has.
    """
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _TO_ALL}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the end of a job wakes select
    server, jobs, asked = os.getpid(), dict[int, socket.socket](), True
    while asked or jobs:
        waiting: list[Any] = [woken, control] if asked else [woken]
        ready, _, _ = select.select(waiting, [], [])
        if woken in ready:
            os.read(woken, 4096)
            _say_ended(jobs)
        if control not in ready:
            continue
        packet, handles, _, _ = socket.recv_fds(control, _PACKET, 1)
        if not packet:
            asked = False
            for pid in jobs:
                os.kill(pid, signal.SIGTERM)
            continue
        request, channel = json.loads(packet), socket.socket(fileno=handles[0])
        _import(request)
        if len([*Path("/proc/self/task").iterdir()]) > 1:
            channel.close()  # refused: a fork would have but one of these threads
            continue
        gc.freeze()  # to collect is to touch, and hence to copy, all that was imported
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number, handler in (handlers | {signal.SIGCHLD: signal.SIG_DFL}).items():
                signal.signal(number, handler)
            for file in (control, *jobs.values()):
                file.close()
            os.close(woken)
            os.close(wake)
            _bind(server, request["kind"])
            return request, channel
        jobs[pid] = channel
    return None


def _import(request: Mapping[str, Any]) -> None:
    """Import what jobs of this kind were seen to import."""
    sys.path.extend(folder for folder in request.get("path", ()) if folder not in sys.path)
    for name in request.get("modules", ()):
        if name not in sys.modules:
            with suppress(Exception):  # not a module that can be asked for, or the job will say it
                importlib.import_module(name)


def _say_ended(jobs: dict[int, socket.socket]) -> None:
    """Say how each job that has ended did."""
    for pid in list(jobs):
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            cpu_s, memory_mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
            said = Ended(os.waitstatus_to_exitcode(status), cpu_s, memory_mb)
            with jobs.pop(pid) as channel, suppress(OSError):
                _send(channel, asdict(said))


# ---- The job ---------------------------------------------------------------------------------

#: Whether this process is a job whose script came to its end.
_done = False


def _bind(server: int, name: str) -> None:
    """Let this process end with its server, and be known by what it does."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)  # it was killed before it could be bound to
    libc.prctl(_PR_SET_NAME, name.encode()[:15])  # for `ps` and `top`


def _run(request: Mapping[str, Any], channel: socket.socket) -> None:
    """Run the script as the main program; what it raises ends this process as it would any."""
    global _done
    with suppress(OSError):  # who asked may be gone
        _send(channel, {"pid": os.getpid()})
    if _receive(channel) is None:
        os._exit(1)
    script = Path(request["script"]).absolute()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = [request["script"]]
    sys.path.insert(0, str(script.parent))
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = str(script)
    sys.excepthook = _without_this_module
    known, folders = set(sys.modules), set(sys.path)
    exec(compile(script.read_bytes(), script, "exec"), main.__dict__)
    learned = {
        "modules": [name for name in sys.modules if name not in known],
        "path": [folder for folder in sys.path if folder not in folders],
    }
    with channel, suppress(OSError):
        _send(channel, learned)
    _done = True


def _without_this_module(kind: Any, error: BaseException, trace: Any) -> None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def _leave() -> None:
    """End a job that is done at once: taking torch apart takes longer than most jobs."""
    if _done:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(0)


if __name__ == "__main__":
    atexit.register(_leave)  # first, hence called last: after all that a job registers
    del sys.path[0]  # this folder
    given = serve(socket.socket(fileno=int(sys.argv[1])))
    if given is None:
        os._exit(0)
    _run(*given)
