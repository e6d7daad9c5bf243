# What others' masks, figures, films and the page are made of: functions from names to files.
from functools import cache

from masktrack_core.experiment.figure_recipes import film_of_table, read_figures
from masktrack_core.experiment.selection import own_pages
from masktrack_core.pictures.page import PAGE_FILES

#: What the person's own files name: all that `figures`, `films`, the page and the record take.
OWN = own_pages(config, [content for _, content in OWN_FILES])

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


def folders_of(entry):
    """Return the folders of masks of a sequence, as `sheet_sequences` has it."""
    return sum(entry["masks"].values(), [])


def figure_scores(wildcards):
    """Return the scores that a figure is made of."""
    figure = FIGURES[wildcards.figure]
    return score_files(figure.runs(), figure.datasets)


def figure_doubts(wildcards):
    """Return the doubts that a figure is made of."""
    figure = FIGURES[wildcards.figure]
    return [
        f"{RESULTS}/doubt/{variant}/{annotation}/{dataset}/{sequence}/{number}.csv"
        for variant, annotation in figure.runs()
        for dataset in figure.datasets
        for sequence, number in experiment.objects[dataset]
    ]


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
    """Return the pairs of variant and annotation of what the person's own files name."""
    tables = [experiment.recipes.tables[name] for name in OWN["tables"]]
    tables += [experiment.ablations[name] for name in OWN["ablations"]]
    figures = [FIGURES[name] for name in OWN["figures"] if name in FIGURES]
    runs = [row.run for table in tables for row in table.rows]
    return runs + [run for figure in figures for run in figure.runs()]


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
    entries = list(sheet_sequences(FIGURES[wildcards.figure]))
    folders = [path for entry in entries for path in folders_of(entry)]
    indexes = [entry["index"] for entry in entries]
    return [*indexes, *map(ancient, folders), *digests(folders)]


def film_recipe(name):
    """Return what a film shows: a figure of that kind, or the rows of a table."""
    if name in FIGURES:
        return FIGURES[name]
    return film_of_table(experiment.recipes.tables[name])


def film_names():
    """Return a pattern of all films."""
    films = [name for name, figure in FIGURES.items() if figure.kind == "film"]
    return "|".join([*films, *experiment.recipes.tables])


def film_entry(wildcards):
    """Return a sequence of a film, as `sheet_sequences` has it."""
    entries = sheet_sequences(film_recipe(wildcards.film))
    places = {(entry["dataset"], entry["sequence"]): entry for entry in entries}
    return places[wildcards.dataset, wildcards.sequence]


def film_files(name):
    """Return the files of a film by data set and sequence."""
    entries = sheet_sequences(film_recipe(name))
    places = [(entry["dataset"], entry["sequence"]) for entry in entries]
    return {place: f"{RESULTS}/films/{name}/{'/'.join(place)}.mp4" for place in places}


def films():
    """Return the films that the person's own files name; without any, those of their tables."""
    names = [n for n in OWN["figures"] if film_recipe(n).kind == "film"]
    return [p for name in names or OWN["tables"] for p in film_files(name).values()]


def drawn(names):
    """Return the pictures that some figures are, and what kind each is; films are none."""
    kinds = {n: FIGURES[n].kind if n in FIGURES else "ablation" for n in names}
    pictures = {}
    for name, kind in kinds.items():
        if kind != "film":
            pictures[name] = kind
        if kind == "comparison":
            pictures[f"{name}_frames"] = "frames"
    return pictures


def swept(tables):
    """Return those of some tables that have a sweep, hence a figure."""
    return [name for name in tables if experiment.recipes.tables[name].sweep]


def page_figures():
    """Return the figures of the page, and what kind each is."""
    sweeps = {f"{name}_sweep": "sweep" for name in swept(OWN["page"]["tables"])}
    return sweeps | drawn(OWN["page"]["figures"])


def page_films():
    """Return the films that the page leads to."""
    names = [name for name in OWN["page"]["figures"] if not drawn([name])]
    return {name: film_files(name) for name in names}


def page_methods():
    """Return the methods of the page, each once: key, name in its first table, source."""
    rows = [
        row
        for name in OWN["page"]["tables"]
        for row in experiment.recipes.tables[name].shown
    ]
    return [
        {
            "key": key,
            "name": row.method,
            "source": COPY if is_copy(variant) else row_source(variant),
        }
        for key, row in {".".join(row.run): row for row in reversed(rows)}.items()
        for variant in [experiment.recipes.variants[row.variant]]
    ][::-1]


@cache
def page_sequences():
    """Return what the page shows of each sequence: where it is, its masks and scores by method."""
    runs = {}
    for name in OWN["page"]["tables"]:
        table = experiment.recipes.tables[name]
        for dataset in table.datasets:
            runs.setdefault(dataset, {}).update(
                dict.fromkeys(r.run for r in table.shown)
            )
    return [
        {
            "dataset": dataset,
            "sequence": sequence,
            "objects": experiment.objects_of(dataset, sequence),
            "index": f"{RESULTS}/index/{dataset}/{sequence}.csv",
            "masks": {
                ".".join(run): mask_folders(*run, dataset, sequence) for run in methods
            },
            "scores": {
                ".".join(run): [
                    score_file(*run, dataset, sequence, number)
                    for number in experiment.objects_of(dataset, sequence)
                ]
                for run in methods
            },
        }
        for dataset, methods in runs.items()
        for sequence in dict.fromkeys(s for s, _ in experiment.objects[dataset])
    ]


def page_players():
    """Return the folders of pictures that the page shows."""
    return [
        f"{RESULTS}/page/sequences/{entry['dataset']}/{entry['sequence']}"
        for entry in page_sequences()
    ]


def page_rows():
    """Return what the script of the page takes of each sequence: numbers and films."""
    made = page_films()
    return [
        {key: value for key, value in entry.items() if key != "masks"}
        | {
            "films": {
                name: files[place].removeprefix(f"{RESULTS}/")
                for name, files in made.items()
                if place in files
            }
        }
        for entry in page_sequences()
        for place in [(entry["dataset"], entry["sequence"])]
    ]


def shown_entry(wildcards):
    """Return a sequence of the page, as `page_sequences` has it."""
    places = {
        (entry["dataset"], entry["sequence"]): entry for entry in page_sequences()
    }
    return places[wildcards.dataset, wildcards.sequence]


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
    folder = f"{RESULTS}/external/{variant}"
    return [] if on_disk else [ancient(folder), *digests([folder])]
