"""Protocols of benchmarks: for each a small set in its layout, and its value by hand.

An object is a bar of ten columns; its mask has the first ``k`` of them, so that J is k/10. Every
frame has a ``k`` of its own: a mean tells which frames are in it.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from masktrack_core.commands.cli import main
from masktrack_core.datasets.groups import object_groups
from masktrack_core.datasets.index import index_video, list_sequences
from masktrack_core.datasets.protocol import PROTOCOLS
from masktrack_core.datasets.videos import open_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.method_tables import method_table, table_columns, with_groups
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.results import frame_scores, sequence_table
from masktrack_core.files.io import write_labels, write_mask
from masktrack_core.measures.metrics import contour_accuracy
from masktrack_core.measures.scoring import ScoringRules, score, score_groups, summary_rows
from masktrack_core.measures.scoring import sequence_rows as rows_of

SIZE = (40, 48)


def bar(number, k):
    """The first k columns of an object's bar."""
    mask = np.zeros(SIZE, bool)
    mask[12 * number - 8 : 12 * number, 8 : 8 + k] = True
    return mask


def picture(path, array=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((*SIZE, 3), 90, np.uint8) if array is None else array
    Image.fromarray(array).save(path, **options)


def labels(path, bars):
    """Write a label picture of some objects: number → k."""
    found = np.zeros(SIZE, np.uint8)
    for number, k in bars.items():
        found[bar(number, k)] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, found)


def numbered(root, masks, sequence, objects, names, *, resolution="", true=None):
    """Write a sequence of label pictures.

    ``objects``: number → for each frame (true, k): whether the object is there, and its mask's.
    """
    for t, name in enumerate(names):
        picture(root / "JPEGImages" / resolution / sequence / f"{name}.jpg")
        if true is None or t in true:
            there = {n: 10 for n, frames in objects.items() if frames[t][0]}
            labels(root / "Annotations" / resolution / sequence / f"{name}.png", there)
        labels(masks / sequence / f"{name}.png", {n: f[t][1] for n, f in objects.items()})


def always(*ks):
    return [(True, k) for k in ks]


def names(count, step=1, start=0, digits=5):
    return [f"{start + step * t:0{digits}d}" for t in range(count)]


def davis2016(root, masks):
    for sequence, ks in (("ant", (9, 2, 3, 4, 1)), ("bee", (1, 8, 1))):
        for name, k in zip(names(len(ks)), ks, strict=True):
            picture(root / f"JPEGImages/480p/{sequence}/{name}.jpg")
            for folder, mask in (
                (root / "Annotations/480p", bar(1, 10)),
                (masks, bar(1, k)),
            ):
                (folder / sequence).mkdir(parents=True, exist_ok=True)
                write_mask(folder / sequence / f"{name}.png", mask)
    # Frames 2 to n-1: ant 0.3, bee 0.8.
    return {("ant", 1): [1, 2, 3], ("bee", 1): [1]}, 0.55


def davis2017(root, masks):
    two = {1: always(9, 2, 3, 4, 1), 2: always(1, 5, 6, 7, 1)}
    numbered(root, masks, "ant", two, names(5), resolution="480p")
    numbered(root, masks, "bee", {1: always(1, 9, 1)}, names(3), resolution="480p")
    # Over objects 0.3, 0.6, 0.9; over sequences it would be 0.675.
    return {("ant", 1): [1, 2, 3], ("ant", 2): [1, 2, 3], ("bee", 1): [1]}, 0.6


def meta(root, objects):
    videos = {sequence: {"objects": entries} for sequence, entries in objects.items()}
    (root / "meta.json").write_text(json.dumps({"videos": videos}))


def youtube_vos(root, masks):
    late = [(False, 0)] * 5 + [(True, 1)] * 5 + [(True, 9)]
    first = always(*[1] * 5, 2, *[1] * 4, 4)
    numbered(root, masks, "v", {1: first, 2: late}, names(11), true=(0, 5, 10))
    numbered(root, masks, "w", {1: always(*[1] * 5, 6, *[1] * 4, 8)}, names(11), true=(0, 5, 10))
    dog, ant = {"category": "dog"}, {"category": "ant"}  # in the 65 of training, and not
    frames = ["00000", "00005", "00010"]
    two = {"1": dog | {"frames": frames}, "2": ant | {"frames": frames[1:]}}
    meta(root, {"v": two, "w": {"1": dog | {"frames": frames}}})
    # Seen: 0.3 and 0.7; unseen: 0.9, of the last frame alone.
    return {("v", 1): [5, 10], ("w", 1): [5, 10], ("v", 2): [10]}, 0.7


