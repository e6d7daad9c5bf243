"""MaskTrack: video object segmentation learned from static images, and its benchmark.

The library under the workflow, importable without Snakemake. What a person needs is offered here
and loaded when first used; `docs/architecture.md` shows the rooms that it comes from. The names,
where each is defined, are those of ``__init__.pyi``.
"""


def __getattr__(name: str) -> object:
    """Return what is offered under a name, and remember it."""
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("masktrack")  # of git's tags, when it was installed
        except metadata.PackageNotFoundError:
            return "unknown, not installed"
    if name.startswith("__") and name != "__all__":
        # Libraries ask every module for such names; a job must not read the list for that.
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    import lazy_loader  # when first needed: importing the package alone stays as light as it was

    load, _, names = lazy_loader.attach_stub(__name__, __file__)
    found: object = names if name == "__all__" else load(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that are offered, and those that were used."""
    return sorted({*globals(), *__getattr__("__all__")})  # type: ignore[misc]
