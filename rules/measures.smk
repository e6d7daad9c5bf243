# From masks to J and F of every scored frame (paper §5.1).


rule score:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
        # Snakemake compares no folders: the digest decides.
        masks=ancient(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
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
        after=lambda wildcards: config["datasets"][wildcards.dataset]["after"],
    script:
        "../workflow_scripts/score.py"


rule doubt:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
        tracks=tracks,
        saying=saying_networks,
        scores="<results>/scores/{variant}/{annotation}/{dataset}/{sequence}/{object}.csv",
    output:
        "<results>/doubt/{variant}/{annotation}/{dataset}/{sequence}/{object}.csv",
    log:
        "<logs>/doubt/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/doubt/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names("variants", trackers=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("doubt"),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
    script:
        "../workflow_scripts/doubt.py"


# T costs more than J and F together: only where a table asks for it.
rule temporal:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        # Snakemake compares no folders: the digest decides.
        masks=ancient(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
    output:
        "<results>/temporal/{variant}/{annotation}/{dataset}/{sequence}/{object}.csv",
    log:
        "<logs>/temporal/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/temporal/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("temporal"),
        skip=lambda wildcards: config["datasets"][wildcards.dataset]["skip"],
        before=lambda wildcards: config["datasets"][wildcards.dataset]["before"],
        after=lambda wildcards: config["datasets"][wildcards.dataset]["after"],
    script:
        "../workflow_scripts/temporal.py"
