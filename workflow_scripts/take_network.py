"""Take a network that was trained elsewhere, after checking that it is what its row says."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.network_files import check_bytes, check_prior, local_file
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.recipes import NetworkRecipe
from masktrack_core.experiment.usage import read_usage
from masktrack_core.files.download import received
from masktrack_core.files.io import atomic_path
from masktrack_core.networks.records import read_record
from masktrack_core.networks.weights import load_network

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the file, byte by byte, where trained networks lie."""
    with job_log(job, __file__):
        network = NetworkRecipe.from_row(job.wildcards.network, job.params.network)
        given = local_file(network) or received(Path(job.input[0]))
        check_bytes(network.name, given, network.sha256)
        check_prior(network.name, network.input, read_record(given))
        _, record = load_network(given)
        read_usage(record, where=str(given))
        with atomic_path(Path(job.output[0])) as temporary:
            shutil.copyfile(given, temporary)


main(snakemake)
