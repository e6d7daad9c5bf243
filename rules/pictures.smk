# What people look at: the paper's figures, sheets, films, the page of results.


rule figure2:
    input:
        indexes=figure2_inputs("index", "csv"),
        flows=figure2_inputs(f"flow/{config['figure2']['flow']}", "zip"),
    output:
        pdf="<results>/figure2.pdf",
        png=report(
            "<results>/figure2.png",
            caption="captions/figure2.rst",
            category="Figures",
            labels={"figure": "figure2"},
        ),
    log:
        "<logs>/figure2/figure2.log",
    benchmark:
        "<benchmarks>/figure2/figure2.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("figure2"),
        frames=config["figure2"]["frames"],
    script:
        "../workflow_scripts/figure2.py"


rule deformed_masks:
    input:
        stills=f"<results>/stills/{config['deformed_masks']['stills']}.csv",
        deformed=[
            f"<results>/deformed/{name}/{config['deformed_masks']['stills']}.zip"
            for name in config["deformed_masks"]["deformations"]
        ],
    output:
        report(
            "<results>/deformed_masks.png",
            caption="captions/deformed_masks.rst",
            category="Figures",
            labels={"figure": "deformed_masks"},
        ),
    log:
        "<logs>/deformed_masks/deformed_masks.log",
    benchmark:
        "<benchmarks>/deformed_masks/deformed_masks.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("deformed_masks"),
        page=config["deformed_masks"],
        masks_per_still=config["masks_per_still"],
    script:
        "../workflow_scripts/deformed_masks.py"


rule ablation_figure:
    input:
        "<results>/{ablation}.csv",
    output:
        pdf="<results>/{ablation}.pdf",
        png=report(
            "<results>/{ablation}.png",
            caption="captions/ablation.rst",
            category="Figures",
            labels={"figure": "{ablation}"},
        ),
    log:
        "<logs>/ablation_figure/{ablation}.log",
    benchmark:
        "<benchmarks>/ablation_figure/{ablation}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("ablation_figure"),
    script:
        "../workflow_scripts/ablation_figure.py"


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
        figure=figures_of("annotations", "attributes", "losses", "curves", "comparison"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("draw"),
        measure=lambda wildcards: FIGURES[wildcards.figure].measure,
        kind=lambda wildcards: FIGURES[wildcards.figure].kind,
        methods=lambda wildcards: [row.method for row in FIGURES[wildcards.figure].rows],
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
        tables=[f"{RESULTS}/{name}.html" for name in OWN["page"]["tables"]],
        sequences=[f"{RESULTS}/{name}_sequences.csv" for name in OWN["page"]["tables"]],
        figures=[f"{RESULTS}/{name}.png" for name in OWN["page"]["figures"]],
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
