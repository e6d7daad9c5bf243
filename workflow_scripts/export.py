"""Write a network with how it is used, for `masktrack segment`."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.usage import exported_record, usage_record
from masktrack_core.networks.weights import load_network, save_weights

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the network in half precision."""
    with job_log(job.log[0], __file__):
        network, record = load_network(Path(job.input[0]))
        record = exported_record(record, usage_record(**job.params.usage))
        save_weights(Path(job.output[0]), network, record, half=True)


main(snakemake)
