"""MaskTrack: video object segmentation learned from static images, and its benchmark.

The library under the workflow: functions on arrays, importable without Snakemake. Modules are
imported by name (``from masktrack_core import metrics``); ``import masktrack_core`` loads none.
"""

__version__ = "0.1.0"
