"""What a row of ``architectures`` or ``schedules`` names: looked up before anything runs."""

from collections.abc import Mapping
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.experiment.network_files import local_file
from masktrack_core.experiment.recipes import NetworkRecipe
from masktrack_core.networks.records import read_record
from masktrack_core.networks.spec import HUB, NetworkSpec, check_continues
from masktrack_core.registry import TIMM, check_name, made_by


def check_architectures(config: Mapping[str, Any]) -> None:
    """Raise `InputError` naming the row of an unknown trunk, head or loss.

    And that of a network which is told of other objects and shown none itself.

    A trunk of timm is built, so that a model without maps, or an absent package, is said at once:
    some seconds, for those who have such a row.
    """
    for name, row in config["architectures"].items():
        where = f"architectures.{name}"
        hub = row.get("pretrained") == HUB and HUB not in config["weights"]
        if hub and not str(row.get("backbone")).startswith(TIMM):
            raise InputError(
                f"{where}.pretrained: expected a trunk {TIMM}NAME beside {HUB!r}, got "
                f"{row.get('backbone')!r}; give a file or a row of weights"
            )
        try:
            spec = NetworkSpec(**dict(row) | {"pretrained": None})
            if spec.backbone.startswith(TIMM):
                from masktrack_core.networks.timm_trunks import TimmTrunk

                TimmTrunk(spec.backbone.removeprefix(TIMM), output_stride=spec.output_stride)
        except InputError as error:
            raise InputError(str(error).replace("network.", f"{where}.", 1)) from error
    for name, row in config["networks"].items():
        told = config["architectures"].get(row.get("architecture"), {}).get("others")
        if row.get("input") == "none" and (told or row.get("composed")):
            key = f"architectures.{row['architecture']}.others" if told else "composed"
            raise InputError(
                f"networks.{name}.input: expected mask or box beside {key}, got none; others are "
                "told apart from an object that the network is shown"
            )
    for name, row in config["schedules"].items():
        check_name(f"schedules.{name}.loss", "loss", row.get("loss", "cross_entropy"))


def check_starts(config: Mapping[str, Any]) -> None:
    """Raise `InputError` naming the network that goes on with one of another architecture.

    A file on this disk is asked; one that is still to be downloaded is told by the training.
    """
    rows = config["networks"]
    for name, row in rows.items():
        if row.get("start") is None:
            continue
        started = rows[row["start"]]
        path = local_file(NetworkRecipe.from_row(row["start"], started))
        if path is not None:
            theirs: Mapping[str, Any] = read_record(path).spec
        elif "architecture" in started:
            theirs = _fields(config, started)
        else:
            continue
        ours = NetworkSpec(**_fields(config, row))
        check_continues(f"networks.{name}.start: {row['start']}", ours, theirs)


def spec_fields(architecture: Mapping[str, Any], prior: str) -> dict[str, Any]:
    """Return the fields of `NetworkSpec` of a row of ``architectures``; weights are read apart."""
    return {**architecture, "prior": prior, "pretrained": None}


def _fields(config: Mapping[str, Any], network: Mapping[str, Any]) -> dict[str, Any]:
    architecture = config["architectures"][network["architecture"]]
    return spec_fields(architecture, network.get("input", "mask"))


def packages_of(
    architecture: Mapping[str, Any], schedule: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return the packages, with versions, that a training's trunk, head and loss come from."""
    named = [("backbone", architecture.get("backbone")), ("head", architecture.get("head"))]
    named += [("loss", (schedule or {}).get("loss"))]
    found: dict[str, str] = {}
    for kind, name in named:
        found |= made_by(kind, name) if name else {}  # type: ignore[arg-type]
    return found
