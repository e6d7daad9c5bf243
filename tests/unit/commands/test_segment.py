import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image

from masktrack_core import progress
from masktrack_core.commands import clips, stages
from masktrack_core.commands import segment as cli_segment
from masktrack_core.commands.cli import command_line, main
from masktrack_core.datasets.coco import read_coco
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.experiment.models import load
from masktrack_core.experiment.provenance import reached_modules
from masktrack_core.experiment.run_locks import sole_run
from masktrack_core.experiment.usage import USAGE, read_usage, usage_record
from masktrack_core.files import io
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.masks.elementary import merge_objects
from masktrack_core.masks.regions import CropParams
from masktrack_core.motion.flow import FlowImageParams, FlowParams, flow_images
from masktrack_core.networks.included import included_network
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.pictures.overlays import OBJECTS
from masktrack_core.tracking.crf import PUBLISHED, refine
from masktrack_core.tracking.propagation import PropagationParams, propagate
from masktrack_core.tracking.segmentation import FinetuningParams
from masktrack_core.tracking.together import propagate_together
from masktrack_core.training import loop as training

SIZE = (40, 56)
ROWS = {
    "schedule": {"iterations": 2, "batch_size": 2, "learning_rate": 0.001},
    "crop": {"size": 33},
    "augmentation": {"scale": [0.9, 1.1]},
    "deformation": {"dilation_radius": 1},
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of random weights that says how it is used, and one that reads boxes."""
    folder = tmp_path_factory.mktemp("weights")
    usage = usage_record({"dilation_radius": 1}, {"samples": 4}, ROWS, "nothing")
    for prior in ("mask", "box"):
        spec = NetworkSpec(backbone="slim", head="decoder", prior=prior)
        network = build_network(spec, generator=torch.Generator().manual_seed(3))
        save_weights(folder / f"{prior}.safetensors", network, {USAGE: usage})
    return folder


def picture(t):
    frame = np.full((*SIZE, 3), 60, np.uint8)
    frame[10:26, 8 + 2 * t : 24 + 2 * t] = (200, 40, 40)
    frame[28:36, 30:50] = (40, 40, 200)
    return frame


@pytest.fixture
def frames(tmp_path):
    for t in range(5):
        io.write_frame(tmp_path / f"my frames é/{t + 7}.png", picture(t))
    return tmp_path / "my frames é"


@pytest.fixture
def first(tmp_path):
    mask = np.zeros(SIZE, np.bool_)
    mask[10:26, 8:24] = True
    io.write_mask(tmp_path / "first.png", mask)
    return tmp_path / "first.png"


@pytest.fixture
def labels(tmp_path):
    drawn = np.zeros(SIZE, np.uint8)
    drawn[10:26, 8:24], drawn[28:36, 30:50], drawn[0] = 1, 4, 255
    io.write_labels(tmp_path / "labels.png", drawn)
    return tmp_path / "labels.png"


@pytest.fixture
def segment(weights, tmp_path):
    def run(clip, *arguments, out="out"):
        settings = ["--weights", weights / "mask.safetensors", "--out", tmp_path / out]
        settings += ["--threads", "1", "--device", "cpu"]
        return main([str(part) for part in ("segment", clip, *settings, *arguments)])

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_a_folder_of_frames_gives_a_mask_a_frame_named_like_it(segment, frames, first, tmp_path):
    assert segment(frames, "--first", first) == 0
    masks = contents(tmp_path / "out")
    assert list(masks) == sorted(f"{number}.png" for number in range(7, 12))
    assert masks["7.png"] == first.read_bytes()


def test_the_same_run_gives_the_same_bytes_and_another_seed_others(
    segment, frames, first, tmp_path
):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert segment(frames, "--first", first, "--seed", seed, out=out) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_several_objects_come_from_one_label_picture_and_back(segment, frames, labels, tmp_path):
    assert segment(frames, "--first", labels, "--no-finetune") == 0
    drawn = io.read_labels(labels)
    drawn[drawn == 255] = 0
    assert np.array_equal(io.read_labels(tmp_path / "out" / "7.png"), drawn)
    assert set(np.unique(io.read_labels(tmp_path / "out" / "11.png"))) <= {0, 1, 4}


def test_a_video_equals_its_frames(segment, frames, first, tmp_path):
    video = tmp_path / "clip.avi"
    write_video(video, [picture(t) for t in range(5)], rate=10)
    for t, frame in enumerate(VideoFile(video)[t] for t in range(5)):
        io.write_frame(tmp_path / "decoded" / f"{t:05d}.png", frame)
    assert segment(video, "--first", first, out="a") == 0
    assert segment(tmp_path / "decoded", "--first", first, out="b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_annotated_frames_answer_their_annotations(
    segment, frames, first, labels, tmp_path, capsys
):
    # 255 could be void beside ids: a person says whose mask it is.
    assert segment(frames, "--annotations", f"0={first},3={labels}", "--no-finetune") == 2
    assert "first.png: expected the ids of objects" in (said := capsys.readouterr().err)
    assert "as in labels.png" in said and "obj1=MASK@T" in said
    assert segment(frames, "--annotations", f"obj1={first}@0,3={labels}", "--no-finetune") == 0
    drawn = io.read_labels(labels)
    assert np.array_equal(io.read_labels(tmp_path / "out" / "10.png") == 4, drawn == 4)
    assert np.array_equal(io.read_labels(tmp_path / "out" / "7.png") == 1, io.read_mask(first))


def test_a_box_goes_through_the_box_network(segment, weights, frames, tmp_path):
    box = ("--box", "8,10,16,16", "--box-weights", weights / "box.safetensors", "--no-finetune")
    assert segment(frames, *box) == 0
    assert len(contents(tmp_path / "out")) == 5


def test_boxes_of_several_objects_and_frames_mix_with_masks(
    segment, weights, frames, first, tmp_path, caplog
):
    """Frames by the numbers in their names, 7 to 11; ids stay; none before its first box."""
    caplog.set_level("INFO")
    own = ("--box-weights", weights / "box.safetensors", "--no-finetune")
    boxes = ("--box", "2@9:30,28,20,8", "--box", "5@11:0,30,10,10")
    assert segment(frames, "--annotations", f"7={first}", *boxes, *own) == 0
    masks = {t: io.read_labels(tmp_path / "out" / f"{t}.png") for t in range(7, 12)}
    assert np.array_equal(masks[7] == 1, io.read_mask(first))
    assert [sorted(set(np.unique(masks[t])) - {0, 1, 255}) for t in (7, 8)] == [[], []]
    assert 2 in masks[9] and 5 not in masks[9] and 5 in masks[11]
    inside = np.zeros(SIZE, np.bool_)
    inside[28:36, 30:50] = True
    assert not ((masks[9] == 2) & ~inside).any()
    work = tmp_path / "out" / ".masktrack"
    assert sorted(path.name for path in work.glob("*.png")) == [
        f"given-{t}.png" for t in (11, 7, 9)
    ]
    assert f"frame 2 as it was annotated, objects [2]: {work / 'given-9.png'}" in caplog.text
    shown = io.read_frame(work / "given-9.png")
    assert (shown[27, 40] == OBJECTS[1]).all()  # the box, one pixel outside


def test_one_box_is_the_same_in_both_forms(segment, weights, frames, tmp_path):
    own = ("--box-weights", weights / "box.safetensors", "--no-finetune")
    assert segment(frames, "--box", "8,10,16,16", *own, out="a") == 0
    assert segment(frames, "--box", "8,10,16,16", "--box", "3@9:1,1,5,5", *own, out="c") == 0
    assert segment(frames, "--box", "1@7:8,10,16,16", *own, out="b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    "text", ["1,2,3", "0@0:1,2,3,4", "1@:1,2,3,4", "255@0:1,2,3,4", "a@1:1,2,3,4"]
)
def test_a_box_is_four_numbers_and_whose_and_where(segment, frames, text, capsys):
    with pytest.raises(SystemExit, match="2"):
        segment(frames, "--box", text)
    assert "expected x,y,width,height in pixels" in capsys.readouterr().err


def stop_at(monkeypatch, name, calls):
    """Let a function of `stages` be stopped at its last call of ``calls``; count the calls."""
    made, original = [], getattr(stages, name)

    def counted(*arguments, **options):
        made.append(name)
        if len(made) == calls:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(stages, name, counted)
    return made


@pytest.mark.parametrize("stage", ["propagate", "finetune"])
def test_a_stopped_run_goes_on_with_what_is_complete(
    segment, frames, labels, tmp_path, monkeypatch, stage
):
    assert segment(frames, "--first", labels, "--flow", out="whole") == 0
    made = {
        name: stop_at(monkeypatch, name, 2 * (name == stage)) for name in ("finetune", "propagate")
    }
    assert segment(frames, "--first", labels, "--flow") == 130
    assert contents(tmp_path / "out") == {}
    assert segment(frames, "--first", labels, "--flow") == 0
    # Of the stage that was stopped one call more; nothing complete is made twice.
    assert {name: len(times) - (name == stage) for name, times in made.items()} == {
        "finetune": 2,
        "propagate": 2,
    }
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "out" / ".masktrack").iterdir()) == [
        "1.zip",
        "4.zip",
        "given-7.png",
        "run.json",
    ]


@pytest.mark.parametrize("stage", ["propagate_together", "finetune"])
def test_objects_that_are_followed_together_learn_once_and_share_an_archive(
    segment, frames, labels, tmp_path, monkeypatch, stage
):
    together = ("--first", labels, "--objects", "together")
    assert segment(frames, *together, out="whole") == 0
    calls = {"finetune": 2, "propagate_together": 1}
    made = {name: stop_at(monkeypatch, name, (name == stage) * calls[name]) for name in calls}
    assert segment(frames, *together) == 130
    assert contents(tmp_path / "out") == {}
    assert segment(frames, *together) == 0
    assert {name: len(times) - (name == stage) for name, times in made.items()} == calls
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "out" / ".masktrack").iterdir()) == [
        "given-7.png",
        "run.json",
        "together.zip",
    ]


def test_objects_together_are_those_of_the_core_and_alone_they_meet_in_the_end(
    segment, weights, frames, labels, tmp_path
):
    given = ("--first", labels, "--no-finetune", "--no-guard")
    assert segment(frames, *given, "--objects", "together") == 0
    assert segment(frames, *given, out="a") == 0
    clip, drawn = Clip(frames), io.read_labels(labels)
    network, record = load_network(weights / "mask.safetensors")
    params = read_usage(record).propagation
    objects = {label: {0: drawn == label} for label in (1, 4)}
    beside = np.zeros((5, *SIZE), np.uint8)
    for t, label, prob in propagate_together({1: network, 4: network}, [clip], objects, params):
        beside[t][prob > params.threshold] = label
    alone = {label: dict(propagate(network, [clip], objects[label], params)) for label in objects}
    for t, name in enumerate(clip.names):
        assert np.array_equal(io.read_labels(tmp_path / "out" / f"{name}.png"), beside[t])
        bytes_of = {label: np.ceil(alone[label][t] * 255 - 0.5) / 255 for label in alone}
        met = merge_objects({label: np.float32(prob) for label, prob in bytes_of.items()})
        assert (io.read_labels(tmp_path / "a" / f"{name}.png") == met).mean() > 0.999
    assert contents(tmp_path / "out") != contents(tmp_path / "a")


@pytest.mark.parametrize("objects", ["together", "alone"])
def test_a_network_that_learns_all_objects_does_so_once_and_goes_on_where_it_was_stopped(
    segment, frames, labels, tmp_path, monkeypatch, objects
):
    usage = usage_record({}, {"samples": 4, "shared": True, "neighbours": True}, ROWS, "nothing")
    spec = NetworkSpec(backbone="slim", head="decoder", others=True)
    network = build_network(spec, generator=torch.Generator().manual_seed(3))
    path = tmp_path / "shared.safetensors"
    save_weights(path, network, {USAGE: usage})
    made = {name: stop_at(monkeypatch, name, 0) for name in ("finetune", "finetune_shared")}
    stopped = "propagate_together" if objects == "together" else "propagate"
    made[stopped] = stop_at(monkeypatch, stopped, 1)
    arguments = ("--first", labels, "--objects", objects, "--weights", path)
    assert segment(frames, *arguments) == 130
    assert segment(frames, *arguments) == 0
    once = {"finetune": 0, "finetune_shared": 1, stopped: 2 if objects == "together" else 3}
    assert {name: len(times) for name, times in made.items()} == once
    if objects == "together":
        drawn, found = io.read_labels(labels), np.zeros((5, *SIZE), np.uint8)
        given = {label: {0: drawn == label} for label in (1, 4)}
        for t, label, mask in load(path).segment_together(Clip(frames), given):
            found[t][mask] = label
        said = [io.read_labels(tmp_path / "out" / f"{t + 7}.png") for t in range(5)]
        assert np.array_equal(said, found)


@pytest.mark.parametrize(
    ("words", "network", "together"),
    [
        (("--first", "labels"), "mask", False),
        (("--first", "labels", "--objects", "together"), "objects", True),
        (("--first", "labels", "--objects", "together", "--every", "2", "--fill"), "mask", False),
        (("--first", "labels", "--weights", "own"), "own", False),
        (("--first", "labels", "--weights", "own", "--objects", "together"), "own", True),
        (("--first", "first", "--objects", "together"), "mask", False),
    ],
)
def test_objects_together_are_followed_by_the_included_network_that_is_told_of_others(
    frames, first, labels, weights, tmp_path, monkeypatch, words, network, together
):
    given = {"first": first, "labels": labels, "own": weights / "mask.safetensors"}
    asked = []

    def segment_clip(clip, objects, out, request, **_):
        asked.append(request)

    monkeypatch.setattr(clips, "segment_clip", segment_clip)
    options = [str(given.get(word, word)) for word in words]
    arguments = ["segment", str(frames), "--out", str(tmp_path / "o"), "--device", "cpu", *options]
    assert main(arguments) == 0
    (request,) = asked
    known = {name: included_network(name) for name in ("mask", "objects")} | given
    assert (request.weights, request.together) == (known[network], together)


@pytest.mark.parametrize("option", ["--weights", "--box-weights"])
def test_a_file_that_is_no_network_is_refused_before_a_box_is_segmented(
    frames, tmp_path, monkeypatch, capsys, option
):
    def segments_in_boxes(*_):
        raise AssertionError("computed before the options were looked at")

    monkeypatch.setattr(clips, "segments_in_boxes", segments_in_boxes)
    path = tmp_path / "gone.safetensors"
    words = ["segment", frames, "--box", "8,10,16,16", option, path, "--out", tmp_path / "o"]
    assert main([str(word) for word in words]) == 2
    assert f"{path}: expected a network, no such file" in capsys.readouterr().err


def test_one_object_is_followed_alone_either_way(segment, frames, first, tmp_path):
    assert segment(frames, "--first", first, "--objects", "together") == 0
    assert segment(frames, "--first", first) == 0  # the same run
    assert (tmp_path / "out" / ".masktrack" / "1.zip").exists()


def test_a_killed_training_goes_on_from_its_state(segment, frames, first, tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "_STATE_EVERY_S", 0)
    arguments = ("--first", first, "--iterations", "6")
    assert segment(frames, *arguments, out="whole") == 0
    real, steps = training._Loop.step, []

    def step(loop, batch):
        steps.append(loop.iteration)
        if len(steps) == 4:
            raise KeyboardInterrupt
        real(loop, batch)

    monkeypatch.setattr(training._Loop, "step", step)
    assert segment(frames, *arguments) == 130
    assert segment(frames, *arguments) == 0
    assert steps == [0, 1, 2, 3, 3, 4, 5]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_ctrl_c_keep_the_training(segment, frames, first, monkeypatch, sent):
    real, steps = training._Loop.step, []

    def step(loop, batch):
        steps.append(loop.iteration)
        real(loop, batch)
        if len(steps) == 2:
            os.kill(os.getpid(), sent)

    monkeypatch.setattr(training._Loop, "step", step)
    before = signal.getsignal(sent)
    assert segment(frames, "--first", first, "--iterations", "6") == 130
    assert signal.getsignal(sent) == before
    assert segment(frames, "--first", first, "--iterations", "6") == 0
    assert steps == [0, 1, 2, 3, 4, 5]


def test_flow_and_crf_are_those_of_the_core(segment, weights, frames, labels, tmp_path):
    """Each object: frames and flow averaged, refined by the default CRF; then the objects meet."""
    arguments = ("--first", labels, "--no-finetune", "--flow", "farneback", "--crf")
    assert segment(frames, *arguments) == 0
    clip = Clip(frames)
    network, record = load_network(weights / "mask.safetensors")
    params = replace(PUBLISHED["onavos_davis"], region_margin=45)
    pictures = [
        *flow_images((clip[t] for t in range(5)), FlowParams(method="farneback"), FlowImageParams())
    ]
    refined = {}
    for label in (1, 4):
        annotations = {0: io.read_labels(labels) == label}
        propagation = read_usage(record).propagation
        probs = propagate([network, network], [clip, pictures], annotations, propagation)
        tracked = {t: np.ceil(prob * 255 - 0.5) / np.float32(255) for t, prob in probs}
        refined[label] = {
            t: refine(clip[t], np.float32(prob), params) for t, prob in tracked.items()
        }
    for t, name in enumerate(clip.names):
        expected = merge_objects({label: refined[label][t] for label in refined})
        assert (io.read_labels(tmp_path / "out" / f"{name}.png") == expected).mean() > 0.999
    assert contents(tmp_path / "out")


def test_crf_is_the_same_for_any_number_of_processes(segment, frames, first, tmp_path):
    for out, threads in (("a", "1"), ("b", "2")):
        arguments = ("--first", first, "--no-finetune", "--crf", "--threads", threads)
        assert segment(frames, *arguments, out=out) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_flow_stream_runs_the_network_as_it_is_in_its_file(segment, frames, first, monkeypatch):
    seen = []

    def noted(networks, streams, *rest, **options):
        seen.append(
            [sum(p.detach().sum().item() for p in network.parameters()) for network in networks]
        )
        return propagate(networks, streams, *rest, **options)

    monkeypatch.setattr(stages, "propagate", noted)
    assert segment(frames, "--first", first, "--flow", "dis", out="a") == 0
    assert segment(frames, "--first", first, "--flow", "--no-finetune", out="b") == 0
    ((learnt, given), (same, other)) = seen
    assert learnt != given and same == other == given


def test_a_network_comes_with_the_project(frames, first, tmp_path, caplog):
    caplog.set_level("INFO")
    command = ["segment", frames, "--out", tmp_path / "out", "--no-finetune", "--threads", "1"]
    assert main([str(part) for part in (*command, "--first", first)]) == 0
    assert "mask.safetensors: trained on" in caplog.text
    box = ("--box", "8,10,16,16", "--overwrite")
    assert main([str(part) for part in (*command, *box)]) == 0
    assert len(contents(tmp_path / "out")) == 5


def test_a_full_disk_is_one_line(segment, frames, first, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "out" / "1.zip"))

    monkeypatch.setattr(stages, "write_prob_archive", full)
    assert segment(frames, "--first", first, "--no-finetune") == 2
    assert "1.zip: No space left on device; make room" in capsys.readouterr().err


def test_the_names_of_methods_are_those_of_the_core():
    assert set(cli_segment.FLOWS) == set(get_args(get_type_hints(FlowParams)["method"]))
    assert set(cli_segment.CRFS) == set(PUBLISHED)


def test_a_complete_run_is_left_as_it_is_until_told_otherwise(segment, frames, first, tmp_path):
    segment(frames, "--first", first)
    file = tmp_path / "out" / "8.png"
    before = file.stat().st_mtime_ns
    assert segment(frames, "--first", first) == 0
    assert file.stat().st_mtime_ns == before
    assert segment(frames, "--first", first, "--overwrite") == 0
    assert file.stat().st_mtime_ns > before


def test_masks_of_another_run_are_neither_mixed_nor_replaced(
    segment, frames, first, tmp_path, capsys
):
    segment(frames, "--first", first)
    before = contents(tmp_path / "out")
    assert segment(frames, "--first", first, "--iterations", "3") == 2
    assert "made with other usage; give --overwrite" in capsys.readouterr().err
    assert contents(tmp_path / "out") == before
    io.write_mask(tmp_path / "mine" / "7.png", io.read_mask(first))
    assert segment(frames, "--first", first, out="mine") == 2
    assert "masks that this command did not write" in capsys.readouterr().err


def test_stages_that_another_version_of_the_code_made_are_not_gone_on_with(
    segment, frames, first, tmp_path, monkeypatch, capsys
):
    stop_at(monkeypatch, "propagate", 1)
    assert segment(frames, "--first", first) == 130
    learnt = (tmp_path / "out" / ".masktrack" / "1.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(clips, "core_digest", lambda script: "another version")
        assert segment(frames, "--first", first) == 2
        assert "made with other code; give --overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / ".masktrack" / "1.safetensors").read_bytes() == learnt
    assert segment(frames, "--first", first) == 0


def test_the_code_of_a_run_is_that_of_every_stage():
    tracking = {"tracking.segmentation", "tracking.propagation", "tracking.crf"}
    expected = {"commands.stages", "training.loop", "motion.flow", "motion.raft"} | tracking
    assert expected <= reached_modules(Path(clips.__file__))


def test_a_shorter_clip_leaves_no_mask_of_the_longer_one(segment, frames, first, tmp_path):
    assert segment(frames, "--first", first, "--no-finetune") == 0
    (tmp_path / "out" / "mine.png").write_bytes(first.read_bytes())
    for number in (10, 11):
        (frames / f"{number}.png").unlink()
    assert segment(frames, "--first", first, "--no-finetune", "--overwrite") == 0
    assert list(contents(tmp_path / "out")) == ["7.png", "8.png", "9.png", "mine.png"]


def test_what_is_read_decides_whether_a_run_is_the_same(segment, frames, first, tmp_path, capsys):
    """Not times, nor what else lies there: the masks themselves, what macOS leaves, a copy."""
    arguments = ("--first", first, "--no-finetune", "--out", frames / "masks")
    assert segment(frames, *arguments) == 0
    before = (frames / "masks" / "8.png").stat().st_mtime_ns
    (frames / ".DS_Store").write_bytes(b"Bud1")
    for path in frames.glob("*.png"):
        os.utime(path, ns=(0, 0))
    frames = frames.rename(tmp_path / "elsewhere")
    arguments = ("--first", first, "--no-finetune", "--out", frames / "masks")
    assert segment(frames, *arguments) == 0
    assert (frames / "masks" / "8.png").stat().st_mtime_ns == before
    io.write_frame(frames / "9.png", picture(0))
    assert segment(frames, *arguments) == 2
    assert "made with other frames; give --overwrite" in capsys.readouterr().err


def test_two_runs_at_once_in_one_folder_are_refused_in_a_line(
    segment, frames, first, tmp_path, capsys
):
    (tmp_path / "out").mkdir()
    with sole_run(tmp_path / "out"):
        assert segment(frames, "--first", first) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "expected a folder in which nothing is at work" in message
    assert not [*(tmp_path / "out").iterdir()]
    assert segment(frames, "--first", first, "--no-finetune") == 0


@pytest.mark.parametrize("number", [0, 7])
def test_an_annotation_is_that_of_the_frame_with_its_number_or_else_of_its_place(
    segment, frames, first, tmp_path, caplog, number
):
    caplog.set_level("INFO")
    assert segment(frames, "--annotations", f"{number}={first}", "--no-finetune") == 0
    assert contents(tmp_path / "out")["7.png"] == first.read_bytes()
    assert f"annotation {number}: 7, frame 0 from 0" in caplog.text


def test_a_mask_means_what_the_person_says(segment, frames, tmp_path, capsys):
    drawn = np.zeros(SIZE, np.uint8)
    drawn[10:26, 8:24], drawn[28:36, 30:50] = 38, 75
    Image.fromarray(drawn).save(tmp_path / "grey.png")
    arguments = ("--first", tmp_path / "grey.png", "--no-finetune")
    assert segment(frames, *arguments) == 2
    assert "got the greys 38, 75, which could be" in capsys.readouterr().err
    assert segment(frames, *arguments, "--mask-values", "palette") == 0
    made = io.read_labels(tmp_path / "out" / "7.png")
    assert np.array_equal(made, (drawn == 38) + 2 * (drawn == 75))
    look = ("overlay", frames, tmp_path / "out", tmp_path / "look")
    assert main([*map(str, look)]) == 0


def test_help_is_shown_in_a_locale_that_lacks_its_characters():
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    for command in ("segment", "overlay", "score", "check", "plan"):
        arguments = [sys.executable, "-m", "masktrack_core.commands.cli", command, "--help"]
        done = subprocess.run(arguments, capture_output=True, env=environment)
        assert done.returncode == 0 and b"usage: masktrack" in done.stdout, done.stderr
    absent = [*arguments[:-2], "check", "\u0444\u2026.png"]
    done = subprocess.run(absent, capture_output=True, env=environment | {"PYTHONUTF8": "0"})
    assert done.returncode == 2 and b"Traceback" not in done.stderr, done.stderr


def test_an_overlay_shows_every_frame(segment, frames, labels, tmp_path):
    arguments = ("--first", labels, "--no-finetune", "--overlay", tmp_path / "look.mp4")
    assert segment(frames, *arguments) == 0
    assert len(VideoFile(tmp_path / "look.mp4")) == 5


WRONG = {
    "absent.png": "no such file",
    "small.png": "expected the size of the frames, (40, 56) (height, width), got (20, 28)",
    "empty.png": "empty.png: expected at least one object pixel",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_mask_is_one_line_and_status_2(segment, frames, tmp_path, capsys, name):
    io.write_mask(tmp_path / "small.png", np.ones((20, 28), np.bool_))
    io.write_mask(tmp_path / "empty.png", np.zeros(SIZE, np.bool_))
    assert segment(frames, "--first", tmp_path / name) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert WRONG[name] in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--annotations", "99={first}"), "frames 0 … 4, or the numbers in the names 7 … 11, got"),
        (("--first", "{first}", "--box-weights", "{box}"), "expected beside --box"),
        (("--box", "0,0,5,5", "--box-weights", "{mask}"), "expected a network that is shown boxes"),
        ((), "expected --first, --annotations or --box, got none"),
        (
            ("--box", "1@7:0,0,5,5", "--box", "1@7:9,9,5,5", "--box-weights", "{box}"),
            "expected one box of object 1 in frame 0, got two",
        ),
        (
            ("--first", "{first}", "--box", "1@7:0,0,5,5", "--box-weights", "{box}"),
            "--box 1@0: expected one annotation of object 1 in frame 0, got a mask of it too",
        ),
        (("--box", "1@99:0,0,5,5"), "frames 0 … 4, or the numbers in the names 7 … 11"),
        (("--first", "{first}", "--flow", "raft_small"), "--flow-weights: expected beside"),
        (("--first", "{first}", "--out", "{frames}"), "expected another folder than the clip's"),
        (("--first", "{first}", "--out", "{first}"), "expected a folder for the masks, got a file"),
        (("--box", "50,30,20,20", "--box-weights", "{box}"), "inside a frame of 56 x 40 pixels"),
        (("--first", "{first}", "--device", "cuda:9"), "cuda:9"),
        (("--first", "{first}", "--device", "banana"), "expected auto, cpu, cuda or cuda:N, got '"),
        (("--first", "{first}", "--device", "mps"), "got 'mps'"),
        (("--first", "{first}", "--iterations", "0"), "expected at least 1"),
        (("--first", "{first}", "--dilation", "nan"), "--dilation"),
        (("--first", "{first}", "--overlay", "look.mpg"), "expected a video's suffix"),
    ],
)
def test_wrong_arguments_are_one_line(segment, frames, first, weights, capsys, arguments, message):
    names = {kind: weights / f"{kind}.safetensors" for kind in ("mask", "box")}
    names |= {"first": first, "frames": frames}
    assert segment(frames, *(part.format(**names) for part in arguments)) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("text", ["first.png", "a=first.png", "0=a,0=b", "1="])
def test_annotations_are_frames_and_files(segment, frames, text, capsys):
    with pytest.raises(SystemExit, match="2"):
        segment(frames, "--annotations", text)
    assert "expected distinct frames like" in capsys.readouterr().err


def test_frames_of_two_sizes_and_two_files_of_one_name_are_errors(tmp_path):
    io.write_frame(tmp_path / "a" / "1.png", picture(0))
    io.write_frame(tmp_path / "a" / "2.png", picture(0)[:-2])
    with pytest.raises(InputError, match=r"frame 2: expected the size of the first frame"):
        Clip(tmp_path / "a")[1]
    io.write_frame(tmp_path / "b" / "1.png", picture(0))
    io.write_frame(tmp_path / "b" / "1.jpg", picture(0))
    (tmp_path / "b" / "._1.png").write_text("left by another system")
    with pytest.raises(InputError, match="expected one file a frame"):
        Clip(tmp_path / "b")


def test_a_network_says_how_it_is_used():
    text = usage_record({"dilation_radius": 2}, {"samples": 7}, ROWS, "stills")
    usage = read_usage({USAGE: text})
    assert usage.propagation == PropagationParams(dilation_radius=2)
    assert usage.finetuning.schedule.iterations == 2 and usage.finetuning.examples.samples == 7
    assert read_usage({USAGE: usage_record({}, None, {}, "x")}).finetuning is None


@pytest.mark.parametrize("minimum", [{}, {"region_minimum": 40}])
def test_a_network_taught_in_a_region_and_silent_on_its_use_is_run_in_the_same_region(minimum):
    crop = {"size": 257, "region": 1.2, **minimum}
    usage = read_usage({"rows": json.dumps({"crop": crop})})
    assert usage.finetuning.examples.crop == CropParams(**crop)
    assert usage.propagation == PropagationParams(region=1.2, region_size=257, **minimum)


def test_a_network_that_says_nothing_is_used_as_in_the_paper():
    assert read_usage({}).finetuning == FinetuningParams()
    assert read_usage({}).propagation == PropagationParams()
    rows = {"schedule": {"optimizer": "adamw", "iterations": 900, "ema": 0.9}, "crop": {"size": 97}}
    inferred = read_usage({"rows": json.dumps(rows)}).finetuning
    assert (inferred.schedule.optimizer, inferred.schedule.iterations) == ("adamw", 200)
    assert inferred.examples.crop.size == 97
    assert read_usage({"rows": json.dumps(rows)}).propagation == PropagationParams()
    with pytest.raises(InputError, match="record of use"):
        read_usage({USAGE: "{}"})


# --- exports


def test_exports_are_written_once_and_asked_for_later_learn_nothing(
    segment, frames, labels, tmp_path, monkeypatch
):
    first, later = tmp_path / "a.json", tmp_path / "probs"
    assert segment(frames, "--first", labels, "--export", f"coco={first}") == 0
    made = {name: stop_at(monkeypatch, name, 1) for name in ("finetune", "propagate")}
    before, masks = first.stat().st_mtime_ns, contents(tmp_path / "out")
    both = ("--export", f"coco={first}", "--export", f"probs={later}")
    assert segment(frames, "--first", labels, *both) == 0
    assert made == {"finetune": [], "propagate": []}
    assert first.stat().st_mtime_ns == before and contents(tmp_path / "out") == masks
    assert sorted(path.name for path in later.iterdir()) == ["1", "4"]
    coco = read_coco(first)
    for t in range(5):
        drawn = io.read_labels(tmp_path / "out" / f"{t + 7}.png")
        for label in (1, 4):
            assert np.array_equal(coco.mask(frames / f"{t + 7}.png", label), drawn == label)


def test_an_export_that_was_stopped_is_gone_on_with(segment, frames, first, tmp_path, monkeypatch):
    export, calls = clips.export, []

    def stopped(kind, *arguments):
        calls.append(kind)
        if calls == ["coco", "contours"]:
            raise KeyboardInterrupt
        export(kind, *arguments)

    monkeypatch.setattr(clips, "export", stopped)
    names = [("--export", f"{kind}={tmp_path / kind}.json") for kind in ("coco", "contours")]
    command = ("--first", first, "--no-finetune", *names[0], *names[1])
    assert segment(frames, *command) == 130
    assert (tmp_path / "coco.json").exists() and not (tmp_path / "contours.json").exists()
    assert segment(frames, *command) == 0
    assert calls == ["coco", "contours", "contours"]


def test_an_export_takes_the_place_of_nothing(segment, frames, first, tmp_path, capsys):
    mine, folder = tmp_path / "mine.json", tmp_path / "folder"
    mine.write_text("mine")
    folder.mkdir()
    for asked, message in (
        (f"coco={mine}", "expected a new name, got one that is there; give --overwrite"),
        (f"probs={folder}", "got one that is there; remove the folder"),
        (f"probs={frames}", "expected a place of its own, got that of the clip"),
        (f"probs={tmp_path / 'out'}", "got that of --out"),
        (f"cutout={tmp_path / 'a.mp4'}", "expected a film with alpha, .mov or .webm"),
        (f"coco={tmp_path / 'a.txt'}", "expected a name that ends in .json"),
    ):
        assert segment(frames, "--first", first, "--no-finetune", "--export", asked) == 2
        assert message in capsys.readouterr().err
    assert not contents(tmp_path / "out") and mine.read_text() == "mine"
    command = ("--first", first, "--no-finetune", "--overwrite", "--export")
    assert segment(frames, *command, f"probs={folder}") == 2
    assert segment(frames, *command, f"coco={mine}") == 0
    assert mine.read_text() != "mine"


@pytest.mark.parametrize("text", ["coco", "coco=", "voc=a.json"])
def test_an_export_is_a_form_and_a_place(segment, frames, first, text, capsys):
    with pytest.raises(SystemExit, match="2"):
        segment(frames, "--first", first, "--export", text)
    assert "expected one of coco, cutout, contours, probs" in capsys.readouterr().err


def test_nothing_that_is_read_is_written_onto(segment, weights, frames, first, tmp_path, capsys):
    film, link = tmp_path / "clip.mp4", tmp_path / "link.mp4"
    write_video(film, [picture(t) for t in range(5)], rate=25)
    link.symlink_to(film)
    before = film.read_bytes(), first.read_bytes()
    look = tmp_path / "look.mp4"
    for arguments, message in (
        (
            ("--overlay", film),
            f"--overlay={film}: expected a place of its own, got that of the clip",
        ),
        (("--overlay", link), "got that of the clip; give another name"),
        (("--overlay", look, "--export", f"cutout={look}"), "got that of --export cutout"),
        (("--export", f"cutout={film}"), "got that of the clip"),
        (("--overlay", first), "got that of --first"),
    ):
        assert segment(film, "--first", first, "--no-finetune", *arguments) == 2
        assert message in capsys.readouterr().err
    given = ("--annotations", f"0={first},3={film}", "--overlay", film)
    assert segment(frames, *given) == 2
    assert "got that of the mask of frame 3" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert (film.read_bytes(), first.read_bytes()) == before
    assert main(["overlay", str(link), str(frames), str(film)]) == 2
    assert "OUT=" in capsys.readouterr().err and film.read_bytes() == before[0]


def test_quiet_leaves_warnings_alone_and_the_log_as_it_was(segment, frames, first, capfd, caplog):
    caplog.set_level("INFO")
    assert segment(frames, "--first", first, "--no-finetune", "--quiet") == 0
    assert capfd.readouterr() == ("", "") and not caplog.records
    assert segment(frames, "--first", first, "--no-finetune") == 0
    assert "complete already" in caplog.text


def test_the_bars_of_a_run_are_those_announced_with_the_time_left_of_all(
    segment, frames, labels, tmp_path, monkeypatch, capsys
):
    begun, begin = [], progress.Course.begin

    def noted(course, words):
        found = begin(course, words)
        begun.append((words, found))
        return found

    monkeypatch.setattr(progress.Course, "begin", noted)
    coco, look = tmp_path / "out.json", tmp_path / "look.mp4"
    outputs = ("--export", f"coco={coco}", "--overlay", look, "--flow", "--every", 2, "--fill")
    assert segment(frames, "--first", labels, *outputs) == 0
    assert [words for words, found in begun if found] == [
        "flow",
        *(f"object {n} of 2: {stage}" for n in (1, 2) for stage in ("learn", "follow", "fill")),
        *(f"object {n} of 2: doubt" for n in (1, 2)),
        "write masks",
        "export coco",
        "overlay",
    ]
    assert {words for words, found in begun if not found} == {"size of coco", "count frames"}


def test_the_crf_without_a_name_is_the_one_found_on_real_video():
    options = command_line().parse_args(["segment", "clip", "--crf", "--out", "a"])
    assert options.crf == "onavos_davis"


@pytest.mark.parametrize(
    ("given", "guarded"),
    [
        ((), False),
        (("--no-finetune",), True),
        (("--no-finetune", "--no-guard"), False),
        (("--guard",), True),
        (("--no-finetune", "--objects", "together"), True),
    ],
)
def test_what_was_not_learnt_is_guarded_unless_a_person_says_otherwise(given, guarded):
    options = command_line().parse_args(["segment", "clip", "--out", "a", *given])
    usage = cli_segment._adjusted(load("included:mask").usage, options)
    assert usage.propagation.guard is guarded
    assert (usage.finetuning is None) == ("--no-finetune" in given)
