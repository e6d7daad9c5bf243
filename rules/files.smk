# From the internet to the folder of data: downloads, then what they hold.


rule fetch:
    output:
        # The file itself is no output: Snakemake would delete it before a job that runs again.
        "<data>/archives/{archive}.receipt",
    log:
        "<logs>/fetch/{archive}.log",
    benchmark:
        "<benchmarks>/fetch/{archive}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("fetch"),
        archive=lambda wildcards: experiment.archives[wildcards.archive],
    script:
        "../workflow_scripts/fetch.py"


rule unpack:
    input:
        # Ancient: checking a download again does not unpack it again.
        lambda wildcards: [
            ancient(receipt(archive)) for archive in unpacked(wildcards)["archives"]
        ],
    output:
        folder=directory("<data>/{unpacked}"),
        digest="<data>/{unpacked}.sha256",
    log:
        "<logs>/unpack/{unpacked}.log",
    benchmark:
        "<benchmarks>/unpack/{unpacked}.tsv"
    wildcard_constraints:
        unpacked="|".join(
            experiment.names(table, archives=True) for table in ("datasets", "stills")
        ),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("unpack"),
        layout=lambda wildcards: unpacked(wildcards)["layout"],
    script:
        "../workflow_scripts/unpack.py"
