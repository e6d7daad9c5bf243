"""Same seed, same bytes, whatever the number of cores."""

from .conftest import SHORT, Workflow


def test_one_and_two_cores_give_the_same_bytes(tmp_path):
    tables = []
    for cores in ("1", "2"):
        folder = tmp_path / cores
        folder.mkdir()
        run = Workflow(folder, SHORT)("--cores", cores, "results/table2.csv")
        assert run.status == 0, run.output[-3000:]
        files = ("table2.csv", "table2_sequences.csv", "table2.md")
        tables.append([(folder / "results" / name).read_bytes() for name in files])
    assert tables[0] == tables[1]
