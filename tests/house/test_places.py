"""Tests stand where their code stands: ``tests/unit/<package>/test_<module>.py``, or as listed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "masktrack_core"
MODULES = {
    ".".join(path.relative_to(CORE).with_suffix("").parts): path
    for path in sorted(CORE.rglob("*.py"))
    if path.stem != "__init__"
}

#: Modules without a file of their own: where they are tested, and why there.
ELSEWHERE = {
    "arrays": ("house/test_layers.py", "names of types, no behaviour"),
    "gpus": ("workflow/test_gpus.py", "jobs that share a machine"),
    "commands.flat": ("house/test_pixels.py", "the file that it makes is compared"),
    "experiment.flat_config": ("house/test_pixels.py", "the file that it makes is compared"),
    "experiment.score_report": ("unit/measures/test_scoring.py", "what the command prints"),
    "ranges": ("house/test_schema.py", "ranges of parameters beside those of the schema"),
    "commands.check": ("unit/datasets/test_video_files.py", "with the files that it complains of"),
    "commands.cli": ("unit/commands/test_segment.py", "every command goes through it"),
    "commands.options": ("unit/commands/test_agreement.py", "the option that a refusal names"),
    "commands.overlay": ("unit/datasets/test_video_files.py", "with the films that it writes"),
    "commands.stages": ("unit/commands/test_segment.py", "the stages of one command"),
    "commands.frames": ("unit/commands/test_look.py", "frames of a clip, with what is said of it"),
    "commands.info": ("unit/commands/test_look.py", "what is said of a clip, with its frames"),
    "commands.moments": ("unit/commands/test_look.py", "the frames that a person names"),
    "commands.outputs": ("unit/exports/test_forms.py", "the option of the forms it writes"),
    "exports.coco": ("unit/exports/test_forms.py", "one clip, written in every form"),
    "exports.contours": ("unit/exports/test_forms.py", "one clip, written in every form"),
    "exports.cutout": ("unit/exports/test_forms.py", "one clip, written in every form"),
    "exports.followed": ("unit/exports/test_forms.py", "what every form is written from"),
    "exports.masks": ("unit/commands/test_segment.py", "the masks that the command writes"),
    "exports.probs": ("unit/exports/test_forms.py", "one clip, written in every form"),
    "commands.clips": ("unit/commands/test_segment.py", "what one command does with a clip"),
    "commands.plan": ("unit/experiment/test_timings.py", "costs planned beside costs measured"),
    "commands.score": ("unit/measures/test_scoring.py", "with the scores that it prints"),
    "datasets.checks": ("unit/datasets/test_video_files.py", "beside the readers it runs"),
    "datasets.external": ("workflow/test_inputs.py", "others' masks through the workflow"),
    "datasets.groups": ("unit/measures/test_protocols.py", "groups of a protocol's mean"),
    "datasets.listed_objects": ("unit/measures/test_protocols.py", "lists of whole small sets"),
    "datasets.layouts": ("unit/datasets/test_index.py", "a layout is seen in its index"),
    "datasets.patterns": ("unit/datasets/test_index.py", "a pattern is seen in the index it gives"),
    "datasets.truth_files": ("unit/datasets/test_index.py", "as the videos of an index read them"),
    "datasets.truths": ("unit/measures/test_scoring.py", "what masks are scored against"),
    "datasets.videos": ("unit/datasets/test_index.py", "an index is opened where it is made"),
    "experiment.architectures": ("unit/test_registry.py", "names in rows, looked up"),
    "experiment.attributes": ("unit/experiment/test_effort.py", "Figure 5 beside Figure 4"),
    "experiment.configuration": ("workflow/test_bad_input.py", "a whole configuration is needed"),
    "experiment.figure_recipes": ("unit/experiment/test_effort.py", "with the figures' numbers"),
    "experiment.planning": ("unit/experiment/test_timings.py", "costs planned beside measured"),
    "experiment.references": ("unit/experiment/test_recipes.py", "names are looked up in recipes"),
    "files.decoding": ("unit/files/test_io.py", "one picture file, decoded and read"),
    "files.mirrors": ("unit/files/test_download.py", "addresses with what they give"),
    "files.picture_zip": ("unit/files/test_archives.py", "the zip below the archives"),
    "files.tensors": ("unit/networks/test_weights.py", "files of weights hold them"),
    "networks.checkpoints": ("unit/networks/test_weights.py", "their names as they are loaded"),
    "networks.heads": ("unit/networks/test_backbones.py", "a head needs a trunk"),
    "networks.included": ("house/test_included.py", "the files are compared with their card"),
    "networks.spec": ("unit/networks/test_network.py", "a spec is seen in the network it builds"),
    "pictures.compared_films": ("unit/pictures/test_player.py", "with the pictures of the page"),
    "pictures.doubt_figure": ("unit/experiment/test_doubts.py", "with the numbers it draws"),
    "pictures.films": ("unit/datasets/test_video_files.py", "with the films that it is drawn on"),
    "pictures.overlays": ("unit/pictures/test_page.py", "with the sheets and the page they fill"),
    "pictures.rulers": ("unit/commands/test_look.py", "with the frames that they are drawn on"),
    "pictures.plots": ("unit/experiment/test_effort.py", "with the numbers they draw"),
    "pictures.sheets": ("unit/pictures/test_page.py", "with the page they stand on"),
    "rendered.animals": ("unit/rendered/test_scenes.py", "actors are seen in their clip"),
    "rendered.clips": ("unit/rendered/test_scenes.py", "scripts are seen in their clip"),
    "rendered.layers": ("unit/rendered/test_scenes.py", "surfaces are seen in their clip"),
    "rendered.puppets": ("unit/rendered/test_scenes.py", "actors are seen in their clip"),
    "rendered.scripts": ("unit/rendered/test_scenes.py", "scripts are seen in their clip"),
    "rendered.stills": ("unit/rendered/test_scenes.py", "a still is a clip of one frame"),
    "rendered.textures": ("unit/rendered/test_scenes.py", "skins are seen in their clip"),
    "rendered.zoo": ("unit/rendered/test_scenes.py", "actors are seen in their clip"),
    "masks.tensors": ("devices/test_pretend.py", "beside the CPU's, on a pretended GPU"),
    "tracking.resident": ("devices/test_pretend.py", "a propagation on a GPU, on a pretended one"),
    "tracking.propagation_params": (
        "unit/tracking/test_propagation.py",
        "as it takes them",
    ),
    "tracking.answers": ("unit/tracking/test_external.py", "what a command answers, checked"),
    "tracking.crf_kernels": ("unit/tracking/test_crf.py", "kept kernels beside built ones"),
    "training.batches": ("unit/training/test_loop.py", "batches as the loop takes them"),
    "training.optimisers": ("unit/training/test_loop.py", "steps as the loop takes them"),
    "training.state": ("unit/training/test_loop.py", "what an interrupted loop goes on from"),
}


def own_test(module):
    *rooms, name = module.split(".")
    return ROOT.joinpath("tests", "unit", *rooms, f"test_{name}.py")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_file_of_tests_or_is_listed(module):
    assert own_test(module).exists() != (module in ELSEWHERE)


@pytest.mark.parametrize("module", ELSEWHERE)
def test_a_listed_module_is_there_and_so_are_its_tests(module):
    where, reason = ELSEWHERE[module]
    assert module in MODULES and (ROOT / "tests" / where).exists() and reason


def test_files_that_the_documentation_names_are_there():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
    named = re.compile(r"\b(?:tests|benchmarks|rules|workflow_scripts|masktrack_core)/[\w/.-]+\w")
    missing = [
        (page.name, name)
        for page in pages
        for name in named.findall(page.read_text())
        if not (ROOT / name).exists()
    ]
    assert not missing


def test_every_folder_of_unit_tests_is_a_room():
    folders = {path.parent.name for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    assert folders - {"unit"} <= {path.parent.name for path in CORE.rglob("*.py")}
