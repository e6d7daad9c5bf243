"""Jobs done by stage, time left, and what is said of a failure: against sums made by hand."""

import pytest

from masktrack_core.experiment.run_progress import RunProgress, duration, failure_words


@pytest.fixture
def run():
    run = RunProgress()
    run.costs, run.cores = {"track": 10.0, "score": 3.0}, 2
    run.plan({"track": 4, "score": 2, "page": 1})
    return run


def test_what_is_left_before_anything_ran_is_costs_by_cores(run):
    assert run.left_s(100) == ((4 * 10 + 2 * 3) / 2, 1)
    assert run.left_words(100) == "at least 23 s left"


def test_what_was_measured_counts_instead_of_what_is_known_and_for_as_many_as_ran_at_once(run):
    run.start(1, "track", 100)
    run.start(2, "track", 100)
    assert run.finish(1, 104) is None
    assert run.finish(2, 108) is None
    # 12 s of jobs in 8 s: one and a half at once; a track takes 6 s, two are open.
    assert run.left_s(108) == (pytest.approx(2 * 6 / 1.5 + 2 * 3 / 2), 1)


def test_a_running_job_has_less_left_the_longer_it_runs_but_never_less_than_nothing(run):
    run.start(1, "track", 0)
    assert run.left_s(4)[0] == (4 * 10 - 4 + 6) / 2
    assert run.left_s(400)[0] == (4 * 10 - 10 + 6) / 2


def test_a_stage_is_named_when_its_last_job_is_done_and_a_failed_job_is_not_done(run):
    run.start(1, "score", 0)
    run.start(2, "score", 0)
    assert run.finish(1, 1) is None
    run.stop(2, 2)
    assert (run.stage_words("score"), run.running_words()) == ("score 1/2", "waiting")
    run.start(2, "score", 3)
    assert run.running_words() == "score 1/2"
    assert run.finish(2, 4) == "score"
    assert (run.done, run.planned, run.run_words(4)[:9]) == (2, 7, "2/7 jobs,")


def test_only_jobs_of_unknown_cost_are_no_time():
    run = RunProgress()
    run.plan({"page": 3})
    assert run.left_words(0) == "time left not known"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (700, "12 min"),
     (3600, "1 h"), (4800, "1 h 20 min"), (200000, "2 d 7 h")],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds, words):
    assert duration(seconds) == words


COST = "… INFO masktrack_core.experiment.provenance: memory peak 90 MB\nCPU time 1.00 s\n"


def test_a_failure_is_which_job_the_last_lines_of_its_log_and_the_file_to_open(tmp_path):
    log = tmp_path / "1.log"
    log.write_text("".join(f"line {n}\n" for n in range(20)) + "ERROR mask: a poem\n" + COST)
    words = failure_words("track", {"sequence": "bus", "object": "1"}, [str(log)], "exit status 1")
    expected = ["failed: track (sequence bus, object 1)", *(f"  line {n}" for n in range(13, 20))]
    assert words.splitlines() == [*expected, "  ERROR mask: a poem", f"  see {log}"]


@pytest.mark.parametrize("said", ["died with <Signals.SIGKILL: 9>.", ""])
def test_a_job_that_was_killed_gets_the_hint_at_memory(tmp_path, said):
    """By what its executor says, or by a log that ends before its end."""
    log = tmp_path / "1.log"
    log.write_text("… INFO masktrack_core.experiment.provenance: reads index.csv\n")
    words = failure_words("train", {}, [str(log)], said)
    assert "memory ran out" in words and "needs.train.mem_mb" in words
    log.write_text(log.read_text() + COST)
    assert ("memory" in failure_words("train", {}, [str(log)], said)) == bool(said)


def test_what_snakemake_says_stands_where_there_is_no_log(tmp_path):
    words = failure_words("table", {}, [str(tmp_path / "no.log")], "MissingOutput: table.csv")
    assert "no log" in words and "MissingOutput: table.csv" in words
