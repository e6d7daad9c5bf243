# The embedded benchmark, rendered in the original layouts of the paper's data sets.


rule render_videos:
    output:
        attributes="<data>/{dataset}/attributes.csv",
        digest="<data>/{dataset}.sha256",
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
        digest="<data>/{stills}.sha256",
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
