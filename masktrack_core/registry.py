"""Trunks, heads and losses by name: the project's own, and anybody's.

A name in the configuration (``architectures.*.backbone``, ``.head``, ``schedules.*.loss``) is
looked up here. `register` adds one in this process; an installed package adds one for every
process, jobs of the workflow too, by an entry point of the group ``masktrack.backbone``,
``masktrack.head`` or ``masktrack.loss``: docs/your-own-network.md. Torch is not imported.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, Literal

from masktrack_core.errors import InputError

Kind = Literal["backbone", "head", "loss"]
"""What is looked up: the table of names."""

TIMM = "timm:"
"""Before the name of a model of the package timm, which is a trunk."""

_NETWORKS = "masktrack_core.networks"
_TABLES: dict[Kind, dict[str, Callable[..., Any] | str]] = {"backbone": {}, "head": {}, "loss": {}}


def register(kind: Kind, name: str, make: Callable[..., Any] | str) -> None:
    """Make a trunk, a head or a loss known by a name; the last one of a name counts.

    Args:
        kind: the table.
        name: as it stands in the configuration. One that ends in a colon, like `TIMM`, stands for
            all that begin with it: the rest goes to ``make`` as its first argument.
        make: or its place, ``"package.module:attribute"``, imported when it is first used.

            - ``backbone``: ``make(in_channels)`` returns a `networks.backbones.Backbone`; one that
              also takes ``output_stride=`` may be asked for another stride.
            - ``head``: ``make(backbone, dilations=…, dropout=…)`` returns a `networks.heads.Head`;
              ``dilations`` None leaves them to it.
            - ``loss``: ``make(margin, truth, known)`` returns the loss of a batch: scores of the
              object less those of the background, 1 on the object, 1 where the truth is known, each
              float ``(B, h, w)``.
    """
    _TABLES[kind][name] = make


for _name, _make in {"vgg16": "VGG16", "mobilenet_v2": "MobileNetV2", "slim": "Slim"}.items():
    register("backbone", _name, f"{_NETWORKS}.backbones:{_make}")
register("backbone", TIMM, f"{_NETWORKS}.timm_trunks:TimmTrunk")
for _name in ("aspp", "largefov", "decoder"):
    register("head", _name, f"{_NETWORKS}.heads:{_name}")
for _name in ("cross_entropy", "balanced"):
    register("loss", _name, f"masktrack_core.training.optimisers:{_name}")


def names(kind: Kind) -> tuple[str, ...]:
    """Return the names that are known: registered ones, then those of installed packages."""
    return (*_TABLES[kind], *(entry.name for entry in _entries(kind)))


def check_name(field: str, kind: Kind, name: object) -> None:
    """Raise `InputError` unless the name, given for ``field``, is known."""
    if not isinstance(name, str) or _lookup(kind, name) is None:
        known = (f"{each}NAME" if each.endswith(":") else each for each in names(kind))
        raise InputError(f"{field}: expected one of {', '.join(known)}, got {name!r}")


def find(kind: Kind, name: str) -> Callable[..., Any]:
    """Return what makes a trunk, a head or a loss; raise `InputError` for an unknown name.

    An import that fails is raised as it is, but for a package that is absent.
    """
    check_name(kind, kind, name)
    made, rest = _lookup(kind, name) or ("", "")
    if isinstance(made, EntryPoint):
        make = made.load()
    elif isinstance(made, str):
        module, _, attribute = made.partition(":")
        make = getattr(import_module(module), attribute)
    else:
        make = made
    return partial(make, rest) if rest else make


def made_by(kind: Kind, name: str) -> dict[str, str]:
    """Return the package beside this one that a name comes from, with its version; empty for none.

    Part of what decides a training. What `register` adds in a process has no version.
    """
    if name.startswith(TIMM):
        try:
            return {"timm": version("timm")}
        except PackageNotFoundError:
            return {"timm": "absent"}
    made = (_lookup(kind, name) or (None,))[0]
    if isinstance(made, EntryPoint) and made.dist is not None:
        return {made.dist.name: made.dist.version}
    return {}


def _lookup(kind: Kind, name: str) -> tuple[Callable[..., Any] | str | EntryPoint, str] | None:
    """Return what a name stands for, and what of it is left for that; None for an unknown one."""
    table = _TABLES[kind]
    before, colon, rest = name.partition(":")
    if rest and before + colon in table:
        return table[before + colon], rest
    if name in table and not name.endswith(":"):
        return table[name], ""
    found = next((entry for entry in _entries(kind) if entry.name == name), None)
    return None if found is None else (found, "")


def _entries(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"masktrack.{kind}"))
