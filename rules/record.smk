# What a reader needs to repeat a run: versions, commit, machine, and the whole configuration.


rule record:
    output:
        report(
            "<results>/record.yaml",
            caption="captions/record.rst",
            category="Record",
            labels={"record": "versions and configuration"},
        ),
    log:
        "<logs>/record/record.log",
    benchmark:
        "<benchmarks>/record/record.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("record"),
        commit=lambda wildcards: commit(),
        config=config,
    script:
        "../workflow_scripts/record.py"
