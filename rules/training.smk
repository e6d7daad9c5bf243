# Offline: deformed masks of stills, and the networks trained on them (paper §3.1, §4).


rule deform:
    input:
        "<results>/stills/{stills}.csv",
    output:
        "<results>/deformed/{deformation}/{stills}.zip",
    log:
        "<logs>/deform/{deformation}/{stills}.log",
    benchmark:
        "<benchmarks>/deform/{deformation}/{stills}.tsv"
    conda:
        "../envs/masktrack.yaml"
    resources:
        **needs("deform"),
    params:
        code=code("deform"),
        seed=seed_of("deformations", "deformation"),
        deformation=row("deformations", "deformation"),
        masks_per_still=config["masks_per_still"],
    script:
        "../workflow_scripts/deform.py"


rule train:
    input:
        unpack(training_inputs),
    output:
        network="<results>/networks/{network}.safetensors",
        losses="<results>/networks/{network}.csv",
    log:
        "<logs>/train/{network}.log",
    benchmark:
        "<benchmarks>/train/{network}.tsv"
    wildcard_constraints:
        network=experiment.names("networks", file=False),
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["train"]
    # Where and how fast is no parameter: no result depends on it, so none is made again for it.
    resources:
        **needs("train"),
        gpu=GPU,
        device=config["device"],
        deterministic=int(config["deterministic"]),
        cpus_per_task=config["threads"]["train"] + config["loader_workers"],
        workers=config["loader_workers"],
        state_every_s=config["state_every_s"],
    params:
        code=code("train"),
        seed=seed_of("networks", "network"),
        network=row("networks", "network"),
        rows=parts(
            "networks",
            "network",
            architecture="architectures",
            augmentation="augmentations",
            crop="crops",
            schedule="schedules",
        ),
        others=composed_deformation,
        packages=packages,
        masks_per_still=config["masks_per_still"],
        state=lambda wildcards: f"{RESULTS}/state/networks/{wildcards.network}",
        threads=config["threads"]["train"],
    script:
        "../workflow_scripts/train.py"
