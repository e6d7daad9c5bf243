"""MaskTrack: video object segmentation learned from static images, and its benchmark.

The library under the workflow, importable without Snakemake. What a person needs is offered here
and loaded when first used; `docs/architecture.md` shows the rooms that it comes from. The names,
where each is defined, are those of ``__init__.pyi``.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
