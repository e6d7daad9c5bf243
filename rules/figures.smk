# The figures of the paper, films and a page to look at: everything from scores and masks.
from masktrack_core.figure_recipes import read_figures

try:
    FIGURES = read_figures(config)
except InputError as error:
    raise WorkflowError(str(error)) from None


def figures_of(*kinds):
    """Return a pattern of the figures of some kinds."""
    chosen = [name for name, figure in FIGURES.items() if figure.kind in kinds]
    return "|".join(chosen) or "-"


def score_file(variant, annotation, dataset, sequence, number):
    """Return the path of the scores of one object."""
    return f"{RESULTS}/scores/{variant}/{annotation}/{dataset}/{sequence}/{number}.csv"


def mask_folders(variant, annotation, dataset, sequence):
    """Return the folders of masks of a sequence's objects."""
    return [
        f"{RESULTS}/masks/{variant}/{annotation}/{dataset}/{sequence}/{number}"
        for number in experiment.objects_of(dataset, sequence)
    ]


def figure_scores(wildcards):
    """Return the scores that a figure is made of."""
    figure = FIGURES[wildcards.figure]
    return [
        score_file(*run, dataset, sequence, number)
        for run in figure.runs()
        for dataset in figure.datasets
        for sequence, number in experiment.objects[dataset]
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
    """Return the films of everything in the tables."""
    return sorted(
        {
            f"{RESULTS}/films/{row.variant}/{row.annotation}/{dataset}/{sequence}.mp4"
            for table in experiment.recipes.tables.values()
            for row in table.rows
            for dataset in table.datasets
            for sequence, _ in experiment.objects[dataset]
        }
    )


def page_rows():
    """Yield what the page shows of each row of its tables: names, index, masks, scores."""
    for name in config["page"]["tables"]:
        table = experiment.recipes.tables[name]
        for row in table.rows:
            run = row.variant, row.annotation
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
                        "scores": score_file(*run, dataset, sequence, number),
                    }


rule effort:
    input:
        figure_scores,
    output:
        "<results>/{figure}.csv",
    log:
        "<logs>/effort/{figure}.log",
    wildcard_constraints:
        figure=figures_of("annotations"),
    params:
        code=code("effort"),
        figure=row("figures", "figure"),
    script:
        "../workflow_scripts/effort.py"


rule attributes:
    input:
        scores=figure_scores,
        attributes=attribute_files,
    output:
        "<results>/{figure}.csv",
    log:
        "<logs>/attributes/{figure}.log",
    wildcard_constraints:
        figure=figures_of("attributes"),
    params:
        code=code("attributes"),
        figure=row("figures", "figure"),
        attributes=lambda wildcards: {
            dataset: attribute_source(dataset)
            for dataset in FIGURES[wildcards.figure].datasets
        },
        published=lambda wildcards: {
            dataset: config["datasets"][dataset]["published"]
            for dataset in FIGURES[wildcards.figure].datasets
        },
    script:
        "../workflow_scripts/attributes.py"


rule losses:
    input:
        lambda wildcards: [
            f"{RESULTS}/networks/{network}.csv"
            for network in FIGURES[wildcards.figure].networks
        ],
    output:
        "<results>/{figure}.csv",
    log:
        "<logs>/losses/{figure}.log",
    wildcard_constraints:
        figure=figures_of("losses"),
    params:
        code=code("losses"),
        figure=row("figures", "figure"),
    script:
        "../workflow_scripts/losses.py"


rule draw:
    input:
        "<results>/{figure}.csv",
    output:
        pdf="<results>/{figure}.pdf",
        png=report(
            "<results>/{figure}.png",
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "<logs>/draw/{figure}.log",
    wildcard_constraints:
        figure=figures_of("annotations", "attributes", "losses"),
    params:
        code=code("draw"),
        kind=lambda wildcards: FIGURES[wildcards.figure].kind,
        datasets=lambda wildcards: [
            config["datasets"][name]["title"]
            for name in FIGURES[wildcards.figure].datasets
        ],
    script:
        "../workflow_scripts/draw.py"


rule sheet:
    input:
        sheet_inputs,
    output:
        pdf="<results>/{figure}.pdf",
        png=report(
            "<results>/{figure}.png",
            caption="captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        table="<results>/{figure}.csv",
    log:
        "<logs>/sheet/{figure}.log",
    wildcard_constraints:
        figure=figures_of("sheet"),
    params:
        code=code("sheet"),
        kind="sheet",
        columns=lambda wildcards: FIGURES[wildcards.figure].columns,
        truth=lambda wildcards: FIGURES[wildcards.figure].truth,
        datasets=lambda wildcards: [
            config["datasets"][name]["title"]
            for name in FIGURES[wildcards.figure].datasets
        ],
        sequences=lambda wildcards: list(sheet_sequences(FIGURES[wildcards.figure])),
    script:
        "../workflow_scripts/sheet.py"


rule film:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        masks=lambda wildcards: mask_folders(
            wildcards.variant,
            wildcards.annotation,
            wildcards.dataset,
            wildcards.sequence,
        ),
    output:
        "<results>/films/{variant}/{annotation}/{dataset}/{sequence}.mp4",
    log:
        "<logs>/film/{variant}/{annotation}/{dataset}/{sequence}.log",
    params:
        code=code("film"),
        objects=lambda wildcards: experiment.objects_of(
            wildcards.dataset, wildcards.sequence
        ),
        frames_per_second=12,
    script:
        "../workflow_scripts/film.py"


rule page:
    input:
        tables=[f"{RESULTS}/{name}.csv" for name in config["page"]["tables"]],
        sequences=[
            f"{RESULTS}/{name}_sequences.csv" for name in config["page"]["tables"]
        ],
        figures=[f"{RESULTS}/{name}.png" for name in config["page"]["figures"]],
        rows=sorted(
            {
                entry[key]
                for entry in page_rows()
                for key in ("index", "masks", "scores")
            }
        ),
    output:
        "<results>/index.html",
    log:
        "<logs>/page/index.log",
    params:
        code=code("page"),
        titles={name: row["title"] for name, row in config["datasets"].items()},
        rows=list(page_rows()),
        frames=config["page"]["frames"],
    script:
        "../workflow_scripts/page.py"
