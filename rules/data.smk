# From data sets as they lie on disk to one tidy index per sequence.


rule render_videos:
    output:
        "<data>/{dataset}/attributes.csv",
    log:
        "<logs>/render_videos/{dataset}.log",
    benchmark:
        "<benchmarks>/render_videos/{dataset}.tsv"
    wildcard_constraints:
        dataset=experiment.names("datasets", rendered=True),
    conda:
        "../envs/masktrack.yaml"
    resources:
        **needs("render_videos"),
    params:
        code=code("render_videos"),
        seed=config["seed"],
        layout=lambda wildcards: config["datasets"][wildcards.dataset]["rendered"],
    script:
        "../workflow_scripts/render_videos.py"


rule render_stills:
    output:
        frames=directory("<data>/{stills}/images"),
        masks=directory("<data>/{stills}/ground_truth_mask"),
    log:
        "<logs>/render_stills/{stills}.log",
    benchmark:
        "<benchmarks>/render_stills/{stills}.tsv"
    wildcard_constraints:
        stills=experiment.names("stills", rendered=True),
    conda:
        "../envs/masktrack.yaml"
    resources:
        **needs("render_stills"),
    params:
        code=code("render_stills"),
        seed=config["seed"],
        stills=lambda wildcards: config["stills"][wildcards.stills]["rendered"],
    script:
        "../workflow_scripts/render_stills.py"


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
