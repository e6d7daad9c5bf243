"""What runs beside the page: one job at a time, with progress, time left, and a stop."""

import os
import re
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from masktrack_core.errors import InputError, describe

#: A line of a bar: words, steps done, of how many, and the time left of all stages (`progress`).
_BAR = re.compile(
    r"(?P<words>[^\r\n|]+):\s+\d+%\|.*?\| *(?P<done>\d+)/(?P<total>\d+) \["
    r"(?:.*\ball (?P<left>[\d:]+))?"
)


@dataclass
class Progress:
    """How far a job is, for the page."""

    kind: str
    words: str = ""
    done: int = 0
    total: int = 0
    error: str = ""
    running: bool = True
    #: Seconds left, where the job says it of all of its stages.
    said_s: float | None = None
    began: float = field(default_factory=time.monotonic)

    def at(self, words: str, done: int, total: int, said_s: float | None = None) -> None:
        """Take a step; the clock begins anew with other words."""
        if words != self.words:
            self.began = time.monotonic()
        self.words, self.done, self.total = words, done, total
        if said_s is not None:  # the last line of a bar says nothing of it
            self.said_s = said_s

    @property
    def left_s(self) -> float | None:
        """Return the seconds left, of all or of what is under way; None where nobody knows yet."""
        if self.said_s is not None:
            return self.said_s
        if not self.done or not self.total:
            return None
        return (time.monotonic() - self.began) * (self.total - self.done) / self.done


class Jobs:
    """Runs one job at a time in a thread."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.progress: Progress | None = None
        self.stopping = Event()
        self._lock, self._thread = Lock(), Thread()

    def start(self, kind: str, work: Callable[[Progress, Event], None]) -> None:
        """Start a job; raise `InputError` while another runs."""
        with self._lock:
            if self.progress is not None and self.progress.running:
                raise InputError(f"{kind}: '{self.progress.kind}' is at work; wait, or stop it")
            self.stopping.clear()
            self.progress = progress = Progress(kind)
            self._thread = Thread(target=self._run, args=(work, progress), name=kind)
            self._thread.start()

    def _run(self, work: Callable[[Progress, Event], None], progress: Progress) -> None:
        try:
            work(progress, self.stopping)
        except Exception as error:  # told on the page; the server goes on
            progress.error = str(error) if isinstance(error, InputError) else describe(error)
        finally:
            progress.running = False

    def stop(self) -> None:
        """Ask the job to stop, and wait until it has."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join()


def run_command(words: Sequence[str], progress: Progress, stop: Event) -> None:
    """Run ``masktrack WORDS`` in a process of its own; its bars are the progress.

    It is told to stop by SIGTERM, after which the same command goes on. Raises `InputError`
    with its last line where it fails.
    """
    ours, theirs = os.openpty()  # a terminal: bars are shown on nothing else
    termios.tcsetwinsize(theirs, (24, 120))  # one without a size would have no bars
    command = [sys.executable, "-m", "masktrack_core.commands.cli", *words]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    watcher = Thread(target=_interrupt, args=(process, stop))
    watcher.start()
    try:
        last = _watched(ours, progress)
    finally:
        os.close(ours)
        status = process.wait()
        watcher.join()
    if status and not stop.is_set():
        raise InputError(last.removeprefix("masktrack: ") or f"it ended with status {status}")


def _interrupt(process: "subprocess.Popen[bytes]", stop: Event) -> None:
    while process.poll() is None:
        if stop.wait(0.2):
            process.terminate()  # what a shell starts in the background ignores SIGINT
            process.wait()


def _watched(terminal: int, progress: Progress) -> str:
    """Follow what a command says; return its last line that is no bar."""
    text, last = "", ""
    while True:
        try:
            said = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            said = b""
        if not said:
            return last
        text += said.decode("utf-8", "replace")
        *lines, text = re.split(r"[\r\n]+", text)
        for line in [*lines, text]:
            bar = _BAR.search(line)
            if bar is not None:
                left = _seconds(bar["left"]) if bar["left"] else None
                progress.at(bar["words"].strip(), int(bar["done"]), int(bar["total"]), left)
            elif line.strip() and line is not text:
                last = line.strip()


def _seconds(clock: str) -> float:
    """Return the seconds of ``1:02:03`` or ``02:03``."""
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part or 0)
    return float(seconds)
