# Masks that somebody else made: a variant with `masks:`, scored and drawn like ours.


from functools import cache

from masktrack_core.datasets import folder_fingerprint


@cache
def masks_fingerprint(variant):
    """Return a digest of the files of a variant's masks; it changes when they do."""
    return folder_fingerprint([Path(config["variants"][variant]["masks"])])


def unpacked_masks(wildcards):
    """Return the unpacked folder of a variant whose masks come as an archive."""
    source = Path(config["variants"][wildcards.variant]["masks"])
    return [] if source.is_dir() else [f"{RESULTS}/external/{wildcards.variant}"]


rule unpack_masks:
    input:
        lambda wildcards: config["variants"][wildcards.variant]["masks"],
    output:
        directory("<results>/external/{variant}"),
    log:
        "<logs>/unpack_masks/{variant}.log",
    wildcard_constraints:
        variant=experiment.names("variants", masks=True),
    params:
        code=code("unpack_masks"),
    script:
        "../workflow_scripts/unpack_masks.py"


rule external:
    input:
        index="<results>/index/{dataset}/{sequence}.csv",
        unpacked=unpacked_masks,
    output:
        directory(
            "<results>/masks/{variant}/{annotation}/{dataset}/{sequence}/{object}"
        ),
    log:
        "<logs>/external/{variant}/{annotation}/{dataset}/{sequence}/{object}.log",
    wildcard_constraints:
        variant=experiment.names("variants", masks=True),
    params:
        code=code("external"),
        source=lambda wildcards: config["variants"][wildcards.variant]["masks"],
        files=lambda wildcards: masks_fingerprint(wildcards.variant),
        objects=lambda wildcards: len(
            experiment.objects_of(wildcards.dataset, wildcards.sequence)
        ),
        skip=lambda wildcards: config["datasets"][wildcards.dataset]["skip"],
    script:
        "../workflow_scripts/external.py"
