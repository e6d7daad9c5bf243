"""Kill the workflow again and again, fill its disk, damage its files: the table stays the same.

    python benchmarks/faults.py --folder /tmp/faults --kills 25 --seed 1            # config.yaml
    python benchmarks/faults.py --folder /tmp/faults --short                        # minutes

One undisturbed run, then one that is killed with SIGKILL at random moments: all its processes, one
job, or Snakemake alone (its jobs work on as orphans). It is started again with the same command
each time, nothing else is done. Between two kills the disk fills once (a tmpfs as large as what is
there and half a megabyte; needs root), a file cannot be read once (a folder stands in its place),
and files of each kind are damaged. Prints a row a fault and a summary as JSON, and exits with 1
where a table differs in one byte or a finished job ran again for no reason.
"""

import argparse
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[1]
TABLES = ("table2.csv", "table2_sequences.csv", "table2.md")
TARGET = "results/table2.csv"
DONE = re.compile(r"^Finished jobid: (\d+) \(Rule: (\w+)\)", re.MULTILINE)


def blocks(text):
    """Yield what Snakemake says of each job: number, name, files that go in and come out."""
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", text, re.MULTILINE):
        given = dict(re.findall(r"^    (jobid|wildcards|input|output): (.*)$", body, re.MULTILINE))
        yield {
            "jobid": given["jobid"],
            "name": f"{rule} {given.get('wildcards', '')}".strip(),
            "input": re.findall(r"[\w./-]+", given.get("input", "")),
            "output": re.findall(r"[\w./-]+", given.get("output", "")),
        }


