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


rule sweep:
    input:
        "<results>/{table}.csv",
    output:
        table="<results>/{table}_sweep.csv",
        pdf="<results>/{table}_sweep.pdf",
        png=report(
            "<results>/{table}_sweep.png",
            caption="captions/sweep.rst",
            category="Figures",
            labels={"figure": "{table}_sweep"},
        ),
    log:
        "<logs>/sweep/{table}.log",
    benchmark:
        "<benchmarks>/sweep/{table}.tsv"
    wildcard_constraints:
        table="|".join(swept(experiment.recipes.tables)) or "-",
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("sweep"),
        table=row("tables", "table"),
        titles=lambda wildcards: {
            dataset: config["datasets"][dataset]["title"]
            for dataset in experiment.recipes.tables[wildcards.table].datasets
        },
        # For the caption.
        parameters=lambda wildcards: list(config["tables"][wildcards.table]["sweep"]),
        measure=lambda wildcards: experiment.recipes.tables[wildcards.table].measures[0],
    script:
        "../workflow_scripts/sweep.py"


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
        figure=figures_of(
            "annotations", "attributes", "losses", "curves", "comparison", "doubt"
        ),
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


rule compared_frames:
    input:
        sheet_inputs,
        frames="<results>/{figure}_frames.csv",
    output:
        pdf="<results>/{figure}_frames.pdf",
        png=report(
            "<results>/{figure}_frames.png",
            caption="captions/compared_frames.rst",
            category="Figures",
            labels={"figure": "{figure}_frames"},
        ),
    log:
        "<logs>/compared_frames/{figure}.log",
    benchmark:
        "<benchmarks>/compared_frames/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("comparison"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("compared_frames"),
        methods=lambda wildcards: [row.method for row in FIGURES[wildcards.figure].rows],
        sequences=lambda wildcards: list(sheet_sequences(FIGURES[wildcards.figure])),
    script:
        "../workflow_scripts/compared_frames.py"


rule film:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        masks=lambda wildcards: [ancient(f) for f in folders_of(film_entry(wildcards))],
        digests=lambda wildcards: digests(folders_of(film_entry(wildcards))),
    output:
        "<results>/films/{film}/{dataset}/{sequence}.mp4",
    log:
        "<logs>/film/{film}/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/film/{film}/{dataset}/{sequence}.tsv"
    wildcard_constraints:
        film=film_names(),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("film"),
        objects=lambda wildcards: film_entry(wildcards)["objects"],
        methods=lambda wildcards: film_entry(wildcards)["masks"],
        truth=lambda wildcards: film_recipe(wildcards.film).truth,
        rate=lambda wildcards: config["datasets"][wildcards.dataset]["rate"],
    script:
        "../workflow_scripts/film.py"


rule player:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        masks=lambda wildcards: [ancient(f) for f in folders_of(shown_entry(wildcards))],
        digests=lambda wildcards: digests(folders_of(shown_entry(wildcards))),
    output:
        pictures=directory("<results>/page/sequences/{dataset}/{sequence}"),
        digest="<results>/page/sequences/{dataset}/{sequence}.sha256",
    log:
        "<logs>/player/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/player/{dataset}/{sequence}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("player"),
        objects=lambda wildcards: shown_entry(wildcards)["objects"],
        methods=lambda wildcards: shown_entry(wildcards)["masks"],
        player=config["page"]["player"],
        width=config["page"]["width"],
        quality=config["page"]["quality"],
    script:
        "../workflow_scripts/player.py"


rule page:
    input:
        tables=[f"{RESULTS}/{name}.html" for name in OWN["page"]["tables"]],
        sequences=[f"{RESULTS}/{name}_sequences.csv" for name in OWN["page"]["tables"]],
        figures=[f"{RESULTS}/{name}.png" for name in page_figures()],
        films=[path for files in page_films().values() for path in files.values()],
        indexes=[entry["index"] for entry in page_sequences()],
        scores=[p for e in page_sequences() for s in e["scores"].values() for p in s],
        pictures=[*map(ancient, page_players())],
        digests=digests(page_players()),
    output:
        page="<results>/index.html",
        files=directory("<results>/page/files"),
    log:
        "<logs>/page/index.log",
    benchmark:
        "<benchmarks>/page/index.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("page"),
        facts=content_digests(sorted(PAGE_FILES.iterdir())),
        commit=lambda wildcards: commit(),
        own=OWN_FILES,
        titles={name: row["title"] for name, row in config["datasets"].items()},
        methods=page_methods(),
        rows=page_rows(),
        figures=page_figures(),
        page=OWN["page"],
    script:
        "../workflow_scripts/page.py"
