# Motion as pictures: what the flow stream shows of each sequence (paper §3.3, Figure 2).


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
    params:
        code=code("flow"),
        rows=parts("flows", "flow", method="flow_methods", image="flow_images"),
    script:
        "../workflow_scripts/flow.py"


rule figure2:
    input:
        indexes=figure2_inputs("index", "csv"),
        flows=figure2_inputs(f"flow/{config['figure2']['flow']}", "zip"),
    output:
        pdf="<results>/figure2.pdf",
        png=report(
            "<results>/figure2.png",
            caption="captions/figure2.rst",
            category="Figures",
            labels={"figure": "figure2"},
        ),
    log:
        "<logs>/figure2/figure2.log",
    benchmark:
        "<benchmarks>/figure2/figure2.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("figure2"),
        frames=config["figure2"]["frames"],
    script:
        "../workflow_scripts/figure2.py"
