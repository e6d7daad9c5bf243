# Shared by the files of rules. Experiment tables, and functions from wildcards to rows and inputs.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from masktrack_core.errors import InputError
from masktrack_core.experiment import Experiment
from masktrack_core.provenance import core_digest

try:
    experiment = Experiment.from_config(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"]
SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
GPU = 0 if config["device"] == "cpu" else 1


wildcard_constraints:
    **experiment.wildcards(),
    object="[0-9]+",
    sequence="[^/]+",


def code(script):
    """Return the digest of a script and the core modules it imports: a rule's `params.code`."""
    return core_digest(SCRIPTS / f"{script}.py")


def row(table, key):
    """Return a function from wildcards to the row of a parameter table that a wildcard names."""
    return lambda wildcards: config[table][wildcards[key]]


def parts(table, key, **columns):
    """Return a function from wildcards to the rows that one experiment row refers to.

    `parts("networks", "network", crop="crops")` gives, for network "mask",
    `{"crop": config["crops"][config["networks"]["mask"]["crop"]]}`.
    """

    def rows(wildcards):
        entry = config[table][wildcards[key]]
        return {
            column: config[target].get(entry[column])
            for column, target in columns.items()
        }

    return rows


def set_files(table, name):
    """Return what must be there before a set is indexed; nothing for a set on disk."""
    row, root = config[table][name], f"{config['data']}/{name}"
    if row["archives"]:
        return [root]
    if row["rendered"]:
        rendered = {
            "datasets": ["attributes.csv"],
            "stills": ["images", "ground_truth_mask"],
        }
        return [f"{root}/{part}" for part in rendered[table]]
    return []


def unpacked(wildcards):
    """Return the row of a set that is unpacked from archives."""
    name = wildcards.unpacked
    return config["datasets"].get(name) or config["stills"][name]


def receipt(archive):
    """Return the receipt of a downloaded file, which lies beside it under the same name."""
    return f"{config['data']}/archives/{archive}.receipt"


def training_inputs(wildcards):
    """Return what a network is trained on: stills, their deformed masks, pretrained weights."""
    network = experiment.recipes.networks[wildcards.network]
    pretrained = config["architectures"][network.architecture]["pretrained"]
    deformed = f"{RESULTS}/deformed/{network.deformation}"
    return {
        "stills": [f"{RESULTS}/stills/{name}.csv" for name in network.stills],
        "deformed": [f"{deformed}/{name}.zip" for name in network.stills],
        "pretrained": (
            [receipt(pretrained) if pretrained in config["archives"] else pretrained]
            if pretrained
            else []
        ),
    }


def offline_network(name):
    """Return the path of a network as fine-tuning and tracking find it."""
    return f"{RESULTS}/networks/{name}.safetensors"


def tracking_network(wildcards):
    """Return the network that a tracker runs on one object: fine-tuned, or as trained offline."""
    tracker = experiment.recipes.trackers[wildcards.tracker]
    if tracker.finetuning is None:
        return offline_network(tracker.network)
    return (
        f"{RESULTS}/finetuned/{tracker.network}/{tracker.finetuning}/{wildcards.annotation}/"
        f"{wildcards.dataset}/{wildcards.sequence}/{wildcards.object}.safetensors"
    )


def tracker_usage(name):
    """Return how a tracker uses its network: the rows of its parameters."""
    tracker = experiment.recipes.trackers[name]
    finetuning = config["finetunings"].get(tracker.finetuning)
    tables = ("schedule", "crop", "augmentation", "deformation")
    stills = experiment.recipes.networks[tracker.network].stills
    return {
        "propagation": config["propagations"][tracker.propagation],
        "finetuning": finetuning,
        "rows": {
            table: config[f"{table}s"][finetuning[table]]
            for table in tables
            if finetuning
        },
        "trained_on": ", ".join(stills),
    }


def tracks(wildcards):
    """Return the tracks that a variant averages."""
    return [
        f"{RESULTS}/tracks/{tracker}/{wildcards.annotation}/"
        f"{wildcards.dataset}/{wildcards.sequence}/{wildcards.object}.zip"
        for tracker in experiment.recipes.variants[wildcards.variant].trackers
    ]


def table_scores(wildcards):
    """Return the scores that a table is made of."""
    table = experiment.recipes.tables[wildcards.table]
    return [
        f"{RESULTS}/scores/{row.variant}/{row.annotation}/{dataset}/{sequence}/{number}.csv"
        for row in table.rows
        for dataset in table.datasets
        for sequence, number in experiment.objects[dataset]
    ]


def annotation_network(wildcards):
    """Return the network that turns a box into a segment."""
    return offline_network(experiment.recipes.annotations[wildcards.annotation].network)
