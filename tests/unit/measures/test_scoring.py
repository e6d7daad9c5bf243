"""``masktrack score``: hand-made folders in DAVIS layout, and every way they can be wrong."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktrack_core.commands import cli
from masktrack_core.errors import InputError
from masktrack_core.experiment.score_report import score_report
from masktrack_core.files import io
from masktrack_core.measures import scoring
from masktrack_core.measures.metrics import (
    contour_accuracy,
    region_similarity,
    temporal_instability,
)
from masktrack_core.measures.scoring import (
    Fact,
    GivenMasks,
    ScoringRules,
    SequenceScore,
    frame_rows,
    read_davis_facts,
    sequence_rows,
    summary_rows,
)

FACTS = {
    "a": Fact(split="train", is_stable=True),
    "b": Fact(split="val", is_stable=False),
    "c": Fact(split="val", is_stable=True),
}


def squares(offset, count=6, size=(40, 50)):
    masks = np.zeros((count, *size), bool)
    for t in range(count):
        masks[t, 8 : 28 + offset, 5 + t : 25 + t + offset] = True
    return masks


def write(folder, masks, value=255):
    folder.mkdir(parents=True)
    for t, mask in enumerate(masks):
        Image.fromarray((mask * value).astype(np.uint8)).save(folder / f"{t:05d}.png")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "read_davis_facts", lambda: FACTS)
    truth, pred = tmp_path / "DAVIS" / "Annotations" / "480p", tmp_path / "masks"
    for offset, name in enumerate("abc"):
        write(truth / name, squares(0))
        write(pred / name, squares(offset))
    return truth, pred


def score(*arguments):
    # One process, unless a test asks for more: starting others takes a second and a half each.
    return cli.main(["score", "--jobs", "1", *map(str, arguments)])


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_tables_hold_the_measures_of_the_scored_frames(folders, tmp_path, capsys):
    _, pred = folders
    assert score(tmp_path / "DAVIS", pred, "--out", tmp_path / "out", "--jobs", 1) == 0
    frames = rows(tmp_path / "out" / "per_frame.csv")
    assert [row["frame"] for row in frames[:4]] == ["00001", "00002", "00003", "00004"]
    assert len(frames) == 12
    expected = region_similarity(squares(1), squares(0))[1:-1]
    assert [float(row["J"]) for row in frames[4:8]] == expected.tolist()
    contours = contour_accuracy(squares(1), squares(0))[1:-1]
    assert [float(row["F"]) for row in frames[4:8]] == contours.tolist()
    sequences = rows(tmp_path / "out" / "per_sequence.csv")
    assert float(sequences[1]["F_mean"]) == pytest.approx(contours.mean(), abs=1e-15)
    assert abs(contours.mean() - expected.mean()) > 0.01
    assert [row["set"] for row in sequences] == ["train", "val", "val"]
    assert [row["T"] == "" for row in sequences] == [False, True, False]
    assert float(sequences[1]["J_mean"]) == pytest.approx(expected.mean(), abs=1e-15)
    summary = rows(tmp_path / "out" / "summary.csv")
    assert [row["split"] for row in summary] == ["train", "val", "train + val"]
    assert [row["T_sequences"] for row in summary] == ["1", "1", "2"]
    means = [float(row["J_mean"]) for row in sequences]
    assert float(summary[2]["J_mean"]) == pytest.approx(sum(means) / 3, abs=1e-15)
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].split()[:5] == ["train", "1", "100.0", "100.0", "0.0"]


def test_instability_starts_from_the_true_first_mask(folders, tmp_path):
    truth, pred = folders
    assert score(truth, pred, "--out", tmp_path / "out", "--jobs", 1) == 0
    expected = temporal_instability(np.concatenate([squares(0)[:1], squares(2)[1:-1]]))
    frames = rows(tmp_path / "out" / "per_frame.csv")
    assert [float(row["T"]) for row in frames[8:]] == expected.tolist()


#: J and F of a sequence of eight frames in which every statistic is another number.
J = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
F = np.array([0.9, 0.7, 0.6, 0.45, 0.4, 0.4, 0.1, 0.05])
#: By hand: bins of decay are the frames 0–2 and 5–7 (edges 1, 2.75, 4.5, 6.25, 8).
STATISTICS = {
    "J_mean": 0.65,
    "J_recall": 5 / 8,
    "J_decay": 0.9 - 0.4,
    "F_mean": 3.6 / 8,
    "F_recall": 3 / 8,
    "F_decay": 2.2 / 3 - 0.55 / 3,
    "T": 0.2,
}


def measured(sequence, *, object_id=1, shift=0.0):
    return SequenceScore(
        sequence=sequence,
        object_id=object_id,
        frames=tuple(f"{t:05d}" for t in range(8)),
        j=J - shift,
        f=F - shift,
        t=np.array([np.nan, 0.1, 0.3, *[np.nan] * 5]),
    )


def test_every_column_of_a_sequence_holds_its_own_statistic():
    (row,) = sequence_rows([measured("b", object_id=7)], FACTS)
    assert {key: row[key] for key in ("sequence", "object", "set", "frames")} == {
        "sequence": "b",
        "object": 7,
        "set": "val",
        "frames": 8,
    }
    assert {key: row[key] for key in STATISTICS} == pytest.approx(STATISTICS)
    assert len(set(STATISTICS.values())) == 7


def test_every_column_of_a_frame_holds_its_own_measure():
    second = frame_rows([measured("b", object_id=7)])[1]
    expected = {"sequence": "b", "object": 7, "frame": "00001", "J": 0.9, "F": 0.7, "T": 0.1}
    assert second == expected


def test_every_column_of_the_summary_is_the_mean_of_its_own():
    both = sequence_rows([measured("b"), measured("c", shift=0.04)], FACTS)
    facts = {name: Fact(split=f"{one.split} "[:-1], is_stable=True) for name, one in FACTS.items()}
    val, everything = summary_rows(both, facts)  # a split read from a file is another text
    assert (val["split"], everything["split"]) == ("val", "all scored")
    assert (val["sequences"], val["T_sequences"]) == (2, 2)
    for name in ("J_mean", "F_mean"):
        assert val[name] == pytest.approx(STATISTICS[name] - 0.02)
    for name in ("J_recall", "J_decay", "F_recall", "F_decay", "T"):
        assert val[name] == pytest.approx(STATISTICS[name])


@pytest.mark.parametrize("bad", [{"skip": ("middle",)}, {"before": "left"}, {"after": "left"}])
def test_rules_of_other_words_are_refused(bad):
    with pytest.raises(InputError, match="rules: expected skip"):
        ScoringRules(**bad)


def test_the_print_has_the_columns_of_its_heading_in_percent():
    lines = score_report({"m": [measured("b")]}, FACTS, "text").splitlines()
    assert lines[1].split() == [
        "sequences",
        "n",
        *["mean", "recall", "decay"] * 2,
        "J&F",
        "mean",
        "n",
    ]
    expected = ["65.0", "62.5", "50.0", "45.0", "37.5", "55.0", "55.0", "20.0"]
    assert lines[2].split() == ["all", "scored", "1", *expected, "1"]
    assert lines[6].split() == ["b", "8", *expected]


def test_objects_are_printed_each_by_its_name_below_the_mean():
    objects = [measured("s", object_id=n, shift=0.04 * n) for n in (1, 2)]
    lines = score_report({"m": objects}, FACTS, "text").splitlines()
    assert lines[2].split()[:5] == ["all", "scored", "2", "59.0", "62.5"]
    assert lines[5].split()[:3] == ["sequence", "object", "frames"]
    assert [line.split()[:4] for line in lines[6:]] == [
        ["s", "1", "8", "61.0"],
        ["s", "2", "8", "57.0"],
    ]


def test_the_facts_of_davis_are_those_of_the_benchmark():
    """27 of 50 sequences are stable, 30 are for training (Perazzi et al., CVPR 2016)."""
    facts = read_davis_facts()
    assert len(facts) == 50
    assert sum(fact.split == "train" for fact in facts.values()) == 30
    assert sum(fact.split == "val" for fact in facts.values()) == 20
    assert sum(fact.is_stable for fact in facts.values()) == 27
    for name, fact in {
        "bear": Fact(split="train", is_stable=True),
        "blackswan": Fact(split="val", is_stable=True),
        "breakdance": Fact(split="val", is_stable=False),
        "bmx-bumps": Fact(split="train", is_stable=False),
    }.items():
        assert facts[name] == fact


@pytest.mark.parametrize(
    ("words", "stable", "unstable"),
    [
        ((), True, False),
        (("--temporal", "all"), True, True),
        (("--temporal", "none"), False, False),
    ],
)
def test_instability_is_measured_where_the_facts_of_davis_say(tmp_path, words, stable, unstable):
    for name in ("blackswan", "breakdance"):
        write(tmp_path / "truth" / name, squares(0))
        write(tmp_path / "pred" / name, squares(1))
    out = "--out", tmp_path / "out"
    assert score(tmp_path / "truth", tmp_path / "pred", *out, "--jobs", 1, *words) == 0
    found = {row["sequence"]: row["T"] != "" for row in rows(tmp_path / "out/per_sequence.csv")}
    assert found == {"blackswan": stable, "breakdance": unstable}


def test_names_without_leading_zeros_are_in_the_order_of_their_numbers(tmp_path):
    """First and last frame, and the steps of T, are those of the padded names."""
    truth, pred = squares(0, count=12), squares(2, count=12)
    pred[3:, 8:12] = False
    for kind in ("padded", "bare"):
        for folder, masks in (("truth", truth), ("pred", pred)):
            place = tmp_path / kind / folder / "s"
            place.mkdir(parents=True)
            for t, mask in enumerate(masks):
                name = f"{t:05d}" if kind == "padded" else f"{t + 1}"
                Image.fromarray(mask.astype(np.uint8) * 255).save(place / f"{name}.png")
        sides = tmp_path / kind / "truth", tmp_path / kind / "pred"
        out = "--out", tmp_path / kind / "out"
        assert score(*sides, "--temporal", "all", *out, "--jobs", 1) == 0
    padded, bare = (rows(tmp_path / kind / "out" / "per_frame.csv") for kind in ("padded", "bare"))
    assert [row["frame"] for row in bare] == [str(t) for t in range(2, 12)]
    for measure in "JFT":
        assert [row[measure] for row in bare] == [row[measure] for row in padded]
    assert len({row["T"] for row in padded}) > 1


def test_jobs_do_not_change_the_tables(folders, tmp_path):
    truth, pred = folders
    for jobs in (1, 2):
        assert (
            score(truth, pred, "--jobs", jobs, "--temporal", "all", "--out", tmp_path / str(jobs))
            == 0
        )
    for name in ("per_frame.csv", "per_sequence.csv", "summary.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_zip_with_a_top_folder_scores_like_its_folder(folders, tmp_path, capsys):
    truth, pred = folders
    archive = tmp_path / "masks.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(pred.rglob("*.png")):
            stream.write(path, Path("my masks") / path.relative_to(pred))
    assert score(truth, archive, "--jobs", 1) == 0
    from_archive = capsys.readouterr().out
    assert score(truth, pred, "--jobs", 1) == 0
    assert capsys.readouterr().out == from_archive


@pytest.mark.parametrize("value", [1, 128])
def test_masks_of_one_and_of_grey_score_like_masks_of_255(folders, tmp_path, capsys, value):
    truth, _ = folders
    write(tmp_path / "other" / "b", squares(1), value)
    write(tmp_path / "only" / "b", squares(1))
    assert score(truth, tmp_path / "other", "--jobs", 1) == 0
    first = capsys.readouterr().out
    assert score(truth, tmp_path / "only", "--jobs", 1) == 0
    assert capsys.readouterr().out == first
    assert "all scored" in first
    assert "val" not in first.replace("all scored", "")


def test_graded_masks_are_cut_at_half_of_their_largest_value_where_one_says_so(
    folders, tmp_path, capsys
):
    truth, _ = folders
    graded = np.where(squares(0), 90, 0) + np.where(squares(2) & ~squares(0), 44, 0)
    write(tmp_path / "graded" / "b", graded, 1)
    arguments = [truth, tmp_path / "graded", "--out", tmp_path / "out", "--jobs", 1]
    assert score(*arguments) == 2
    error = capsys.readouterr().err
    assert "an object each (--mask-values labels)" in error
    assert "one object above half of the largest (--mask-values binary)" in error
    assert score(*arguments, "--mask-values", "binary") == 0
    assert float(rows(tmp_path / "out" / "summary.csv")[0]["J_mean"]) == 1.0


def write_labels(folder, numbers):
    folder.mkdir(parents=True)
    for t in range(6):
        labels = np.zeros((40, 50), np.uint8)
        for number in numbers:
            labels[8 * number : 8 * number + 6, 5 + t : 25 + t] = number
        io.write_labels(folder / f"{t:05d}.png", labels)


def test_each_object_of_label_pngs_is_scored_apart(tmp_path):
    write_labels(tmp_path / "truth" / "s", (1, 2, 3))
    write_labels(tmp_path / "pred" / "s", (1, 3))
    arguments = [tmp_path / "truth", tmp_path / "pred", "--out", tmp_path / "out", "--jobs", 1]
    assert score(*arguments, "--object", "all") == 0
    found = {row["object"]: float(row["J_mean"]) for row in rows(tmp_path / "out/per_sequence.csv")}
    assert found == {"1": 1.0, "2": 0.0, "3": 1.0}
    assert score(*arguments, "--object", 3) == 0
    assert [row["object"] for row in rows(tmp_path / "out/per_sequence.csv")] == ["3"]


def test_a_folder_an_object_scores_like_label_pngs(tmp_path):
    write_labels(tmp_path / "truth" / "s", (1, 2))
    for number in (1, 2):
        folder = tmp_path / "pred" / "s" / str(number)
        write_labels(tmp_path / "only" / str(number), (number,))
        folder.mkdir(parents=True)
        for path in (tmp_path / "only" / str(number)).glob("*.png"):
            io.write_mask(folder / path.name, io.read_labels(path) == number)
    out = tmp_path / "out"
    assert score(tmp_path / "truth", tmp_path / "pred", "--object", "all", "--out", out) == 0
    assert [float(row["J_mean"]) for row in rows(out / "per_sequence.csv")] == [1.0, 1.0]


def test_several_objects_without_a_choice_are_refused(tmp_path, capsys):
    write_labels(tmp_path / "truth" / "s", (1, 2))
    assert score(tmp_path / "truth", tmp_path / "truth", "--jobs", 1) == 2
    error = capsys.readouterr().err
    assert "00000.png: expected one object, got the ids [1, 2]" in error
    assert "--object" in error


@pytest.mark.parametrize("word", ["0", "255", "every", "-1"])
def test_an_object_is_a_number_or_all(word, capsys):
    with pytest.raises(SystemExit) as stopped:
        score("a", "b", f"--object={word}")
    assert stopped.value.code == 2
    assert "expected an object id from 1 to 254, or all" in capsys.readouterr().err


def test_an_archive_that_leaves_its_folder_is_refused(folders, tmp_path, capsys):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("../escaped/00000.png", b"")
    assert score(folders[0], archive) == 2
    assert "'../escaped/00000.png'" in capsys.readouterr().err
    assert not (tmp_path / "escaped").exists()


def test_what_macos_adds_to_archives_is_no_mask(folders, tmp_path):
    archive = tmp_path / "mac.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(folders[1].rglob("*.png")):
            stream.write(path, path.relative_to(folders[1]))
            stream.writestr(f"__MACOSX/{path.parent.name}/._{path.name}", b"x")
    assert score(folders[0], archive, "--jobs", 1) == 0


def test_first_and_last_mask_need_not_be_there(folders):
    truth, pred = folders
    (pred / "a" / "00000.png").unlink()
    (pred / "a" / "00005.png").unlink()
    assert score(truth, pred, "--jobs", 1) == 0


def test_every_mask_that_is_wrong_is_named(folders, tmp_path, capsys):
    truth, pred = folders
    (pred / "a" / "00002.png").unlink()
    (pred / "a" / "00003.png").unlink()
    Image.new("L", (50, 40)).save(pred / "a" / "other.png")
    Image.new("L", (7, 8)).save(pred / "b" / "00001.png")
    (pred / "c" / "00004.png").write_bytes(b"no picture")
    for lines in (
        ["a/00002.png: missing", "a/00003.png: missing", "a/other.png: extra", "3 problems"],
        [
            "00001.png: expected the size of TRUTH, (40, 50), got (8, 7)",
            "00004.png: expected a picture",
            "2 problems, no score",
        ],
    ):
        assert score(truth, pred, "--out", tmp_path / "out", "--jobs", 1) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert [line for line in lines if line not in output.err] == []
        assert not (tmp_path / "out").exists()
        shutil.rmtree(pred / "a", ignore_errors=True)


def test_names_that_do_not_fit_are_told_before_anything_is_measured(folders, capsys, monkeypatch):
    truth, pred = folders
    monkeypatch.setattr(scoring, "score_together", lambda tasks: pytest.fail("measured"))
    (pred / "a" / "00002.png").unlink()
    assert score(truth, pred, "--jobs", 1) == 2
    assert "a/00002.png: missing" in capsys.readouterr().err


def test_what_both_sides_have_is_scored_and_the_rest_named(folders, capsys, caplog):
    truth, pred = folders
    for name in "defghi":
        write(pred / name, squares(0))
    shutil.rmtree(pred / "c")
    assert score(truth, pred, "--jobs", 1) == 0
    assert "left out d, e, f and 3 more sequences: of MASKS, not in TRUTH" in caplog.text
    assert "left out c: of TRUTH, not in MASKS" in caplog.text
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [words[0] for words in printed if words[:1] in (["a"], ["b"], ["c"])] == ["a", "b"]
    assert score(truth, pred, "--strict", "--jobs", 1) == 2
    assert "2 problems, no score" in capsys.readouterr().err
    for name in "ab":
        shutil.rmtree(pred / name)
    assert score(truth, pred, "--jobs", 1) == 2
    assert "TRUTH and MASKS have no sequence in common" in capsys.readouterr().err


def test_named_sequences_are_scored_and_must_be_there(folders, capsys):
    truth, pred = folders
    assert score(truth, pred, "--sequences", "c,a", "--jobs", 1, "--format", "csv") == 0
    found = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["sequence"] for row in found] == ["a", "c", "", ""]
    assert score(truth, pred, "--sequences", "a,x", "--jobs", 1) == 2
    assert "x: missing in TRUTH and in MASKS" in capsys.readouterr().err


def test_what_is_missing_of_every_sequence_is_named_and_whose_where_there_are_several(folders):
    truth, pred = folders
    for name in "ac":
        (pred / name / "00002.png").unlink()
    one = {"one": pred}
    for given, before in ((one, ""), (one | {"two": pred}, "one: ")):
        with pytest.raises(InputError) as raised:
            scoring.score_methods(truth, given)
        lines = str(raised.value).split("\n")
        assert lines[1:3] == [f"{before}{name}/00002.png: missing" for name in "ac"]
        assert len(lines) == 1 + 2 * len(given)


def test_the_whole_of_davis_is_train_and_val_and_nothing_beside():
    names = {*FACTS, "walk"}
    scored = {name: sequence_rows([measured(name)], FACTS)[0] for name in names}
    of_davis = [scored[name] for name in FACTS]
    assert summary_rows(of_davis, FACTS)[-1]["split"] == "train + val"
    assert summary_rows([*of_davis, scored["walk"]], FACTS)[-1]["split"] == "all scored"
    assert summary_rows(of_davis[:2], FACTS)[-1]["split"] == "all scored"


def test_what_has_no_name_beside_several_sequences_is_said_by_its_side(folders, tmp_path):
    truth, pred = folders
    alone = shutil.copytree(pred / "a", tmp_path / "alone")
    with pytest.raises(InputError, match=r"^MASKS: expected .* the 3 sequences of TRUTH, got"):
        scoring.score(truth, alone)
    with pytest.raises(InputError, match=r"^TRUTH: expected .* the 3 sequences of MASKS, got"):
        scoring.score(alone, pred)


def test_a_sequence_without_the_object_does_not_end_the_others(folders, caplog):
    truth, pred = folders
    with pytest.raises(InputError) as raised:
        scoring.score(truth, pred, objects=1)
    named = [line[0] for line in str(raised.value).splitlines()[1:]]
    assert named == ["a", "b", "c"] and "expected object 1 in the truth" in str(raised.value)
    for folder in [*truth.iterdir(), *pred.iterdir()]:
        labels = squares(0) * np.uint8(2)
        labels[:, :5, :5] = folder.name != "b"
        for t, mask in enumerate(labels):
            Image.fromarray(mask).save(folder / f"{t:05d}.png")
    with caplog.at_level("WARNING"):
        scores = scoring.score(truth, pred, objects=1)
    assert [one.sequence for one in scores] == ["a", "c"]
    assert "b: left out, no frame of its truth holds object 1" in caplog.text


def test_the_log_says_how_many_are_scored_where_no_bar_does(folders, caplog):
    truth, pred = folders
    caplog.set_level("INFO", logger="masktrack_core")
    said = ["scoring 3 objects of sequences, processes: 1"]
    for options, expected in (({}, said), ({"progress": True}, []), ({"sequences": ["b"]}, [])):
        scoring.score(truth, pred, **options)
        assert [text for text in caplog.messages if "processes" in text] == expected
        caplog.clear()


def test_an_object_without_a_number_is_the_first():
    nothing = np.zeros(0)
    alone = SequenceScore(sequence="a", frames=(), j=nothing, f=nothing, t=None)
    given = {"sequence": "a", "truth": GivenMasks({}), "frames": (), "first": 0}
    task = scoring.ScoringTask(**given, pred=None, with_temporal=False)
    assert alone.object_id == task.object_id == 1


@pytest.fixture
def methods(folders, tmp_path):
    truth, pred = folders
    archive = tmp_path / "late.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(truth.rglob("*.png")):
            before = path.with_name(f"{max(int(path.stem) - 1, 0):05d}.png")
            stream.write(before, path.relative_to(truth))
    return truth, pred, archive


def test_methods_stand_below_each_other_in_every_format(methods, capsys):
    truth, pred, archive = methods
    printed = {}
    for form in ("text", "md", "tex", "csv", "json"):
        assert score(truth, pred, archive, "--format", form, "--jobs", 1) == 0
        printed[form] = capsys.readouterr().out
    js = [region_similarity(squares(n), squares(0))[1:-1].mean() for n in range(3)]
    late = region_similarity(squares(0)[:-2], squares(0)[1:-1]).mean()
    found = json.loads(printed["json"])
    means = {row["method"]: row["J"] for row in found["means"] if row["split"] == "train + val"}
    assert means == pytest.approx({"masks": 100 * np.mean(js), "late": 100 * late}, abs=1e-10)
    assert [row["T"] is None for row in found["sequences"]] == [False, True, False] * 2
    table = list(csv.DictReader(printed["csv"].splitlines()))
    assert all(
        row["J&F"] == pytest.approx((row["J"] + row["F"]) / 2) and row["F"] != row["J"]
        for row in found["sequences"][1:]
    )
    assert float(table[1]["J"]) == 100 * js[1] and table[1]["method"] == "masks"
    texts = [f"{100 * js[1]:.1f}", f"{100 * late:.1f}"]
    assert printed["md"].splitlines()[-2].startswith(f"| b | {texts[0]} | {texts[1]} |")
    assert f"b & {texts[0]} & {texts[1]} &" in printed["tex"]
    assert printed["text"].splitlines()[-2].split()[:3] == ["b", *texts]


def test_methods_are_scored_on_what_all_have(methods, capsys, caplog):
    truth, pred, archive = methods
    shutil.rmtree(pred / "b")
    assert score(truth, archive, pred, "--jobs", 1, "--format", "csv") == 0
    assert "left out b: of TRUTH, not in masks" in caplog.text
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["sequence"] for row in table if row["sequence"]] == ["a", "c", "a", "c"]


def test_methods_alone_and_together_have_the_same_numbers(methods, capsys):
    truth, pred, archive = methods
    alone = []
    for path in (pred, archive):
        assert score(truth, path, "--jobs", 1, "--format", "json") == 0
        alone.append(json.loads(capsys.readouterr().out))
    assert score(truth, pred, archive, "--jobs", 2, "--format", "json") == 0
    together = json.loads(capsys.readouterr().out)
    for part in ("means", "sequences"):
        assert together[part] == alone[0][part] + alone[1][part]


def test_the_truth_of_several_methods_is_read_once(methods, capsys, monkeypatch):
    truth, pred, archive = methods
    read, count = scoring._read_truth, []
    monkeypatch.setattr(scoring, "_read_truth", lambda task: (count.append(task), read(task))[1])
    assert score(truth, pred, "--jobs", 1) == 0
    alone = len(count)
    assert score(truth, pred, archive, "--jobs", 1) == 0
    assert (alone, len(count) - alone) == (len(list(truth.iterdir())), alone)


def test_sequences_of_unlike_length_keep_their_numbers(tmp_path, capsys):
    for offset, (name, count) in enumerate([("a", 4), ("b", 9), ("c", 6)]):
        write(tmp_path / "truth" / name, squares(0, count))
        write(tmp_path / "masks" / name, squares(offset, count))
    arguments = [tmp_path / "truth", tmp_path / "masks", "--jobs", 1, "--format", "json"]
    assert score(*arguments) == 0
    found = json.loads(capsys.readouterr().out)["sequences"]
    js = [100 * region_similarity(squares(n), squares(0))[0] for n in range(3)]
    assert [(row["sequence"], row["frames"]) for row in found] == [("a", 2), ("b", 7), ("c", 4)]
    assert [row["J"] for row in found] == pytest.approx(js)


def test_two_methods_are_compared(methods, tmp_path, capsys):
    truth, pred, archive = methods
    arguments = [truth, pred, archive, "--jobs", 1, "--out", tmp_path / "out"]
    assert score(*arguments, "--compare", "late", "masks") == 0
    printed = capsys.readouterr().out.partition("late less masks: ")[2].splitlines()
    assert "interval" in printed[0] and printed[1] == "They differ most in"
    frames = rows(tmp_path / "out" / "comparison_frames.csv")
    assert len(printed) == 2 + len(frames) and printed[2] == (
        f"  {frames[0]['sequence']}/{frames[0]['frame']}: "
        f"J {float(frames[0]['J late']):.1f} and {float(frames[0]['J masks']):.1f}"
    )
    table = rows(tmp_path / "out" / "comparison.csv")
    js = [region_similarity(squares(n), squares(0))[1:-1].mean() for n in range(3)]
    late = region_similarity(squares(0)[:-2], squares(0)[1:-1]).mean()
    found = {row["sequence"]: float(row["difference"]) for row in table}
    assert found == pytest.approx({s: 100 * (late - j) for s, j in zip("abc", js, strict=True)})
    assert (tmp_path / "out" / "comparison.pdf").read_bytes().startswith(b"%PDF")
    assert score(*arguments, "--compare", "late", "other") == 2
    assert "--compare: expected two of ['late', 'masks'], got 'other'" in capsys.readouterr().err
    assert score(*arguments, "--compare", "late", "late") == 2
    assert "got 'late' twice; name two MASKS" in capsys.readouterr().err


def test_a_method_given_twice_is_refused(folders, capsys):
    truth, pred = folders
    assert score(truth, pred, pred) == 2
    assert "expected each method once" in capsys.readouterr().err


def test_a_truth_is_read_by_patterns(tmp_path, capsys):
    write(tmp_path / "set" / "true" / "s", squares(0))
    write(tmp_path / "set" / "frames" / "s", squares(0))
    write(tmp_path / "masks" / "s", squares(1))
    layout = '{frames: "frames/{sequence}/{frame}.png", truth: "true/{sequence}/{frame}.png"}'
    arguments = [tmp_path / "set", tmp_path / "masks", "--layout", layout, "--jobs", 1]
    assert score(*arguments, "--format", "csv") == 0
    (row, _) = csv.DictReader(capsys.readouterr().out.splitlines())
    expected = region_similarity(squares(1), squares(0))[1:-1].mean()
    assert float(row["J"]) == pytest.approx(100 * expected, abs=1e-12)
    with pytest.raises(SystemExit):
        score(tmp_path, tmp_path, "--layout", "{frames")
    assert "expected patterns like {frames" in capsys.readouterr().err


def test_a_split_asks_for_all_its_sequences(folders, tmp_path, capsys):
    truth, _ = folders
    write(tmp_path / "one" / "b", squares(1))
    assert score(truth, tmp_path / "one", "--split", "val", "--jobs", 1) == 2
    assert "c: missing in MASKS, the whole sequence" in capsys.readouterr().err


def test_without_a_word_what_one_side_lacks_is_left_out(folders, tmp_path):
    truth, _ = folders
    write(tmp_path / "some" / "b", squares(1))
    (alone,) = scoring.score(truth, tmp_path / "some")
    (beside,) = scoring.score_methods(truth, {"some": tmp_path / "some"})["some"]
    assert alone.sequence == beside.sequence == "b"


@pytest.mark.parametrize(
    ("split", "expected"), [("train", ["a"]), ("val", ["b", "c"]), ("all", ["a", "b", "c"])]
)
def test_of_a_split_no_other_sequence_is_scored(folders, split, expected):
    truth, pred = folders
    assert [one.sequence for one in scoring.score(truth, pred, split=split)] == expected


def test_a_path_that_is_no_folder_is_named(tmp_path, capsys):
    assert score(tmp_path / "nowhere", tmp_path) == 2
    assert "nowhere: expected a folder or a zip archive" in capsys.readouterr().err


def test_a_folder_without_masks_is_named(tmp_path, capsys):
    assert score(tmp_path, tmp_path) == 2
    assert "expected masks <sequence>/<frame>.png" in capsys.readouterr().err


def test_help_needs_no_heavy_import():
    code = (
        "import sys\nfrom masktrack_core.commands import cli\n"
        "try:\n    cli.main(['score', '--help'])\n"
        "finally:\n    assert not {'torch', 'cv2', 'numpy', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exit status" in done.stdout


def test_one_sequence_of_another_name_is_not_scored_as_the_one_that_is_there(tmp_path, capsys):
    for folder, name in (("truth", "a"), ("pred", "b")):
        write(tmp_path / folder / name, squares(0), 255)
    shutil.make_archive(str(tmp_path / "deep"), "zip", tmp_path / "pred")
    shutil.make_archive(str(tmp_path / "flat"), "zip", tmp_path / "pred" / "b")
    out = ("--out", tmp_path / "out", "--jobs", 1)
    for named in (tmp_path / "pred", tmp_path / "deep.zip"):
        assert score(tmp_path / "truth", named, *out) == 2
        error = capsys.readouterr().err
        assert "TRUTH and MASKS have no sequence in common; name the folders" in error
        assert "left out b: of MASKS, not in TRUTH" in error
    for unnamed in (tmp_path / "pred" / "b", tmp_path / "flat.zip"):  # as `segment` writes it
        assert score(tmp_path / "truth", unnamed, *out) == 0
        assert rows(tmp_path / "out" / "per_sequence.csv")[0]["sequence"] == "a"
