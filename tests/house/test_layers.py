"""The layers of docs/design: a module imports from lower layers only, or as listed inside one."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from masktrack_core.provenance import imported_modules

CORE = Path(__file__).parents[2] / "masktrack_core"

LAYERS = {
    "ground": ("arrays", "errors", "gpus", "seeds", "tables"),
    "arrays": (
        "masks", "contours", "temporal", "metrics", "warp", "regions", "deform", "augment", "flow",
        "crf", "oracles", "references", "recipes", "figure_recipes", "network_spec",
    ),
    "torch": (
        "layers", "backbones", "heads", "network", "checkpoints", "tensor_files", "weights", "raft",
        "examples", "batches", "optimisers", "training_state", "training", "devices",
        "propagation", "segmentation", "usage",
    ),
    "edges": (
        "decoding", "contents", "coco", "io", "picture_zip", "archives", "patterns", "layouts",
        "datasets", "videos", "stills", "mirrors", "download", "unpacking", "sources",
        "rendered_textures", "rendered_layers", "rendered_puppets", "rendered_animals",
        "rendered_zoo", "rendered_scripts", "rendered_clips", "rendered_stills", "rendered",
        "rendered_layouts", "experiment", "results", "ablations", "refinement", "crf_search",
        "video_stills", "ablation_figures", "mask_folders", "external", "scoring", "score_tables",
        "effort", "attributes", "overlays", "sheets", "plots", "figures", "page_parts", "page",
        "provenance", "published", "video_files", "object_masks", "checks", "own_tracks",
        "own_videos", "included", "run_locks", "timings", "planning", "cli", "cli_score",
        "cli_segment", "cli_overlay", "cli_check", "cli_plan", "cli_flat", "flat_config",
    ),
}  # fmt: skip
#: Saving a network is an edge that lives beside the network.
EXCEPTIONS = {("weights", "io"), ("training_state", "io")}

MODULES = sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__")


def layer_of(module):
    return next(number for number, names in enumerate(LAYERS.values()) if module in names)


def test_every_module_has_a_layer_and_every_entry_a_module():
    listed = [name for names in LAYERS.values() for name in names]
    assert sorted(listed) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_from_their_own_or_lower_layers(module):
    higher = {
        other
        for other in imported_modules(CORE / f"{module}.py")
        if layer_of(other) > layer_of(module) and (module, other) not in EXCEPTIONS
    }
    assert not higher


@pytest.mark.parametrize("module", MODULES)
def test_the_core_does_not_know_snakemake(module):
    tree = ast.parse((CORE / f"{module}.py").read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name and name.split(".")[0] == "snakemake"]


def test_modules_import_in_no_circle():
    def visit(module, path):
        assert module not in path, f"circle: {' → '.join([*path, module])}"
        for other in imported_modules(CORE / f"{module}.py"):
            visit(other, [*path, module])

    for module in MODULES:
        visit(module, [])


def test_importing_the_package_loads_nothing_heavy():
    heavy = "torch", "cv2", "pandas", "matplotlib", "pydensecrf"
    code = f"import masktrack_core, sys; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