def _works_in(folder, process):
    try:
        return process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Runs:
    """A folder in which the workflow is run by the command of the README, again and again."""

    def __init__(self, folder, overlay, cores):
        """Make the folder."""
        self.folder, self.count = Path(folder), 0
        self.folder.mkdir(parents=True)
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--configfile", str(ROOT / "config.yaml"), str(self.folder / "overlay.yaml")]
        self.command = [*command, "--cores", str(cores), "--directory", str(self.folder)]
        #: name of a job → how often it was finished, and how often that was due to damage
        self.finished, self.excused = collections.Counter(), collections.Counter()

    def start(self, target=TARGET):
        """Start a run in a group of its own: that is what a terminal or a scheduler kills."""
        self.count += 1
        self.said = self.folder / f"run{self.count:03d}.log"
        with self.said.open("w") as log:
            self.process = subprocess.Popen(
                [*self.command, target],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def end(self, limit=None):
        """Return the status; None where the limit was reached first."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def text(self):
        """Return what the last run said."""
        return self.said.read_text(errors="replace")

    def note_finished(self):
        """Count the jobs that the last run finished; return them."""
        text = self.text()
        names = {job["jobid"]: job["name"] for job in blocks(text)}
        done = [names.get(number, rule) for number, rule in DONE.findall(text)]
        self.finished.update(done)
        return done

    def plan(self):
        """Return the jobs that would run now."""
        done = subprocess.run([*self.command, "-n", TARGET], capture_output=True, text=True)
        return list({job["jobid"]: job for job in blocks(done.stdout + done.stderr)}.values())

    def await_first_job(self):
        """Wait until a job was begun, or the run is over: a kill before that says little."""
        while self.process.poll() is None and not list(blocks(self.text())):
            time.sleep(0.1)

    def jobs(self):
        """Return the processes of jobs below Snakemake, which servers forked."""
        found = []
        try:
            for process in psutil.Process(self.process.pid).children():
                if any(part.endswith("job_server.py") for part in process.cmdline()):
                    found += process.children()
        except psutil.Error:
            pass
        return found

    def await_orphans(self):
        """Wait for the jobs that work on although their Snakemake is gone."""
        while any(_works_in(self.folder, process) for process in psutil.process_iter()):
            time.sleep(0.2)

    def kill(self, how):
        """Kill; return what was killed."""
        jobs = self.jobs()
        if how == "job" and jobs:
            job = random.choice(jobs)
            what = job.name()
            job.kill()
            self.end(600)  # Snakemake lets the other jobs end, and gives up
            return f"job {what}"
        if how == "parent":
            self.process.kill()
            self.end()
            return f"snakemake, {len(jobs)} orphans"
        os.killpg(self.process.pid, signal.SIGKILL)
        self.end()
        return f"all, {len(jobs)} jobs"

    def tables(self):
        """Return the bytes of the tables."""
        return [(self.folder / "results" / name).read_bytes() for name in TABLES]


def undisturbed(folder, overlay, cores):
    """Return the tables of a run that nothing disturbs, its number of jobs and seconds."""
    if (folder / "results" / "table2.csv").exists():  # of an earlier call, with the same code
        return [(folder / "results" / name).read_bytes() for name in TABLES], 0, 0
    runs = Runs(folder, overlay, cores)
    began = time.monotonic()
    runs.start()
    if runs.end() != 0:
        raise SystemExit(runs.text()[-3000:])
    return runs.tables(), len(runs.note_finished()), time.monotonic() - began


def row(number, kind, what, done):
    print(f"{number:3d}  {kind:12s} finished {len(done):3d}  {what}", flush=True)


def disturb(runs, kills, mean_s):
    """Kill the run ``kills`` times, damage in between; return the rows of a report."""
    rows, damage = [], dict(DAMAGE)
    number = 0
    while number < kills:
        runs.start()
        runs.await_first_job()
        wait = random.uniform(0.05, 2) * mean_s
        if runs.end(wait) == 0:
            runs.note_finished()
            break
        status = runs.process.poll()
        if status is not None:
            raise SystemExit(f"run {runs.count} failed by itself:\n{runs.text()[-3000:]}")
        number += 1
        how = random.choices(["all", "job", "parent"], [2, 1, 1])[0]
        how = "all" if how == "job" and not runs.jobs() else how
        what = runs.kill(how)
        done = runs.note_finished()
        rows.append({"fault": how, "what": what, "after_s": round(wait, 1), "finished": len(done)})
        row(number, how, what, done)
        if number >= kills // 3 and runs.finished:
            for name, act in list(damage.items()):
                if name == LAST and number < kills:
                    continue
                outcome = act(runs)
                if outcome:
                    del damage[name]
                    runs.excused.update(j["name"] for j in runs.plan() if runs.finished[j["name"]])
                    rows.append({"fault": name, "what": outcome})
                    row(number, name, outcome, [])
                    break
    left = sorted(damage)
    if number < kills or left:
        print(f"the run was over after {number} kills; not done: {left}", flush=True)
    return rows


def refused(runs, path, target):
    """Run what reads a file; return the line that names the file and says what is wrong."""
    runs.start(target)
    status = runs.end(3600)
    runs.note_finished()
    logs = sorted(
        (runs.folder / "results" / "logs").rglob("*.log"), key=lambda p: p.stat().st_mtime
    )
    text = runs.text() + "".join(log.read_text(errors="replace") for log in logs[-20:])
    said = [line for line in text.splitlines() if str(path) in line and "expected" in line]
    if status == 0 or not said:
        raise SystemExit(f"{path}: damaged, and nobody said so (status {status})\n{text[-3000:]}")
    return said[0].split("InputError: ")[-1].split("provenance: ")[-1].strip()


def needed_later(runs, pattern):
    """Return a finished file, and an output of a job still to be run that reads it; or nothing."""
    runs.await_orphans()
    jobs = runs.plan()
    made = {path for job in jobs for path in job["output"]}
    for path in sorted((runs.folder / "results").glob(pattern)):
        name = str(path.relative_to(runs.folder))
        readers = [job["output"][0] for job in jobs if name in job["input"]]
        if path.is_file() and readers and name not in made:
            return path, readers[0]
    return None


def damaged(pattern):
    """Return a fault: a bit of a file is turned over, its time kept; the run is to say so."""

    def act(runs):
        found = needed_later(runs, pattern)
        if found is None:
            return None
        path, target = found
        times, whole = path.stat(), bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 1
        path.write_bytes(whole)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        said = refused(runs, path.relative_to(runs.folder), target)
        path.unlink()  # what the message says
        return said

    return act


def unreadable(runs):
    """A folder stands where a file was: root, too, cannot read that."""
    found = needed_later(runs, "index/*/*.csv")
    if found is None:
        return None
    path, target = found
    kept = path.with_name("kept")
    path.rename(kept)
    path.mkdir()
    os.utime(path, ns=(kept.stat().st_atime_ns, kept.stat().st_mtime_ns))
    said = refused(runs, path.relative_to(runs.folder), target)
    if path.is_dir():
        path.rmdir()
        kept.rename(path)
    else:
        kept.unlink()
    return said


def full_disk(runs):
    """The folder of results lies on a disk that is nearly full."""
    runs.await_orphans()
    results, kept = runs.folder / "results", runs.folder / "kept"
    size = sum(p.stat().st_blocks * 512 for p in results.rglob("*")) + 2**19
    subprocess.run(["cp", "-a", str(results), str(kept)], check=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(results)]
    if subprocess.run(mount, capture_output=True).returncode:
        subprocess.run(["rm", "-rf", str(kept)], check=True)
        return "not done: no right to mount"
    subprocess.run(["cp", "-a", f"{kept}/.", str(results)], check=True)
    runs.start()
    status = runs.end(3600)
    done, text = runs.note_finished(), runs.text()
    logs = "".join(p.read_text(errors="replace") for p in results.rglob("*.log"))
    said = re.findall(r"^.*No space left on device.*$", text + logs, re.MULTILINE)
    subprocess.run(["rm", "-rf", str(kept)], check=True)
    subprocess.run(["cp", "-a", str(results), str(kept)], check=True)
    subprocess.run(["umount", str(results)], check=True)
    subprocess.run(["rm", "-rf", str(results)], check=True)
    kept.rename(results)
    if status == 0:
        return None
    return (
        f"status {status} after {len(done)} jobs: {said[0].strip()[:150] if said else text[-300:]}"
    )


DAMAGE = {
    "full disk": full_disk,
    "unreadable": unreadable,
    "bad index": damaged("index/*/*.csv"),
    "bad network": damaged("finetuned/**/*.safetensors"),
    "bad track": damaged("tracks/**/*.zip"),
    "bad scores": damaged("scores/**/*.csv"),
}
#: Only the table reads scores, so that nothing is left to kill once it has said so.
LAST = "bad scores"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one clip of each set, a few steps")
    parser.add_argument("--mean-s", type=float, help="mean seconds to a kill (default: measured)")
    options = parser.parse_args()
    random.seed(options.seed)
    # More often than anybody would: kills come every few seconds. No result depends on it.
    overlay = {"state_every_s": 2}
    if options.short:
        overlay |= yaml.safe_load((ROOT / "examples" / "short.yaml").read_text())
    want, jobs, seconds = undisturbed(options.folder / "undisturbed", overlay, options.cores)
    print(f"undisturbed: {jobs} jobs in {seconds:.0f} s", flush=True)
    runs = Runs((options.folder / "disturbed").absolute(), overlay, options.cores)
    began = time.monotonic()
    rows = disturb(runs, options.kills, options.mean_s or 0.5 * seconds / options.kills)
    runs.start()
    status = runs.end()
    runs.note_finished()
    again = {
        name: count - 1 - runs.excused[name]
        for name, count in runs.finished.items()
        if count - 1 > runs.excused[name]
    }
    summary = {
        "kills": sum(row["fault"] in ("all", "job", "parent") for row in rows),
        "starts": runs.count,
        "jobs": jobs,
        "seconds": round(time.monotonic() - began),
        "finished": sum(runs.finished.values()),
        "again_after_damage": sum(runs.excused.values()),
        "again_for_no_reason": again,
        "identical": status == 0 and runs.tables() == want,
    }
    (options.folder / "faults.json").write_text(json.dumps({"rows": rows} | summary, indent=1))
    print(json.dumps(summary, indent=1))
    return 0 if summary["identical"] and not again else 1


if __name__ == "__main__":
    sys.exit(main())
