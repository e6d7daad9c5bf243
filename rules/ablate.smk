# What each ingredient is worth (paper §5.2, Table 1), and what the deformation looks like.


rule ablation:
    input:
        ablation_scores,
    output:
        table=report(
            "<results>/{ablation}.csv",
            caption="captions/ablation.rst",
            category="Tables",
            labels={"table": "{ablation}", "shows": "what each ingredient is worth"},
        ),
        sequences="<results>/{ablation}_sequences.csv",
        page="<results>/{ablation}.md",
    log:
        "<logs>/ablation/{ablation}.log",
    benchmark:
        "<benchmarks>/ablation/{ablation}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("ablation"),
        facts=facts("published_table1"),
        ablation=row("ablations", "ablation"),
    script:
        "../workflow_scripts/ablation.py"


rule ablation_figure:
    input:
        "<results>/{ablation}.csv",
    output:
        pdf="<results>/{ablation}.pdf",
        png=report(
            "<results>/{ablation}.png",
            caption="captions/ablation.rst",
            category="Figures",
            labels={"figure": "{ablation}"},
        ),
    log:
        "<logs>/ablation_figure/{ablation}.log",
    benchmark:
        "<benchmarks>/ablation_figure/{ablation}.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("ablation_figure"),
    script:
        "../workflow_scripts/ablation_figure.py"


rule deformed_masks:
    input:
        stills=f"<results>/stills/{config['deformed_masks']['stills']}.csv",
        deformed=[
            f"<results>/deformed/{name}/{config['deformed_masks']['stills']}.zip"
            for name in config["deformed_masks"]["deformations"]
        ],
    output:
        report(
            "<results>/deformed_masks.png",
            caption="captions/deformed_masks.rst",
            category="Figures",
            labels={"figure": "deformed_masks"},
        ),
    log:
        "<logs>/deformed_masks/deformed_masks.log",
    benchmark:
        "<benchmarks>/deformed_masks/deformed_masks.tsv"
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("deformed_masks"),
        page=config["deformed_masks"],
        masks_per_still=config["masks_per_still"],
    script:
        "../workflow_scripts/deformed_masks.py"
