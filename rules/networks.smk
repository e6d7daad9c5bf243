# Weights to start from, and a network to hand on: one small file that says how it is used.


rule fetch_weights:
    output:
        "<data>/weights/{weights}{suffix}",
    log:
        "<logs>/fetch_weights/{weights}{suffix}.log",
    benchmark:
        "<benchmarks>/fetch_weights/{weights}{suffix}.tsv"
    wildcard_constraints:
        suffix=r"\.[a-z]+",
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("fetch_weights"),
        weights=row("weights", "weights"),
        # Kept apart from the output: a rerun does not download again what is there and whole.
        downloads=f"{config['data']}/archives",
    script:
        "../workflow_scripts/fetch_weights.py"


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
