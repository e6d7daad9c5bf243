import json

import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.files.archives import write_grey_archive
from masktrack_core.networks.included import included_network
from masktrack_core.networks.records import USAGE
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.propagation_usage import (
    propagation_in_files,
    propagation_of,
    streams_of,
)

SAID = {USAGE: json.dumps({"propagation": {"dilation_radius": 3, "region": 1.3}})}


def test_a_row_goes_before_what_the_file_says_and_is_whole():
    row = {"threshold": 0.4}
    assert propagation_of(SAID, row, where="a") == PropagationParams(threshold=0.4)
    said = PropagationParams(dilation_radius=3, region=1.3)
    assert propagation_of(SAID, None, where="a") == said


def test_the_file_of_a_network_says_what_a_row_does_not():
    path = included_network("mask")
    assert propagation_in_files([path], None).region == 1.32
    assert propagation_in_files([], {"threshold": 0.4}) == PropagationParams(threshold=0.4)


def test_streams_are_the_frames_and_the_flow_pictures_in_the_order_asked_for(tmp_path):
    picture = np.full((4, 6, 3), 7, np.uint8)
    write_grey_archive(tmp_path / "flow.zip", [("00000", picture)])
    frames = [np.zeros((4, 6, 3), np.uint8)]
    flow, rgb = streams_of(["flow", "rgb"], frames, [tmp_path / "flow.zip"])
    assert rgb is frames and np.array_equal(flow[0], picture)
    assert streams_of(["rgb"], frames, []) == [frames]


def test_a_file_that_says_nothing_is_propagated_in_the_region_of_its_training():
    assert propagation_of({}, None, where="a") == PropagationParams()
    rows = json.dumps({"crop": {"size": 99, "region": 1.5, "region_minimum": 40}})
    expected = PropagationParams(region=1.5, region_size=99, region_minimum=40)
    assert propagation_of({"rows": rows}, None, where="a") == expected


@pytest.mark.parametrize("text", ["{", "[]", '{"propagation": {"radius": 1}}'])
def test_a_record_that_cannot_be_read_is_named(text):
    with pytest.raises(InputError, match=r"^net\.safetensors: its record of use cannot be read"):
        propagation_of({USAGE: text}, None, where="net.safetensors")
