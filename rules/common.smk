# Shared by the files of rules. Experiment tables, and functions from wildcards to rows and inputs.
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from masktrack_core.datasets.index import (
    facts_file,
    folder_fingerprint,
    known_facts,
    read_facts,
)
from masktrack_core.errors import InputError
from masktrack_core.experiment import rounds
from masktrack_core.experiment.architectures import packages_of
from masktrack_core.experiment.configuration import Experiment
from masktrack_core.experiment.network_files import (
    network_archive,
    shares_training,
    source_of,
)
from masktrack_core.gpus import gpus_at_hand
from masktrack_core.experiment.planning import costs_with, likely_backbones
from masktrack_core.experiment.provenance import (
    commit,
    content_digests,
    core_digest,
    keep_code,
    recall_code,
)
from masktrack_core.experiment.published import weights_file
from masktrack_core.experiment.results import COPY, is_copy, row_source
from masktrack_core.experiment.run_locks import announce_run
from masktrack_core.networks.records import FINETUNING_DEFAULTS

# Snakemake puts this path before a script's without quotes: a checkout, and with it .venv, may lie
# in a folder with a space.
if Path(sys.executable).exists():
    sys.executable = shlex.quote(sys.executable)

try:
    experiment = Experiment.from_config(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

#: The files that a person gave with --configfile: name and content.
OWN_FILES = [
    (Path(path).name, load_configfile(path))
    for path in workflow.overwrite_configfiles
    if Path(path).resolve() != Path(workflow.basedir, "config.yaml").resolve()
]

# Held open as long as this process lives. Jobs and dry runs hold no lock.
if workflow.is_main_process and not workflow.dryrun:
    RUN = announce_run(Path(".snakemake"))
    # For our logger, which estimates the time that is left; others print nothing of it.
    COSTS = costs_with(
        read_facts("unit_costs"),
        likely_backbones([config, *(own for _, own in OWN_FILES)]),
    )
    logger.info(None, extra={"unit_costs": dict(zip(COSTS.rule, COSTS.cpu_s))})

# What the code says, by its bytes: parsing it is a quarter of a start.
CODE = Path(".snakemake/masktrack-code")
recall_code(CODE)

RESULTS = config["results"]
SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
GPU = 0 if config["device"] == "cpu" else 1
#: Variants that end with a dense CRF, given or searched.
REFINED = "|".join(
    experiment.names("variants", **{key: True}) for key in ("crf", "crf_search")
)


# Snakemake limits no resource by itself. Where jobs run on this machine's GPU, one does at a time
# unless `--resources gpu=N` says that there are more; without one, on the CPU, as many as there
# are cores. A cluster, for which `--jobs` is given, hands out its GPUs itself.
if (
    GPU
    and (config["device"] != "auto" or gpus_at_hand())
    and workflow.is_main_process
    and workflow.resource_settings.nodes is None
    and "gpu" not in workflow.global_resources
):
    workflow.register_resource("gpu", 1)


wildcard_constraints:
    **experiment.wildcards(),
    object="[0-9]+",
    sequence="[^/]+",


def code(script):
    """Return the digest of a script and the core modules it imports: a rule's `params.code`."""
    return core_digest(SCRIPTS / f"{script}.py")


def facts(*names):
    """Return the digest of tables of facts that a script reads: a rule's `params.facts`."""
    return content_digests(map(facts_file, names))


def needs(rule):
    """Return memory (MB) and run time (minutes) of a rule's jobs as functions of the attempt."""

    def doubled(amount):
        return lambda wildcards, attempt: amount * 2 ** (attempt - 1)

    return {name: doubled(amount) for name, amount in config["needs"][rule].items()}


def unseeded(row):
    """Return a row without its seed, which is a parameter of its own."""
    return {key: value for key, value in row.items() if key != "seed"}


def row(table, key):
    """Return a function from wildcards to the row of a parameter table that a wildcard names."""
    return lambda wildcards: unseeded(config[table][wildcards[key]])


def seed_of(table, key):
    """Return a function from wildcards to the seed of a row: its own, or the configuration's."""
    return lambda wildcards: config[table][wildcards[key]].get("seed", config["seed"])


def parts(table, key, **columns):
    """Return a function from wildcards to the rows that one experiment row refers to.

    `parts("networks", "network", crop="crops")` gives, for network "mask",
    `{"crop": config["crops"][config["networks"]["mask"]["crop"]]}`.
    """

    def rows(wildcards):
        entry = config[table][wildcards[key]]
        return {
            column: config[target].get(entry.get(column))
            for column, target in columns.items()
        }

    return rows


def packages(wildcards):
    """Return the packages that a network's trunk, head and loss come from, with versions."""
    network = experiment.recipes.networks[wildcards.network]
    return packages_of(
        config["architectures"][network.architecture],
        config["schedules"].get(network.schedule),
    )


def set_files(table, name):
    """Return what must be there before a set is indexed; nothing for a set on disk."""
    row, root = config[table][name], f"{config['data']}/{name}"
    if row["archives"]:
        return [ancient(root), *digests([root])]
    if row["rendered"]:
        rendered = {
            "datasets": ["attributes.csv"],
            "stills": ["images", "ground_truth_mask"],
        }
        parts = [f"{root}/{part}" for part in rendered[table]]
        return [*map(ancient, parts), *digests([root])]
    return []


def digests(folders):
    """Return the files that say what folders hold: of folders Snakemake compares times alone.

    A rule that reads a folder takes it as `ancient`, and its digest decides.
    """
    return [f"{folder}.sha256" for folder in folders]


def unpacked(wildcards):
    """Return the row of a set that is unpacked from archives."""
    name = wildcards.unpacked
    return config["datasets"].get(name) or config["stills"][name]


def receipt(archive):
    """Return the receipt of a downloaded file, which lies beside it under the same name."""
    return f"{config['data']}/archives/{archive}.receipt"


def weights(table, name, column):
    """Return the file of weights that a row names, a list of one or none."""
    file = weights_file(config, table, name, column)
    return [str(file)] if file else []


def training_inputs(wildcards):
    """Return what a network is trained on: stills, their deformed masks, pretrained weights."""
    network = experiment.recipes.networks[wildcards.network]
    deformed = f"{RESULTS}/deformed/{network.deformation}"
    stills = network.stills if network.schedule else ()
    return {
        "stills": [f"{RESULTS}/stills/{name}.csv" for name in stills],
        "deformed": [f"{deformed}/{name}.zip" for name in stills],
        "start": [offline_network(network.start)] if network.start else [],
        "pretrained": (
            []
            if network.start
            else weights("architectures", network.architecture, "pretrained")
        ),
    }


def composed_deformation(wildcards):
    """Return how masks of composed stills are deformed, where a network learns from such."""
    network = experiment.recipes.networks[wildcards.network]
    told = config["architectures"][network.architecture].get("others")
    meet = told or network.composed
    return unseeded(config["deformations"][network.deformation]) if meet else None


def network_download(wildcards):
    """Return the receipt of a network to download; nothing for one on this disk."""
    # Ancient: checking a download again does not take it again.
    archives = network_archive(experiment.recipes.networks[wildcards.network])
    return [ancient(receipt(archive)) for archive in archives]


def saying_networks(wildcards):
    """Return the networks whose files say the threshold of a variant."""
    return [
        offline_network(name) for name in experiment.saying_networks(wildcards.variant)
    ]


def saying_network(wildcards):
    """Return the network whose file says how a tracker propagates, where its row does not."""
    tracker = experiment.recipes.trackers[wildcards.tracker]
    return [] if tracker.propagation else [offline_network(tracker.network)]


def offline_network(name):
    """Return the path of a network as fine-tuning and tracking find it."""
    return f"{RESULTS}/networks/{name}.safetensors"


def kept(path):
    """Return the path of a fine-tuned network: an output that stays, or a temporary one."""
    return path if config["keep_finetuned"] else temp(path)


def tracking_networks(wildcards):
    """Return the network of each stream of a tracker: fine-tuned, or as trained offline."""
    return networks_of_object(wildcards, wildcards.object)


def networks_of_object(wildcards, number):
    """Return what `tracking_networks` does for one of the objects of a sequence."""
    tracker = experiment.recipes.trackers[wildcards.tracker]
    if tracker.finetuning and is_shared(tracker.finetuning, tracker.network):
        number = min(experiment.objects_of(wildcards.dataset, wildcards.sequence))
    paths = {
        "offline": offline_network(tracker.network),
        "finetuned": f"{RESULTS}/finetuned/{tracker.network}/{tracker.finetuning}/"
        f"{wildcards.annotation}/{wildcards.dataset}/{wildcards.sequence}/"
        f"{number}.safetensors",
    }
    return [paths[name] for name in tracker.networks]


@cache
def is_shared(finetuning, network):
    """Return whether one training is for all objects: its file is that of the first of them."""
    recipes = experiment.recipes
    return shares_training(recipes.finetunings[finetuning], recipes.networks[network])


def networks_of_all(wildcards):
    """Return the networks of all objects of a sequence, object by object, stream by stream."""
    numbers = experiment.objects_of(wildcards.dataset, wildcards.sequence)
    return [
        path for number in numbers for path in networks_of_object(wildcards, number)
    ]


def finetuning_rows_of(finetuning, network):
    """Return the rows of a fine-tuning; without a deformation of its own it has the network's.

    None is what the file of the network says.
    """
    recipe = experiment.recipes.finetunings[finetuning]
    deformation = recipe.deformation or experiment.recipes.networks[network].deformation
    return {
        "augmentation": config["augmentations"].get(recipe.augmentation),
        "crop": config["crops"].get(recipe.crop),
        "schedule": config["schedules"].get(recipe.schedule),
        "deformation": deformation
        and unseeded(config["deformations"].get(deformation, {})),
    }


def finetuning_numbers(finetuning, network):
    """Return the numbers of a fine-tuning; what is not among them the network's file says."""
    row = config["finetunings"][finetuning]
    if experiment.recipes.networks[network].file is None:
        row = FINETUNING_DEFAULTS | row
    return {key: row[key] for key in FINETUNING_DEFAULTS if key in row}


def finetuning_rows(wildcards):
    """Return the rows of the fine-tuning that a job is for."""
    return finetuning_rows_of(wildcards.finetuning, wildcards.network)


def round_before(wildcards):
    """Return annotations and doubts of the round before; none where frames are not looked at."""
    name = rounds.round_before(config["annotations"], wildcards.annotation)
    place = f"{wildcards.dataset}/{wildcards.sequence}/{wildcards.object}"
    variant = config["annotations"][wildcards.annotation]["variant"]
    files = {
        "before": f"{RESULTS}/annotations/{name}/{place}.zip",
        "doubt": f"{RESULTS}/doubt/{variant}/{name}/{place}.csv",
    }
    return {key: [file] if name else [] for key, file in files.items()}


def all_annotations(wildcards):
    """Return the annotations of all objects of a sequence."""
    folder = f"{RESULTS}/annotations/{wildcards.annotation}/{wildcards.dataset}/{wildcards.sequence}"
    numbers = experiment.objects_of(wildcards.dataset, wildcards.sequence)
    return [f"{folder}/{number}.zip" for number in numbers]


def other_annotations(wildcards):
    """Return the annotations of the other objects of a sequence, whose pixels are theirs."""
    return [
        path
        for path in all_annotations(wildcards)
        if Path(path).stem != wildcards.object
    ]


def neighbours(wildcards):
    """Return the annotations of the other objects, where a fine-tuning shows or learns them.

    What a row leaves out the file of its network may say: then they are there too.
    """
    row = config["finetunings"][wildcards.finetuning]
    from_file = experiment.recipes.networks[wildcards.network].file is not None
    looked_at = [row.get(key, from_file) for key in ("neighbours", "shared")]
    return other_annotations(wildcards) if any(looked_at) else []


def tracking_flow(wildcards):
    """Return the flow pictures of a sequence, where one of the tracker's streams needs them."""
    flow = experiment.recipes.trackers[wildcards.tracker].flow
    path = f"{RESULTS}/flow/{flow}/{wildcards.dataset}/{wildcards.sequence}.zip"
    return [path] if flow else []


def flow_weights(wildcards):
    """Return the weights of a learned flow."""
    return weights("flows", wildcards.flow, "weights")


def figure2_inputs(folder, suffix):
    """Return a file of each sequence of Figure 2."""
    return [
        f"{RESULTS}/{folder}/{frame['dataset']}/{frame['sequence']}.{suffix}"
        for frame in config["figure2"]["frames"]
    ]


def tracker_usage(name):
    """Return how a tracker uses its network: the rows of its parameters."""
    tracker = experiment.recipes.trackers[name]
    rows, numbers = {}, None
    if tracker.finetuning:
        rows = finetuning_rows_of(tracker.finetuning, tracker.network)
        numbers = finetuning_numbers(tracker.finetuning, tracker.network)
    return {
        "propagation": config["propagations"].get(tracker.propagation),
        "finetuning": numbers,
        "rows": rows,
        "trained_on": experiment.trained_on(tracker.network),
    }


def tracks(wildcards):
    """Return the tracks that a variant averages."""
    place = wildcards.annotation, wildcards.dataset, wildcards.sequence
    return [
        track_file(tracker, *place, wildcards.object)
        for tracker in experiment.recipes.variants[wildcards.variant].trackers
    ]


def track_file(tracker, annotation, dataset, sequence, number):
    """Return the archive of an object's track, or that of all objects that are followed together."""
    folder = f"{RESULTS}/tracks/{tracker}/{annotation}/{dataset}/{sequence}"
    together = experiment.recipes.trackers[tracker].objects == "together"
    return f"{folder}.zip" if together else f"{folder}/{number}.zip"


def searched_crf(wildcards):
    """Return the CRF found for a data set, where the variant asks for a search."""
    searched = experiment.recipes.variants[wildcards.variant].crf_search
    path = f"{RESULTS}/crf/{wildcards.variant}/{wildcards.annotation}/{wildcards.dataset}.yaml"
    return [path] if searched else []


def search_inputs(wildcards):
    """Return indexes and tracks of the development sequences: nothing else is looked at."""
    dataset, annotation = wildcards.dataset, wildcards.annotation
    objects = experiment.development_objects(dataset)
    trackers = experiment.recipes.variants[wildcards.variant].trackers
    return {
        "indexes": [
            f"{RESULTS}/index/{dataset}/{sequence}.csv" for sequence, _ in objects
        ],
        "tracks": [
            track_file(tracker, annotation, dataset, sequence, number)
            for sequence, number in objects
            for tracker in trackers
        ],
    }


def search_row(wildcards):
    """Return the row of a variant's search, with the CRF that it starts from."""
    search = config["crf_searches"][config["variants"][wildcards.variant]["crf_search"]]
    return dict(search) | {"start": config["crfs"][search["start"]]}


def score_file(variant, annotation, dataset, sequence, number):
    """Return the path of the scores of one object."""
    return f"{RESULTS}/scores/{variant}/{annotation}/{dataset}/{sequence}/{number}.csv"


def score_files(runs, datasets):
    """Return the scores of every object of some data sets, for pairs of variant and annotation."""
    return [
        score_file(*run, dataset, sequence, number)
        for run in runs
        for dataset in datasets
        for sequence, number in experiment.objects[dataset]
    ]


def table_scores(wildcards):
    """Return the scores that a table is made of."""
    table = experiment.recipes.tables[wildcards.table]
    return score_files([row.run for row in table.rows], table.datasets)


def table_temporal(wildcards):
    """Return the steps that T is taken of, where a table asks for it."""
    table = experiment.recipes.tables[wildcards.table]
    if "T" not in table.measures:
        return []
    return [
        f"{RESULTS}/temporal/{row.variant}/{row.annotation}/{dataset}/{sequence}/{number}.csv"
        for row in table.rows
        for dataset in table.datasets
        for sequence, number in experiment.temporal_objects(dataset)
    ]


def published_names(wildcards, whole):
    """Return data set → the name under which it is published; those of which we have all, or any."""
    names = {
        dataset: experiment.published(dataset) if whole else row["published"]
        for dataset in experiment.recipes.tables[wildcards.table].datasets
        for row in [config["datasets"][dataset]]
    }
    return {dataset: name for dataset, name in names.items() if name}


def table_facts(wildcards):
    """Return the tables of facts that hold the published results of a table's data sets."""
    names = {
        f"{name}{what}"
        for name in published_names(wildcards, whole=False).values()
        for what in ("", "_published_stats", *(f"_published_{m}" for m in "JFT"))
    }
    return sorted(names & set(known_facts()))


def ablation_scores(wildcards):
    """Return the scores that an ablation is made of."""
    ablation = experiment.ablations[wildcards.ablation]
    return score_files([row.run for row in ablation.rows], [ablation.dataset])


def recorded_config():
    """Return the configuration, its device only where that decides a result.

    It does where the same bytes are promised of a GPU; else it moves last digits, which the file of
    each network says.
    """
    decides = config["deterministic"]
    return {key: said for key, said in config.items() if key != "device" or decides}


def annotation_network(wildcards):
    """Return the network that turns a box into a segment."""
    return offline_network(experiment.recipes.annotations[wildcards.annotation].network)
