# From scores to the paper's numbers, what each ingredient is worth, what a run cost and was made of.


rule table:
    input:
        scores=table_scores,
        temporal=table_temporal,
    output:
        table=report(
            "<results>/{table}.csv",
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}", "shows": "means of data sets"},
        ),
        sequences=report(
            "<results>/{table}_sequences.csv",
            caption="captions/table.rst",
            category="Tables",
            labels={"table": "{table}", "shows": "means of sequences"},
        ),
        page="<results>/{table}.md",
        latex="<results>/{table}.tex",
        html="<results>/{table}.html",
    log:
        "<logs>/table/{table}.log",
    benchmark:
        "<benchmarks>/table/{table}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("table"),
        facts=lambda wildcards: facts("published_table2", *table_facts(wildcards)),
        table=row("tables", "table"),
        named=lambda wildcards: published_names(wildcards, whole=False),
        whole=lambda wildcards: published_names(wildcards, whole=True),
        sources=lambda wildcards: {
            row.variant: row_source(experiment.recipes.variants[row.variant])
            for row in experiment.recipes.tables[wildcards.table].rows
        },
        copies=lambda wildcards: [
            row.method
            for row in experiment.recipes.tables[wildcards.table].rows
            if is_copy(experiment.recipes.variants[row.variant])
        ],
        titles=lambda wildcards: {
            dataset: config["datasets"][dataset]["title"]
            for dataset in experiment.recipes.tables[wildcards.table].datasets
        },
        groups=lambda wildcards: {
            dataset: experiment.groups(dataset)
            for dataset in experiment.recipes.tables[wildcards.table].datasets
        },
        # For the caption.
        networks=lambda wildcards: taken_networks(
            row.run for row in experiment.recipes.tables[wildcards.table].rows
        ),
    script:
        "../workflow_scripts/table.py"


rule ablation:
    input:
        ablation_scores,
    output:
        table=report(
            "<results>/{ablation}.csv",
            caption="captions/ablation.rst",
            category="Tables",
            labels={"table": "{ablation}", "shows": "what each ingredient is worth"},
        ),
        sequences="<results>/{ablation}_sequences.csv",
        page="<results>/{ablation}.md",
    log:
        "<logs>/ablation/{ablation}.log",
    benchmark:
        "<benchmarks>/ablation/{ablation}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("ablation"),
        facts=facts("published_table1"),
        ablation=row("ablations", "ablation"),
        # For the caption.
        networks=lambda wildcards: taken_networks(
            row.run for row in experiment.ablations[wildcards.ablation].rows
        ),
    script:
        "../workflow_scripts/ablation.py"


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


rule curves:
    input:
        curve_scores,
    output:
        "<results>/{figure}.csv",
    log:
        "<logs>/curves/{figure}.log",
    benchmark:
        "<benchmarks>/curves/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("curves"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("curves"),
        figure=row("figures", "figure"),
    script:
        "../workflow_scripts/curves.py"


rule doubts:
    input:
        figure_doubts,
    output:
        table="<results>/{figure}.csv",
        sequences="<results>/{figure}_sequences.csv",
    log:
        "<logs>/doubts/{figure}.log",
    benchmark:
        "<benchmarks>/doubts/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("doubt"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("doubts"),
        figure=row("figures", "figure"),
    script:
        "../workflow_scripts/doubts.py"


rule comparison:
    input:
        figure_scores,
    output:
        table="<results>/{figure}.csv",
        frames="<results>/{figure}_frames.csv",
        sentence="<results>/{figure}.md",
    log:
        "<logs>/comparison/{figure}.log",
    benchmark:
        "<benchmarks>/comparison/{figure}.tsv"
    wildcard_constraints:
        figure=figures_of("comparison"),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("comparison"),
        figure=row("figures", "figure"),
    script:
        "../workflow_scripts/comparison.py"


# What the runs so far cost: reads what is there and runs nothing, again when there is more.
rule timings:
    output:
        table="<results>/timings.csv",
        pdf="<results>/timings.pdf",
        png="<results>/timings.png",
    log:
        "<logs>/timings/timings.log",
    benchmark:
        "<benchmarks>/timings/timings.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("timings"),
        benchmarks=f"{RESULTS}/benchmarks",
        files=lambda wildcards: folder_fingerprint(
            path
            for path in sorted(Path(RESULTS, "benchmarks").rglob("*.tsv"))
            if path.parent.name != "timings"
        ),
        logs=f"{RESULTS}/logs",
    script:
        "../workflow_scripts/timings.py"


rule record:
    input:
        networks=lambda wildcards: [
            offline_network(name) for name in taken_networks(shown_runs())
        ],
    output:
        report(
            "<results>/record.yaml",
            caption="captions/record.rst",
            category="Record",
            labels={"record": "versions and configuration"},
        ),
    log:
        "<logs>/record/record.log",
    benchmark:
        "<benchmarks>/record/record.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("record"),
        commit=lambda wildcards: commit(),
        networks=lambda wildcards: taken_networks(shown_runs()),
        config=recorded_config(),
    script:
        "../workflow_scripts/record.py"
