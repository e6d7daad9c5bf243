"""A configuration in one piece: overlays laid over each other, rows that nothing uses left out."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import yaml

from masktrack_core.experiment.references import REFERENCES
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.motion.flow import FlowImageParams, FlowParams
from masktrack_core.networks.spec import NetworkSpec
from masktrack_core.tracking.crf import CrfParams
from masktrack_core.tracking.oracles import GrabcutParams
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.training.loop import TrainParams

#: Tables of parameters, whose rows leave out what is the default of the code.
PARAMETERS: Mapping[str, Any] = MappingProxyType(
    {
        "deformations": DeformationParams,
        "augmentations": AugmentationParams,
        "architectures": NetworkSpec,
        "crops": CropParams,
        "schedules": TrainParams,
        "propagations": PropagationParams,
        "flow_methods": FlowParams,
        "flow_images": FlowImageParams,
        "crfs": CrfParams,
        "grabcuts": GrabcutParams,
    }
)
#: Tables and pages that are results: what they name is used.
PAGES = ("tables", "ablations", "figures", "figure2", "deformed_masks", "page")
#: Key of a page → the table in which its values are names. The baseline of an ablation is a method.
_PAGE_KEYS = (
    *(("variant", "variants"), ("annotation", "annotations"), ("annotations", "annotations")),
    *(("dataset", "datasets"), ("datasets", "datasets"), ("networks", "networks")),
    *(("flow", "flows"), ("stills", "stills"), ("deformations", "deformations")),
    *(("baseline", "variants"),),
)
_WEIGHTS = {("architectures", "pretrained"): "weights", ("flows", "weights"): "weights"}
_FILLED = {("architectures", "prior")}  # set by the network's row


def laid_over(base: Any, overlay: Any) -> Any:
    """Return what Snakemake makes of two configurations: tables merge, all else is replaced."""
    if not isinstance(base, Mapping) or not isinstance(overlay, Mapping):
        return overlay
    both = {key: laid_over(base[key], overlay[key]) for key in base if key in overlay}
    return {**base, **overlay, **both}


def used_rows(config: Mapping[str, Any], pages: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return table → names of the rows that some pages use, directly or through other rows.

    ``pages`` is a configuration, of which `PAGES` are looked at.
    """
    used: dict[str, set[str]] = {}
    waiting = [found for page in PAGES for found in _named(pages.get(page, {}), config)]
    waiting.append(("annotations", "first"))  # of a row that names none
    while waiting:
        table, name = waiting.pop()
        if name in used.setdefault(table, set()):
            continue
        used[table].add(name)
        for (holder, key), target in (*REFERENCES.items(), *_WEIGHTS.items()):
            if holder == table:
                value = config[table][name].get(key)
                names = value if isinstance(value, list) else [value]
                waiting += [(target, one) for one in names if one in config.get(target, {})]
    return used


def _named(page: Any, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rows that a page names anywhere."""
    if isinstance(page, list):
        for entry in page:
            yield from _named(entry, config)
    elif isinstance(page, Mapping):
        for key, table in _PAGE_KEYS:
            value = page.get(key)
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and name in config[table]:
                    yield table, name
        for value in page.values():
            yield from _named(value, config)


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the rows that its pages use, every default written out."""
    used = used_rows(config, config)
    tables = {*REFERENCES.values(), *_WEIGHTS.values()}
    flat: dict[str, Any] = {}
    for key, value in config.items():
        rows = value
        if key in tables:
            rows = {name: row for name, row in value.items() if name in used.get(key, ())}
        if key in PARAMETERS:
            rows = {name: _filled(key, row) for name, row in rows.items()}
        flat[key] = rows
    return flat


def _filled(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of parameters with the defaults of its dataclass."""
    params = PARAMETERS[table]
    given = {key: value for key, value in row.items() if key != "pretrained"}
    filled = {k: v for k, v in asdict(params(**given)).items() if (table, k) not in _FILLED}
    return filled | {key: value for key, value in row.items() if key not in given}


def flat_text(config: Mapping[str, Any]) -> str:
    """Return a flat configuration as YAML, a row a line."""
    plain = _plain(flat_config(config))
    text: str = yaml.dump(
        plain,
        Dumper=_Plain,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return text


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a row that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plain(value: Any) -> Any:
    """Return a value with lists for tuples, as YAML has them."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
