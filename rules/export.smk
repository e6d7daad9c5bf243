# A network to hand on: one small file that says how it is used and what it was trained on.


rule export:
    input:
        lambda wildcards: offline_network(
            experiment.recipes.trackers[wildcards.tracker].network
        ),
    output:
        "<results>/export/{tracker}.safetensors",
    log:
        "<logs>/export/{tracker}.log",
    benchmark:
        "<benchmarks>/export/{tracker}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("export"),
        tracker=row("trackers", "tracker"),
        usage=lambda wildcards: tracker_usage(wildcards.tracker),
    script:
        "../workflow_scripts/export.py"
