# What each ingredient is worth (paper §5.2, Table 1), and what the deformation looks like.


rule ablation:
    input:
        ablation_scores,
    output:
        table="<results>/{ablation}.csv",
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
        ablation=row("ablations", "ablation"),
    script:
        "../workflow_scripts/ablation.py"


rule ablation_figure:
    input:
        "<results>/{ablation}.csv",
    output:
        pdf="<results>/{ablation}.pdf",
        png="<results>/{ablation}.png",
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
        "<results>/deformed_masks.png",
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
