"""A network to hand on says how it is used, and segments a clip with it."""

import runpy
from types import SimpleNamespace

import torch
from snakemake.iocontainers import Params

from masktrack_core.experiment.usage import read_usage
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.tracking.propagation import PropagationParams

from .conftest import ROOT, SHORT, Workflow


def test_an_exported_network_says_how_it_is_used_and_on_what_it_was_trained(tmp_path):
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(0))
    save_weights(tmp_path / "a.safetensors", network, {"seed": "1"})
    rows = {"schedule": {"iterations": 7}, "crop": {}, "augmentation": {}, "deformation": {}}
    job = SimpleNamespace(
        log=[str(tmp_path / "log")],
        input=[str(tmp_path / "a.safetensors")],
        output=[str(tmp_path / "b.safetensors")],
        params=Params(
            fromdict={
                "usage": {
                    "propagation": {"dilation_radius": 2},
                    "finetuning": {"samples": 9},
                    "rows": rows,
                    "trained_on": "rendered",
                }
            }
        ),
    )
    runpy.run_path(str(ROOT / "workflow_scripts" / "export.py"), init_globals={"snakemake": job})
    _, record = load_network(tmp_path / "b.safetensors")
    usage = read_usage(record)
    assert record["seed"] == "1" and usage.trained_on == "rendered"
    assert usage.propagation == PropagationParams(dilation_radius=2)
    assert usage.finetuning.schedule.iterations == 7


def test_the_export_of_a_tracker_needs_its_network_and_nothing_of_a_video(tmp_path):
    run = Workflow(tmp_path, SHORT)("-n", "results/export/rgb.safetensors")
    assert run.status == 0, run.output[-3000:]
    jobs = {"render_stills": 1, "index_stills": 1, "deform": 1, "train": 1, "export": 1}
    assert run.jobs == jobs
