# Masks that somebody else made: a variant with `masks:`, scored and drawn like ours.


rule unpack_masks:
    input:
        masks_source,
    output:
        directory("<results>/external/{variant}"),
    log:
        "<logs>/unpack_masks/{variant}.log",
    benchmark:
        "<benchmarks>/unpack_masks/{variant}.tsv"
    wildcard_constraints:
        variant=experiment.names("variants", masks=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("unpack_masks"),
    script:
        "../workflow_scripts/unpack_masks.py"


rule external:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        unpacked=unpacked_masks,
    output:
        directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
    log:
        "<logs>/external/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/external/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names("variants", masks=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("external"),
        source=lambda wildcards: config["variants"][wildcards.variant]["masks"],
        files=lambda wildcards: masks_fingerprint(wildcards.variant),
        objects=lambda wildcards: len(
            experiment.objects_of(wildcards.dataset, wildcards.sequence)
        ),
        skip=lambda wildcards: config["datasets"][wildcards.dataset]["skip"],
        before=lambda wildcards: config["datasets"][wildcards.dataset]["before"],
    script:
        "../workflow_scripts/external.py"
