# Online: the annotation, the network fine-tuned on it, the mask propagated, refined and answered (paper §3.1–3.3, §5.2).


rule annotate:
    input:
        "<results>/index/{dataset}/{sequence}.csv",
    output:
        "<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    log:
        "<logs>/annotate/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/annotate/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        annotation=experiment.names("annotations", network=False, choose=False),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("annotate"),
        every=lambda wildcards: config["annotations"][wildcards.annotation]["every"],
    script:
        "../workflow_scripts/annotate.py"


# A round a job: the masks of the round before say which frame is asked for.
rule choose:
    input:
        unpack(round_before),
        index="<results>/index/{dataset}/{sequence}.csv",
    output:
        "<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    log:
        "<logs>/choose/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/choose/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        annotation=experiment.names("annotations", choose=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("choose"),
        choose=lambda wildcards: config["annotations"][wildcards.annotation]["choose"],
        frames=lambda wildcards: config["annotations"][wildcards.annotation]["count"],
        seed=config["seed"],
    script:
        "../workflow_scripts/choose.py"


rule annotate_boxes:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        network=annotation_network,
    output:
        "<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    log:
        "<logs>/annotate_boxes/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/annotate_boxes/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        annotation=experiment.names("annotations", network=True),
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["track"]
    resources:
        **needs("annotate_boxes"),
        gpu=GPU,
        device=config["device"],
        deterministic=int(config["deterministic"]),
    params:
        code=code("annotate_boxes"),
        threads=config["threads"]["track"],
        every=lambda wildcards: config["annotations"][wildcards.annotation]["every"],
        rows=parts("annotations", "annotation", propagation="propagations"),
    script:
        "../workflow_scripts/annotate_boxes.py"


rule finetune:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
        others=neighbours,
        network="<results>/networks/{network}.safetensors",
    output:
        network=kept(
            "<results>/finetuned/{network}/{finetuning}/{annotation}/{dataset}/{sequence}/{object}.safetensors"
        ),
        losses="<results>/finetuned/{network}/{finetuning}/{annotation}/{dataset}/{sequence}/{object}.csv",
    log:
        "<logs>/finetune/{network}/{finetuning}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/finetune/{network}/{finetuning}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["finetune"]
    resources:
        **needs("finetune"),
        gpu=GPU,
        device=config["device"],
        deterministic=int(config["deterministic"]),
        workers=config["loader_workers"] * GPU,
        cpus_per_task=config["threads"]["finetune"] + config["loader_workers"] * GPU,
        state_every_s=config["state_every_s"],
    params:
        code=code("finetune"),
        seed=seed_of("finetunings", "finetuning"),
        finetuning=lambda wildcards: finetuning_numbers(
            wildcards.finetuning, wildcards.network
        ),
        rows=finetuning_rows,
        state=f"{RESULTS}/state/finetuned/{{network}}/{{finetuning}}/{{annotation}}/{{dataset}}/{{sequence}}/{{object}}",
        threads=config["threads"]["finetune"],
    script:
        "../workflow_scripts/finetune.py"


rule track:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
        others=other_annotations,
        networks=tracking_networks,
        saying=saying_network,
        flow=tracking_flow,
    output:
        "<results>/tracks/{tracker}/{annotation}/{dataset}/{sequence}/{object}.zip",
    log:
        "<logs>/track/{tracker}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/track/{tracker}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        tracker=experiment.names("trackers", command=False, objects="alone"),
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["track"]
    resources:
        **needs("track"),
        gpu=GPU,
        device=config["device"],
        deterministic=int(config["deterministic"]),
    params:
        code=code("track"),
        streams=lambda wildcards: config["trackers"][wildcards.tracker]["streams"],
        rows=parts("trackers", "tracker", propagation="propagations"),
        threads=config["threads"]["track"],
    script:
        "../workflow_scripts/track.py"


