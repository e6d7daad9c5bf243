# Motion as pictures: what the flow stream shows of each sequence (paper §3.3).


rule flow:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        weights=flow_weights,
    output:
        "<results>/flow/{flow}/{dataset}/{sequence}.zip",
    log:
        "<logs>/flow/{flow}/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/flow/{flow}/{dataset}/{sequence}.tsv"
    conda:
        "../envs/masktrack.yaml"
    resources:
        **needs("flow"),
        gpu=lambda wildcards: GPU * bool(flow_weights(wildcards)),
        device=config["device"],
        deterministic=int(config["deterministic"]),
    params:
        code=code("flow"),
        rows=parts("flows", "flow", method="flow_methods", image="flow_images"),
    script:
        "../workflow_scripts/flow.py"
