import pytest

from masktrack_core.errors import InputError
from masktrack_core.tracking.commands import check_command


def test_a_command_may_ask_for_its_folders_its_object_and_its_sequence():
    check_command("k", "a {frames} --m={annotations} '{out}/' {object} {sequence}")


@pytest.mark.parametrize(
    "command",
    [
        "run {frames} {out}",
        "run {frames} {annotations} {out} {flow}",
        "run '{frames} {annotations} {out}",
        "run {frames} {annotations} {out} {",
    ],
)
def test_a_command_that_cannot_be_filled_in_is_named(command):
    with pytest.raises(InputError, match=r"^trackers\.x\.command: expected"):
        check_command("trackers.x.command", command)
