"""One look for all figures: embedded fonts, colours that a grey print and any eye keep apart."""

import re
import zlib
from itertools import pairwise

import cv2
import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.style import PALETTE, STYLE, styled

#: Machado, Oliveira and Fernandes (2009), full deuteranopia and protanopia, linear RGB.
DEUTAN = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
PROTAN = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]


def seen(matrix):
    """Return the palette as CIELAB, seen through a matrix on linear RGB."""
    colours = np.array([to_rgb(colour) for colour in PALETTE])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(matrix).T, 0, 1)
    back = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(np.float32(back[None]), cv2.COLOR_RGB2LAB)[0]


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTAN, PROTAN], ids=["all", "deutan", "protan"])
def test_any_two_colours_differ_for_every_eye(matrix):
    lab = seen(matrix)
    distances = [np.linalg.norm(a - b) for n, a in enumerate(lab) for b in lab[n + 1 :]]
    assert min(distances) > 10


def test_neighbours_of_the_palette_differ_in_a_grey_print():
    lightness = seen(np.eye(3))[:, 0]
    assert min(abs(a - b) for a, b in pairwise(lightness[:4])) > 20


def test_fonts_of_a_pdf_are_embedded_as_truetype(tmp_path):
    figure = Figure()
    figure.subplots().set_title("J over time")
    write_figure(figure, [tmp_path / "figure.pdf"])
    content = (tmp_path / "figure.pdf").read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
    text = content + b"".join(map(_inflated, streams))
    assert b"/Type0" in text and b"/FontFile2" in text and b"/Type3" not in text


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_the_settings_of_a_figure_are_the_houses_and_leave_those_of_others_alone():
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        found = styled(lambda: dict(matplotlib.rcParams))()
        assert matplotlib.rcParams["font.size"] == 30
    assert found["font.size"] == STYLE["font.size"] and found["lines.linewidth"] == 1.5
