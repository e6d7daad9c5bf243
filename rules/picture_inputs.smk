# What others' masks, figures, films and the page are made of: functions from names to files.
from functools import cache

from masktrack_core.experiment.figure_recipes import read_figures
from masktrack_core.experiment.selection import own_pages

#: What the person's own files name: all that `figures`, `films` and the page take.
OWN = own_pages(config, OWN_FILES)

try:
    FIGURES = read_figures(config)
except InputError as error:
    raise WorkflowError(str(error)) from None


def figures_of(*kinds):
    """Return a pattern of the figures of some kinds."""
    chosen = [name for name, figure in FIGURES.items() if figure.kind in kinds]
    return "|".join(chosen) or "-"


def mask_folders(variant, annotation, dataset, sequence):
    """Return the folders of masks of a sequence's objects."""
    return [
        f"{RESULTS}/masks/{variant}/{annotation}/{dataset}/{sequence}/{number}"
        for number in experiment.objects_of(dataset, sequence)
    ]


def figure_scores(wildcards):
    """Return the scores that a figure is made of."""
    figure = FIGURES[wildcards.figure]
    return score_files(figure.runs(), figure.datasets)


def curve_scores(wildcards):
    """Return the scores of the sequences that a figure of curves shows."""
    figure = FIGURES[wildcards.figure]
    return [
        score_file(*run, entry["dataset"], entry["sequence"], number)
        for run in figure.runs()
        for entry in sheet_sequences(figure)
        for number in entry["objects"]
    ]


def attribute_source(dataset):
    """Return where a data set's attributes are: a CSV file, or a table of facts."""
    row = config["datasets"][dataset]
    if row["rendered"]:
        return f"{config['data']}/{dataset}/attributes.csv"
    source = row["attributes"] or row["table"] or row["published"]
    if source is None:
        raise WorkflowError(
            f"datasets.{dataset}.attributes: expected the table of attributes that a figure of "
            "kind 'attributes' needs, got none; give a CSV file or a table of facts"
        )
    return source


def attribute_files(wildcards):
    """Return the files that hold the attributes of a figure's data sets."""
    sources = map(attribute_source, FIGURES[wildcards.figure].datasets)
    return [source for source in sources if source.endswith(".csv")]


def attribute_facts(figure):
    """Return the tables of facts that a figure by attribute reads: attributes, others' results."""
    rows = [config["datasets"][name] for name in figure.datasets]
    sources = map(attribute_source, figure.datasets)
    names = {source for source in sources if not source.endswith(".csv")}
    if figure.published:
        names |= {f"{row['published']}_published_J" for row in rows if row["published"]}
    return sorted(names)


def taken_networks(runs):
    """Return the networks from files behind some pairs of variant and annotation, by name.

    Of each, what decides it: the params, hence the captions, of a table.
    """
    recipes, names = experiment.recipes, set()
    for variant, annotation in runs:
        trackers = recipes.variants[variant].trackers
        names |= {recipes.trackers[tracker].network for tracker in trackers}
        names.add(recipes.annotations[annotation].network)
    return {
        name: source_of(network)
        for name, network in recipes.networks.items()
        if name in names and network.file is not None
    }


def shown_runs():
    """Return every pair of variant and annotation of tables, ablations and figures."""
    tables = [*experiment.recipes.tables.values(), *experiment.ablations.values()]
    runs = [row.run for table in tables for row in table.rows]
    return runs + [run for figure in FIGURES.values() for run in figure.runs()]


def sheet_sequences(figure):
    """Yield data set, sequence, and where frames and masks of each method are."""
    for dataset in figure.datasets:
        names = list(dict.fromkeys(name for name, _ in experiment.objects[dataset]))
        if figure.sequences is not None:
            names = [name for name in names if name in figure.sequences]
        for sequence in names[: figure.limit]:
            yield {
                "dataset": dataset,
                "sequence": sequence,
                "index": f"{RESULTS}/index/{dataset}/{sequence}.csv",
                "objects": experiment.objects_of(dataset, sequence),
                "masks": {
                    row.method: mask_folders(
                        row.variant, row.annotation, dataset, sequence
                    )
                    for row in figure.rows
                },
            }


def sheet_inputs(wildcards):
    """Return the indexes and the masks that a sheet shows."""
    return [
        path
        for entry in sheet_sequences(FIGURES[wildcards.figure])
        for path in (entry["index"], *sum(entry["masks"].values(), []))
    ]


def films():
    """Return the films of everything in the tables that the person's own files name."""
    return sorted(
        {
            f"{RESULTS}/films/{row.variant}/{row.annotation}/{dataset}/{sequence}.mp4"
            for name in OWN["tables"]
            for table in [experiment.recipes.tables[name]]
            for row in table.shown
            for dataset in table.datasets
            for sequence, _ in experiment.objects[dataset]
        }
    )


def page_rows():
    """Yield what the page shows of each row of its tables: names, index, masks, scores."""
    for name in OWN["page"]["tables"]:
        table = experiment.recipes.tables[name]
        for row in table.shown:
            for dataset in table.datasets:
                for sequence, number in experiment.objects[dataset]:
                    place = f"{dataset}/{sequence}/{number}"
                    yield {
                        "table": name,
                        "method": row.method,
                        "dataset": dataset,
                        "sequence": sequence,
                        "object": number,
                        "index": f"{RESULTS}/index/{dataset}/{sequence}.csv",
                        "masks": f"{RESULTS}/masks/{row.variant}/{row.annotation}/{place}",
                        "scores": score_file(*row.run, dataset, sequence, number),
                    }


@cache
def masks_fingerprint(variant):
    """Return a digest of others' masks, once for all sequences of a variant."""
    return experiment.fingerprint_of_masks(variant)


def masks_source(wildcards):
    """Return the archive of a variant's masks, or the receipt of its download."""
    archive = experiment.masks_archive(wildcards.variant)
    # Ancient: checking a download again does not unpack it again.
    if archive:
        return ancient(receipt(archive))
    return config["variants"][wildcards.variant]["masks"]


def unpacked_masks(wildcards):
    """Return the unpacked folder of a variant whose masks come as an archive."""
    masks, variant = config["variants"][wildcards.variant]["masks"], wildcards.variant
    on_disk = not experiment.masks_archive(variant) and Path(masks).is_dir()
    return [] if on_disk else [f"{RESULTS}/external/{variant}"]
