# The dense CRF, for the variants that end with one (paper §5.2, "Add-ons").


rule refine:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        tracks=tracks,
        searched=searched_crf,
    output:
        directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
    log:
        "<logs>/refine/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/refine/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=REFINED,
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["refine"]
    resources:
        **needs("refine"),
    params:
        code=code("refine"),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
        rows=parts("variants", "variant", crf="crfs"),
    script:
        "../workflow_scripts/refine.py"


rule crf_search:
    input:
        unpack(search_inputs),
    output:
        chosen="<results>/crf/{variant}/{annotation}/{dataset}.yaml",
        trials="<results>/crf/{variant}/{annotation}/{dataset}.csv",
    log:
        "<logs>/crf_search/{variant}/{annotation}/{dataset}.log",
    benchmark:
        "<benchmarks>/crf_search/{variant}/{annotation}/{dataset}.tsv"
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["refine"]
    resources:
        **needs("crf_search"),
    params:
        code=code("crf_search"),
        objects=lambda wildcards: experiment.development_objects(wildcards.dataset),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
        search=search_row,
    script:
        "../workflow_scripts/crf_search.py"
