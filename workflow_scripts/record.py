"""Write what a reader needs to repeat the run: versions, configuration, networks taken."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from masktrack_core.experiment.provenance import job_log, run_record
from masktrack_core.files.io import write_text
from masktrack_core.networks.records import read_record

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the record and the configuration as the workflow read it, one YAML file."""
    with job_log(job, __file__):
        content = {"record": run_record({}), "config": dict(job.params.config)}
        paths = zip(job.params.networks.items(), job.input.networks, strict=True)
        content["networks"] = {
            name: dict(source) | read_record(Path(path)).described()
            for (name, source), path in paths
        }
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        write_text(Path(job.output[0]), text)


main(snakemake)