rule track_together:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations=all_annotations,
        networks=networks_of_all,
        saying=saying_network,
        flow=tracking_flow,
    output:
        "<results>/tracks/{tracker}/{annotation}/{dataset}/{sequence}.zip",
    log:
        "<logs>/track_together/{tracker}/{annotation}/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/track_together/{tracker}/{annotation}/{dataset}/{sequence}.tsv"
    wildcard_constraints:
        tracker=experiment.names("trackers", command=False, objects="together"),
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["track"]
    resources:
        **needs("track_together"),
        gpu=GPU,
        device=config["device"],
        deterministic=int(config["deterministic"]),
    params:
        code=code("track_together"),
        objects=lambda wildcards: experiment.objects_of(
            wildcards.dataset, wildcards.sequence
        ),
        streams=lambda wildcards: config["trackers"][wildcards.tracker]["streams"],
        rows=parts("trackers", "tracker", propagation="propagations"),
        threads=config["threads"]["track"],
    script:
        "../workflow_scripts/track_together.py"


rule track_command:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    output:
        "<results>/tracks/{tracker}/{annotation}/{dataset}/{sequence}/{object}.zip",
    log:
        "<logs>/track_command/{tracker}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/track_command/{tracker}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        tracker=experiment.names("trackers", command=True),
    conda:
        "../envs/masktrack.yaml"
    resources:
        **needs("track_command"),
        gpu=lambda wildcards: GPU * experiment.recipes.trackers[wildcards.tracker].gpu,
    params:
        code=code("track_command"),
        command=lambda wildcards: config["trackers"][wildcards.tracker]["command"],
        files=lambda wildcards: experiment.fingerprint_of_tracker(wildcards.tracker),
        timeout_s=lambda wildcards: experiment.recipes.trackers[
            wildcards.tracker
        ].timeout_s,
        may_be_empty=lambda wildcards: experiment.recipes.trackers[
            wildcards.tracker
        ].empty
        == "allowed",
    script:
        "../workflow_scripts/track_command.py"


rule segment:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        tracks=tracks,
        saying=saying_networks,
    output:
        masks=directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
    log:
        "<logs>/segment/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/segment/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names(
            "variants", oracle=False, masks=False, crf=False, crf_search=False
        ),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("segment"),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
    script:
        "../workflow_scripts/segment.py"


rule refine:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        tracks=tracks,
        saying=saying_networks,
        searched=searched_crf,
    output:
        masks=directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
    log:
        "<logs>/refine/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/refine/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=REFINED,
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["refine"]
    resources:
        **needs("refine"),
    params:
        code=code("refine"),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
        rows=parts("variants", "variant", crf="crfs"),
    script:
        "../workflow_scripts/refine.py"


rule crf_search:
    input:
        unpack(search_inputs),
        saying=saying_networks,
    output:
        chosen="<results>/crf/{variant}/{annotation}/{dataset}.yaml",
        trials="<results>/crf/{variant}/{annotation}/{dataset}.csv",
    log:
        "<logs>/crf_search/{variant}/{annotation}/{dataset}.log",
    benchmark:
        "<benchmarks>/crf_search/{variant}/{annotation}/{dataset}.tsv"
    conda:
        "../envs/masktrack.yaml"
    threads: config["threads"]["refine"]
    resources:
        **needs("crf_search"),
    params:
        code=code("crf_search"),
        objects=lambda wildcards: experiment.development_objects(wildcards.dataset),
        threshold=lambda wildcards: experiment.threshold(wildcards.variant),
        search=search_row,
    script:
        "../workflow_scripts/crf_search.py"


rule oracle:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        annotations="<results>/annotations/{annotation}/{dataset}/{sequence}/{object}.zip",
    output:
        masks=directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
        digest="<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}.sha256",
    log:
        "<logs>/oracle/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    benchmark:
        "<benchmarks>/oracle/{variant}/{annotation}/{dataset}/{sequence}/{object}.tsv"
    wildcard_constraints:
        variant=experiment.names("variants", oracle=True),
    conda:
        "../envs/masktrack.yaml"
    params:
        code=code("oracle"),
        oracle=lambda wildcards: config["variants"][wildcards.variant]["oracle"],
        rows=parts("variants", "variant", grabcut="grabcuts"),
        seed=config["seed"],
    script:
        "../workflow_scripts/oracle.py"
