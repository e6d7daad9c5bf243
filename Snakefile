# MaskTrack: from data sets to the paper's tables and figures.  `snakemake -n` shows what would run.
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

sys.path.insert(0, workflow.basedir)

from masktrack_core.datasets.sources import expand_paths
from masktrack_core.errors import InputError
from masktrack_core.experiment.derived_rows import derive_rows
from masktrack_core.experiment.schema_errors import schema_problem
from masktrack_core.experiment.selection import complete_rows

min_version("9.27")


# Beside this file, from whatever folder Snakemake is started.
configfile: f"{workflow.basedir}/config.yaml"


try:
    complete_rows(config)
    derive_rows(config)
except InputError as error:
    raise WorkflowError(str(error)) from None
try:
    validate(config, "rules/schemas/config.schema.yaml")
except WorkflowError as error:
    # Snakemake would print the whole schema.
    raise WorkflowError(schema_problem(error.__context__)) from None

expand_paths(config)


pathvars:
    results=config["results"],
    data=config["data"],
    logs=f"{config['results']}/logs",
    benchmarks=f"{config['results']}/benchmarks",


include: "rules/common.smk"
include: "rules/forked.smk"
include: "rules/picture_inputs.smk"
include: "rules/files.smk"
include: "rules/rendered.smk"
include: "rules/datasets.smk"
include: "rules/networks.smk"
include: "rules/training.smk"
include: "rules/motion.smk"
include: "rules/tracking.smk"
include: "rules/measures.smk"
include: "rules/experiment.smk"
include: "rules/pictures.smk"


keep_code(CODE)


# Compute nodes often see no internet.
localrules:
    fetch,
    fetch_weights,


rule all:
    default_target: True
    input:
        "<results>/table2.csv",
    log:
        "<logs>/all.log",


rule figures:
    input:
        expand(
            "<results>/{figure}.{suffix}",
            figure=[
                *drawn(OWN["figures"]),
                *(f"{n}_sweep" for n in swept(OWN["tables"])),
            ],
            suffix=["pdf", "png"],
        ),
        "<results>/index.html",
        "<results>/record.yaml",
    log:
        "<logs>/figures.log",


rule films:
    input:
        films(),
    log:
        "<logs>/films.log",
