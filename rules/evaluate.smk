# From masks to numbers (paper §5.1).


rule score:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
        masks="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}",
    output:
        "<results>/scores/{variant}/{annotation}/{dataset}/{sequence}/{object}.csv",
    log:
        "<logs>/score/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/score/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("score"),
        skip=lambda wildcards: config["datasets"][wildcards.dataset]["skip"],
        before=lambda wildcards: config["datasets"][wildcards.dataset]["before"],
    script:
        "../workflow_scripts/score.py"


rule table:
    input:
        table_scores,
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
    log:
        "<logs>/table/{table}.log",
    benchmark:
        "<benchmarks>/table/{table}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("table"),
        table=row("tables", "table"),
        published=lambda wildcards: {
            dataset: experiment.published(dataset)
            for dataset in experiment.recipes.tables[wildcards.table].datasets
        },
        titles=lambda wildcards: {
            dataset: config["datasets"][dataset]["title"]
            for dataset in experiment.recipes.tables[wildcards.table].datasets
        },
    script:
        "../workflow_scripts/table.py"


# What the runs so far cost. Gathered again by `snakemake -f results/timings.csv`.
rule timings:
    input:
        [f"<results>/{name}.csv" for name in config["page"]["tables"]],
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
        logs=f"{RESULTS}/logs",
    script:
        "../workflow_scripts/timings.py"
