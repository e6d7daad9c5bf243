# The figures of the paper, films and a page to look at: everything from scores and masks.


rule effort:
    input:
        figure_scores,
    output:
        "<results>/{figure}.csv",
    log:
        "<logs>/effort/{figure}.log",
    benchmark:
        "<benchmarks>/effort/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("annotations"),
    conda:
        "../envs/masktrack.yaml"
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
    benchmark:
        "<benchmarks>/attributes/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("attributes"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("attributes"),
        facts=lambda wildcards: facts(*attribute_facts(FIGURES[wildcards.figure])),
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
    benchmark:
        "<benchmarks>/losses/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("losses"),
    conda:
        "../envs/masktrack.yaml"
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
    benchmark:
        "<benchmarks>/draw/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("annotations", "attributes", "losses"),
    conda:
        "../envs/masktrack.yaml"
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
    benchmark:
        "<benchmarks>/sheet/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("sheet"),
    conda:
        "../envs/masktrack.yaml"
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
    benchmark:
        "<benchmarks>/film/{variant}/{annotation}/{dataset}/{sequence}.tsv"
    conda:
        "../envs/masktrack.yaml"
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
    benchmark:
        "<benchmarks>/page/index.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("page"),
        commit=lambda wildcards: commit(),
        titles={name: row["title"] for name, row in config["datasets"].items()},
        rows=list(page_rows()),
        frames=config["page"]["frames"],
    script:
        "../workflow_scripts/page.py"