def mose(root, masks):
    late = [(False, 0), (False, 5), (True, 3), (True, 9), (True, 1)]
    numbered(root, masks, "v", {1: always(9, 2, 3, 4, 9), 2: late}, names(5))
    # Object 2 is claimed in frame 1, where it is not: 0, 0.3, 0.9.
    return {("v", 1): [1, 2, 3], ("v", 2): [1, 2, 3]}, 0.35


def lvos(root, masks):
    times = names(6, step=5, start=1, digits=8)
    numbered(root, masks, "aaa", {1: always(9, 1, 2, 3, 4, 9), 2: always(1, 1, 5, 7, 1, 1)}, times)
    numbered(root, masks, "bbb", {1: always(1, 8, 8, 8, 8, 1)}, times)
    numbered(root, masks, "R3UJGYwy", {1: always(1, 9, 9, 9, 9, 1)}, times)
    whole = {"frame_range": {"start": "1", "end": "27", "frame_nums": "6"}}
    part = {"frame_range": {"start": "6", "end": "22", "frame_nums": "4"}}
    meta(root, {"aaa": {"1": whole, "2": part}, "bbb": {"1": whole}, "R3UJGYwy": {"1": whole}})
    # Of an object's range neither end. Seen: 0.25, 0.6, 0.8; unseen: 0.9.
    objects = {(name, 1): [1, 2, 3, 4] for name in ("aaa", "bbb", "R3UJGYwy")}
    return objects | {("aaa", 2): [2, 3]}, (0.55 + 0.9) / 2


