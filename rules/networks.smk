# Weights to start from, networks trained elsewhere, and one to hand on, which says how it is used.


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


rule take_network:
    input:
        network_download,
    output:
        "<results>/networks/{network}.safetensors",
    log:
        "<logs>/take_network/{network}.log",
    benchmark:
        "<benchmarks>/take_network/{network}.tsv"
    wildcard_constraints:
        network=experiment.names("networks", file=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("take_network"),
        network=row("networks", "network"),
        # The file on disk is no input: its contents decide, not its time.
        source=lambda wildcards: source_of(
            experiment.recipes.networks[wildcards.network]
        ),
    script:
        "../workflow_scripts/take_network.py"


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
    wildcard_constraints:
        tracker=experiment.names("trackers", command=False),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("export"),
        tracker=row("trackers", "tracker"),
        usage=lambda wildcards: tracker_usage(wildcards.tracker),
    script:
        "../workflow_scripts/export.py"
