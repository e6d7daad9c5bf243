# From data sets as they lie on disk to one tidy index per sequence; others' masks, written like ours.


rule index_video:
    input:
        lambda wildcards: set_files("datasets", wildcards.dataset),
    output:
        "<results>/index/{dataset}/{sequence}.csv",
    log:
        "<logs>/index_video/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/index_video/{dataset}/{sequence}.tsv"
    # Every file is read here once: damage is found before anything is trained.
    priority: 1
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("index_video"),
        layout=lambda wildcards: config["datasets"][wildcards.dataset]["layout"],
        root=lambda wildcards: experiment.root("datasets", wildcards.dataset),
        objects=lambda wildcards: experiment.objects_of(
            wildcards.dataset, wildcards.sequence
        ),
        files=lambda wildcards: experiment.fingerprint(
            wildcards.dataset, wildcards.sequence
        ),
    script:
        "../workflow_scripts/index_video.py"


rule index_stills:
    input:
        lambda wildcards: set_files("stills", wildcards.stills),
    output:
        "<results>/stills/{stills}.csv",
    log:
        "<logs>/index_stills/{stills}.log",
    benchmark:
        "<benchmarks>/index_stills/{stills}.tsv"
    wildcard_constraints:
        stills=experiment.names("stills", datasets=False),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("index_stills"),
        layout=lambda wildcards: config["stills"][wildcards.stills]["layout"],
        root=lambda wildcards: experiment.root("stills", wildcards.stills),
        files=lambda wildcards: experiment.fingerprint_of_stills(wildcards.stills),
    script:
        "../workflow_scripts/index_stills.py"


rule video_stills:
    input:
        indexes=lambda wildcards: [
            f"<results>/index/{dataset}/{sequence}.csv"
            for dataset, sequence in experiment.sequences_of_stills(wildcards.stills)
        ],
    output:
        index="<results>/stills/{stills}.csv",
        masks=directory("<results>/stills/{stills}"),
    log:
        "<logs>/video_stills/{stills}.log",
    benchmark:
        "<benchmarks>/video_stills/{stills}.tsv"
    wildcard_constraints:
        stills=experiment.names("stills", datasets=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("video_stills"),
        sequences=lambda wildcards: experiment.sequences_of_stills(wildcards.stills),
    script:
        "../workflow_scripts/video_stills.py"


rule unpack_masks:
    input:
        masks_source,
    output:
        folder=directory("<results>/external/{variant}"),
        digest="<results>/external/{variant}.sha256",
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
        masks=directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
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
        mask_values=lambda wildcards: config["variants"][wildcards.variant][
            "mask_values"
        ],
        objects=lambda wildcards: len(
            experiment.objects_of(wildcards.dataset, wildcards.sequence)
        ),
        skip=lambda wildcards: config["datasets"][wildcards.dataset]["skip"],
        before=lambda wildcards: config["datasets"][wildcards.dataset]["before"],
        after=lambda wildcards: config["datasets"][wildcards.dataset]["after"],
    script:
        "../workflow_scripts/external.py"