def youtube_objects(root, masks):
    shots = {("bird", "0001"): (9, 1, 3), ("bird", "0002"): (9, 3, 5), ("cat", "0001"): (1, 9, 9)}
    for (kind, video), ks in shots.items():
        place = root / f"youtube_masks/{kind}/data/{video}/shots/001"
        for t in range(1, 22, 5):
            picture(place / f"images/frame{t:04d}.jpg")
            labels_of = masks / f"{kind}-{video}-001"
            labels_of.mkdir(parents=True, exist_ok=True)
            write_mask(labels_of / f"{t:04d}.png", bar(1, ks[t // 10]))
            if t % 10 == 1:
                white = (bar(1, 10) * 255).astype(np.uint8)
                picture(place / f"labels/{t:05d}.jpg", white, quality=100)
    # 0.2, 0.4 and 0.9 of the second and third truth.
    return {(f"{kind}-{video}-001", 1): [2, 4] for kind, video in shots}, 0.5


def by_class(root, masks):
    return youtube_objects(root, masks)[0], (0.3 + 0.9) / 2


def segtrack_v2(root, masks):
    sets = {"bmx": {1: (9, 2, 4), 2: (9, 5, 7)}, "girl": {1: (1, 9, 9)}}
    for sequence, objects in sets.items():
        for t, name in enumerate(names(3)):
            picture(root / f"JPEGImages/{sequence}/{name}.png")
            for number, ks in objects.items():
                inside = f"{number}/" if len(objects) > 1 else ""
                for folder, k in ((root / "GroundTruth", 10), (masks, ks[t])):
                    path = folder / sequence / f"{inside}{name}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_mask(path, bar(number, k))
    # The last frame counts: 0.3, 0.6, 0.9 over three objects.
    return {("bmx", 1): [1, 2], ("bmx", 2): [1, 2], ("girl", 1): [1, 2]}, 0.6


SETS = {
    "davis2016": davis2016,
    "davis2017": davis2017,
    "youtube_vos": youtube_vos,
    "mose": mose,
    "lvos": lvos,
    "youtube_objects": youtube_objects,
    "youtube_objects_by_class": by_class,
    "segtrack_v2": segtrack_v2,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A function from a protocol to its set and masks, frames that count, and J."""
    made = {}

    def write(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            root, masks = folder / "set", folder / "masks"
            made[name] = root, masks, *SETS[name](root, masks)
        return made[name]

    return write


def workflow_mean(root, masks, protocol):
    """Return J of the table's cell as the scripts of the rules make it."""
    parts = []
    objects = list_sequences(root, protocol.layout)
    for sequence, number in objects:
        numbers = [n for name, n in objects if name == sequence]
        video = open_video(index_video(root, protocol.layout, sequence, numbers), number)
        counted = video.counted(protocol.skip, before=protocol.before, after=protocol.after)
        one = root.parent / "of objects" / sequence / str(number)
        one.mkdir(parents=True, exist_ok=True)
        for name in video.frame_names:
            apart = masks / sequence / str(number) / f"{name}.png"
            path = apart if apart.is_file() else masks / sequence / f"{name}.png"
            ids = np.asarray(Image.open(path))
            write_mask(one / f"{name}.png", ids == (255 if ids.max() > 200 else number))
        scores = frame_scores(video, one, [0], counted=counted)
        parts.append(scores.assign(variant="x", annotation="first", dataset="d", sequence=sequence))
    groups = object_groups(
        protocol.mean, objects, root=root, layout=protocol.layout, seen=protocol.seen
    )
    nested = {}
    for (sequence, number), group in groups.of.items() if groups else ():
        nested.setdefault(sequence, {})[number] = group
    rows = [{"method": "M", "variant": "x"}]
    recipe = TableRecipe.from_row("t", {"datasets": ["d"], "rows": rows, "across": "groups"})
    sequences = with_groups(sequence_table(pd.concat(parts), recipe.rows), {"d": nested})
    return method_table(sequences, table_columns(recipe, sequences)).iloc[0]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_score_is_what_the_protocol_gives_by_hand(written, tmp_path, name):
    root, masks, objects, mean = written(name)
    out = tmp_path / "out"
    arguments = ["score", str(root), str(masks), "--protocol", name, "--jobs", "1"]
    assert main([*arguments, "--out", str(out)]) == 0
    frames = pd.read_csv(out / "per_frame.csv", dtype={"frame": str})
    layout = PROTOCOLS[name].layout
    for (sequence, number), times in objects.items():
        mine = frames[(frames.sequence == sequence) & (frames.object == number)]
        index = index_video(root, layout, sequence, [number])
        assert mine.frame.tolist() == [index.frame[t] for t in times]
    assert len(frames) == sum(map(len, objects.values()))
    whole = pd.read_csv(out / "summary.csv").iloc[-1]
    assert whole.J_mean == pytest.approx(mean, abs=1e-12)
    assert whole.sequences == len(objects)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_workflow_gives_the_same(written, name):
    root, masks, _, mean = written(name)
    assert workflow_mean(root, masks, PROTOCOLS[name]).d == pytest.approx(100 * mean, abs=1e-9)


#: Protocol → rules that are wrong for it, and that its set must tell.
WRONG = {
    "davis2016": [{"skip": ("first",)}, {"skip": ("last",)}, {"skip": ()}],
    "davis2017": [{"skip": ("first",)}, {"skip": ("last",)}, {"mean": "sequences"}],
    "youtube_vos": [
        {"skip": ()},
        {"skip": ("first", "last")},
        {"before": "counted"},
        {"mean": "objects"},
        {"mean": "classes", "layout": "davis"},
    ],
    "mose": [{"skip": ("first",)}, {"skip": ("last",)}, {"before": "skipped"}],
    "lvos": [
        {"skip": ("first",)},
        {"skip": ("last",)},
        {"before": "counted"},
        {"after": "counted"},
        {"mean": "objects"},
        {"mean": "sequences"},
    ],
    "youtube_objects": [{"skip": ()}, {"mean": "classes"}],
    "youtube_objects_by_class": [{"mean": "objects"}, {"mean": "sequences"}],
    "segtrack_v2": [{"skip": ()}, {"skip": ("first", "last")}, {"mean": "sequences"}],
}


def mean_of(root, masks, protocol):
    """Return J by the functions under the command, or what they say."""
    try:
        scores = score(root, masks, layout=protocol.layout, rules=ScoringRules.of(protocol))
        groups = score_groups(root, protocol.layout, {"m": scores}, protocol)
    except InputError as error:
        return str(error)
    return summary_rows(rows_of(scores, {}), {}, groups=groups)[-1]["J_mean"]


@pytest.mark.parametrize(
    ("name", "rule"), [(name, rule) for name, rules in WRONG.items() for rule in rules]
)
def test_a_wrong_rule_gives_another_value(written, name, rule):
    root, masks, _, mean = written(name)
    assert mean_of(root, masks, PROTOCOLS[name]) == pytest.approx(mean, abs=1e-12)
    assert mean_of(root, masks, replace(PROTOCOLS[name], **rule)) != pytest.approx(mean, abs=1e-3)


def test_seen_and_unseen_stand_beside_their_mean(written, capsys):
    root, masks, *_ = written("youtube_vos")
    assert main(["score", str(root), str(masks), "--protocol", "youtube_vos", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    rows = {line.split("  ")[0].strip(): line for line in said.splitlines()}
    assert "50.0" in rows["seen"] and "90.0" in rows["unseen"]
    assert "70.0" in rows["mean of seen and unseen"]
    table = workflow_mean(root, masks, PROTOCOLS["youtube_vos"])
    assert (table["d/seen"], table["d/unseen"]) == pytest.approx((50, 90))
    # F by hand of the frames that count, and the mean of the four.
    f = {
        place: np.mean([contour_accuracy(bar(n, k)[None], bar(n, 10)[None])[0] for n, k in bars])
        for place, bars in {"v1": [(1, 2), (1, 4)], "w1": [(1, 6), (1, 8)], "v2": [(2, 9)]}.items()
    }
    four = [0.5, 0.9, (f["v1"] + f["w1"]) / 2, f["v2"]]
    scores = score(
        root, masks, layout="youtube_vos", rules=ScoringRules(skip=("first",), before="skipped")
    )
    groups = score_groups(root, None, {"m": scores}, PROTOCOLS["youtube_vos"])
    whole = summary_rows(rows_of(scores, {}), {}, groups=groups)[-1]
    assert (whole["J_mean"] + whole["F_mean"]) / 2 == pytest.approx(np.mean(four), abs=1e-12)


def test_an_object_counts_from_the_frame_that_the_list_of_objects_says(tmp_path):
    """Not from that in which its truth shows it first; a list that the files belie is an error."""
    root, masks = tmp_path / "set", tmp_path / "masks"
    youtube_vos(root, masks)
    labels(root / "Annotations/v/00000.png", {1: 10, 2: 10})
    index = index_video(root, "youtube_vos", "v", [1, 2])
    assert [open_video(index, number).first for number in (1, 2)] == [0, 5]
    (root / "meta.json").rename(root / "kept.json")
    index = index_video(root, "youtube_vos", "v", [1, 2])
    assert [open_video(index, number).first for number in (1, 2)] == [0, 0]
    (root / "kept.json").rename(root / "meta.json")
    labels(root / "Annotations/v/00005.png", {1: 10})
    with pytest.raises(InputError, match=r"v, object 2: expected its truth in frame 5, its first"):
        index_video(root, "youtube_vos", "v", [1, 2])


def test_objects_are_those_of_the_list_and_a_sequence_that_it_lacks_is_named(tmp_path):
    root = tmp_path / "set"
    youtube_vos(root, tmp_path / "masks")
    meta(root, {"v": {"2": {"category": "ant", "frames": ["00005"]}}, "w": ["1"]})
    assert list_sequences(root, "youtube_vos") == [("v", 2), ("w", 1)]
    meta(root, {"v": ["1"]})
    with pytest.raises(InputError, match=r"meta.json: expected the objects of sequence 'w'"):
        list_sequences(root, "youtube_vos")
    (root / "meta.json").write_text('{"videos": {"v": {"objects": {"one": {}}}}}')
    with pytest.raises(InputError, match=r"meta.json: expected videos → name → objects → id"):
        list_sequences(root, "youtube_vos")


def test_a_table_of_ones_own_says_what_is_seen(written, tmp_path):
    root, _, objects, _ = written("youtube_vos")
    table = tmp_path / "seen.csv"

    def groups(text):
        table.write_text(text)
        place = {"root": root, "layout": "youtube_vos", "seen": str(table)}
        return object_groups("seen", list(objects), **place).of

    by_class = groups("class,seen\nant,1\n")
    assert by_class == {("v", 1): "unseen", ("w", 1): "unseen", ("v", 2): "seen"}
    assert set(groups("sequence,seen\nw,0\n").items()) >= {(("w", 1), "unseen"), (("v", 2), "seen")}
    with pytest.raises(InputError, match=r"every class, or only those .* got none of \['dog'\]"):
        groups("class,seen\nant,1\nbee,0\n")
    with pytest.raises(InputError, match="expected `seen`, a table of facts or a CSV file"):
        groups("class\nant\n")


def test_objects_without_a_class_are_named(written):
    root, _, objects, _ = written("mose")
    with pytest.raises(
        InputError, match=r"mean: expected a class of every object, .*\['v/1', 'v/2'\]"
    ):
        object_groups("classes", list(objects), root=root, layout="mose")


def test_an_unknown_protocol_is_refused_with_those_there_are(written, capsys):
    root, masks, *_ = written("mose")
    assert main(["score", str(root), str(masks), "--protocol", "davis"]) == 2
    assert "--protocol: unknown name 'davis'; known are ['davis2016'" in capsys.readouterr().err


def test_an_option_says_otherwise_than_the_protocol(written, capsys):
    root, masks, *_ = written("mose")
    arguments = ["score", str(root), str(masks), "--jobs", "1", "--format", "json"]
    assert main([*arguments, "--protocol", "mose", "--skip", "first"]) == 0
    found = {
        row["object"]: row["frames"] for row in json.loads(capsys.readouterr().out)["sequences"]
    }
    assert found == {1: 4, 2: 4}
