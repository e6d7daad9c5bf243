# From masks to J and F of every scored frame (paper §5.1).


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
