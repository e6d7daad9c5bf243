"""Tests of what the optional package timm gives: skipped, with the reason, where it is absent."""

from importlib.util import find_spec

import pytest


def needs_timm():
    """Skip the test where timm is not installed (`make timm`)."""
    if find_spec("timm") is None:
        pytest.skip("needs timm: make timm")
