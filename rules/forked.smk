# Jobs of one thread are forked from a process that has imported what they import (docs/decisions.md).
import os
from subprocess import CalledProcessError

from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript

from masktrack_core.experiment.job_server import JobServers
from masktrack_core.experiment.planning import TORCH_RULES


def one_thread(resources):
    """Return the environment in which Snakemake starts a job of one thread."""
    libraries = ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")
    threads = (
        "MAXIMUM_THREADS" if name == "VECLIB" else "NUM_THREADS" for name in libraries
    )
    environment = {f"{name}_{of}": "1" for name, of in zip(libraries, threads)}
    if folder := resources.get("tmpdir"):
        environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), folder)
    return dict(os.environ) | environment


def forking(servers, plainly):
    """Return how Snakemake is to execute a script: forked, or ``plainly`` where that is not all.

    Environments and containers have a Python of their own, several threads libraries that were
    loaded otherwise.
    """

    def execute_script(self, fname, edit=False):
        elsewhere = (self.conda_env, self.container_img, self.env_modules)
        job = None
        if (
            not edit
            and not any(elsewhere)
            and not self.shadow_dir
            and self.threads == 1
        ):
            kind = self.path.get_filename().removesuffix(".py")
            environment = one_thread(self.resources)
            job = servers.start(fname, kind, environment, heavy=kind in TORCH_RULES)
        if job is None:
            plainly(self, fname, edit=edit)
            return
        record = self.bench_record
        if record is None:
            ended = job.run()
        else:
            with benchmarked(job.pid, record):
                ended = job.run()
            # Snakemake looks now and then, and misses the end; the kernel does not.
            record.cpu_time = ended.cpu_s
            record.cpu_usage = 100 * ended.cpu_s
            record.max_rss = max(record.max_rss or 0, ended.memory_mb)
        if ended.status:
            raise CalledProcessError(ended.status, f"{sys.executable} {fname}")

    return execute_script


if config["fork_jobs"] and workflow.is_main_process and sys.platform == "linux":
    SERVERS = JobServers(shlex.split(sys.executable)[0])
    PythonScript.execute_script = forking(SERVERS, PythonScript.execute_script)
