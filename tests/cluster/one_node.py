"""A SLURM of one node on loopback, with GPUs that are only numbers, for as long as it is needed.

    python -m tests.cluster.one_node COMMAND    # COMMAND with that SLURM up; a shell without one

Needs root and Debian's packages slurmctld, slurmd, slurm-client, munge; touches nothing that it
did not make: it refuses where the machine has a SLURM of its own, and removes its files at the end.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Read by every SLURM command where SLURM_CONF is unset, and the plugin unsets it in its jobs.
ETC = Path("/etc/slurm")
MUNGE = Path("/run/munge")
LOCK = Path("/run/lock/masktrack-one-node.lock")
PROGRAMS = "munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol"

CONFIGURATION = """\
ClusterName=masktrack
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
Prolog={base}/prolog
Epilog={base}/epilog
PrologFlags=Alloc
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
TaskProlog={base}/task_prolog
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=1
KillWait=20
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} CoresPerSocket={cpus} {rest}
PartitionName=main Nodes={host} Default=YES DefaultTime=60
PartitionName=gpu Nodes={host} DefaultTime=60
"""

#: Run by slurmd around every job: which GPUs it was given, and when.
HOOK = """\
#!/bin/sh
echo "$(date +%s.%N) {event} $SLURM_JOB_ID ${{SLURM_JOB_GPUS:--}}" >> {base}/trace
"""


#: Run by slurmd for a job's task: its GPUs are files, and it is not to look for them.
TASK_PROLOG = """\
#!/bin/sh
for name in SLURM_JOB_GPUS SLURM_STEP_GPUS CUDA_VISIBLE_DEVICES; do echo "unset $name"; done
"""


@dataclass(frozen=True, kw_only=True)
class NodeParams:
    """What the node claims to have, whatever the machine has."""

    cpus: int = 4
    gpus: int = 2
    memory_mb: int = 64000


@dataclass(frozen=True)
class Hold:
    """One job's time on the node, and its GPUs by number."""

    job: str
    start: float
    end: float
    gpus: tuple[int, ...]


def missing() -> str:
    """Return why no SLURM can be brought up here; empty where it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        packages = "slurmctld slurmd slurm-client munge"
        return f"{', '.join(absent)} not found (apt-get install {packages})"
    if os.geteuid() != 0:
        return "slurmd needs root"
    if (ETC / "slurm.conf").exists():
        return f"{ETC / 'slurm.conf'}: this machine has a SLURM of its own"
    return ""


@contextmanager
def one_node(params: NodeParams = NodeParams()) -> Iterator[Path]:
    """Yield the folder of a running SLURM's logs and trace; it is gone afterwards.

    One at a time on a machine: the next one waits.
    """
    base = Path(tempfile.mkdtemp(prefix="slurm-"))
    base.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        lock = stack.enter_context(LOCK.open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = missing()
        if reason:
            raise RuntimeError(reason)
        _configure(base, params, stack)
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            stack.enter_context(_daemon(base, _munged(base)))
        _wait(["munge", "-n"], base)
        stack.enter_context(_daemon(base, ["slurmctld", "-D"]))
        stack.enter_context(_daemon(base, ["slurmd", "-D"]))
        stack.callback(_empty)
        _wait(["sinfo", "--noheader", "--states=idle", "--format=%n"], base)
        yield base


def holds(base: Path) -> list[Hold]:
    """Return when each finished job held which GPUs, from the trace of prolog and epilog."""
    starts, found = {}, []
    for line in (base / "trace").read_text().splitlines():
        when, event, job, numbers = line.split()
        gpus = () if numbers == "-" else tuple(int(number) for number in numbers.split(","))
        if event == "start":
            starts[job] = float(when), gpus
        elif job in starts:
            start, given = starts.pop(job)
            found.append(Hold(job, start, float(when), given))
    return found


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _configure(base: Path, params: NodeParams, stack: ExitStack) -> None:
    """Write the configuration, the hooks and the devices; have them removed at the end."""
    host = socket.gethostname().partition(".")[0]
    rest = f"RealMemory={params.memory_mb} Gres=gpu:{params.gpus}"
    values = {"base": base, "host": host, "cpus": params.cpus, "rest": rest}
    files = {ETC / "slurm.conf": CONFIGURATION.format(**values)}
    # A regular file is refused as a GPU: twins of /dev/null are taken.
    devices = [base / f"gpu{number}" for number in range(params.gpus)]
    for device in devices:
        os.mknod(device, 0o20666, os.makedev(1, 3))
    lines = [f"NodeName={host} Name=gpu File={device}\n" for device in devices]
    files[ETC / "gres.conf"] = "".join(lines)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(path.unlink, missing_ok=True)
        path.write_text(text)
    hooks = {"prolog": "start", "epilog": "end"}
    hooks = {name: HOOK.format(event=event, base=base) for name, event in hooks.items()}
    for name, text in (hooks | {"task_prolog": TASK_PROLOG}).items():
        (base / name).write_text(text)
        (base / name).chmod(0o755)
    (base / "trace").touch()
    for folder in ("state", "spool"):
        (base / folder).mkdir()


def _munged(base: Path) -> list[str]:
    key = base / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    MUNGE.mkdir(parents=True, exist_ok=True)
    MUNGE.chmod(0o755)
    shutil.chown(MUNGE, "root", "root")
    places = [f"--{name}-file={base / f'munge.{name}'}" for name in ("pid", "log", "seed")]
    return ["munged", "--foreground", "--force", f"--key-file={key}", *places]


@contextmanager
def _daemon(base: Path, command: Sequence[str]) -> Iterator[None]:
    """Run a daemon in the foreground of a process of ours; end it with SIGTERM."""
    with (base / f"{command[0]}.log").open("wb") as log:
        environment = os.environ | {"PATH": _path()}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(command: Sequence[str], base: Path) -> None:
    """Return when a command answers something; raise with the daemons' logs where it does not."""
    for _ in range(150):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip():
            return
        time.sleep(0.2)
    logs = "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in sorted(base.glob("*.log")))
    raise RuntimeError(f"{' '.join(command)} says nothing after 30 s\n{logs}")


def _empty() -> None:
    """Cancel every job and return when none is left, after half a minute at the latest."""
    for signal in ([], ["--signal=KILL", "--full"]):
        queued = ["squeue", "--noheader", "--format=%i"]
        for _ in range(75):
            jobs = subprocess.run(queued, capture_output=True, text=True).stdout.split()
            if not jobs:
                return
            subprocess.run(["scancel", *signal, *jobs], capture_output=True)
            time.sleep(0.2)


def main(command: Sequence[str]) -> int:
    """Run a command, or a shell, while a SLURM is up; return its status."""
    with one_node():
        return subprocess.run(list(command) or [os.environ.get("SHELL", "sh")]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
