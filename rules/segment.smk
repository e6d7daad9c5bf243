# From scores to masks on disk: what a variant answers for each frame.


rule segment:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        tracks=tracks,
    output:
        directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
    log:
        "<logs>/segment/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/segment/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names(
            "variants", oracle=False, masks=False, crf=False, crf_search=False
        ),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("segment"),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
    script:
        "../workflow_scripts/segment.py"


rule oracle:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    output:
        directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
    log:
        "<logs>/oracle/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/oracle/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names("variants", oracle=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("oracle"),
        oracle=lambda wildcards: config["variants"][wildcards.variant]["oracle"],
        seed=config["seed"],
    script:
        "../workflow_scripts/oracle.py"
