"""Overlays, sheets, films and the page."""

import json
import shutil
import subprocess

import cv2
import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.printed import Heading, html, print_table
from masktrack_core.files.film_writer import write_video
from masktrack_core.pictures.overlays import OBJECTS, enlarge, overlay
from masktrack_core.pictures.page import ShownFrame, ShownSequence, results_page, worst_frames
from masktrack_core.pictures.sheets import SheetRow, equal_distances, measured, sheet_figure

MASK = np.zeros((40, 60), bool)
MASK[10:30, 20:40] = True


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_outline_differs_from_any_grey_background(level):
    drawn = overlay(np.full((40, 60, 3), level, np.uint8), [MASK])
    line = drawn[20, 14:24].astype(int)
    assert np.abs(line - level).max(axis=1).max() >= 127
    assert (drawn[20, 21] == OBJECTS[0]).all()
    assert (drawn[:5] == level).all()


def test_every_colour_of_an_object_is_its_own_line():
    frame = np.full((40, 60, 3), OBJECTS[0], np.uint8)
    drawn = overlay(frame, [MASK])
    assert {(0, 0, 0), (255, 255, 255)} <= {tuple(map(int, pixel)) for pixel in drawn[20]}


def test_a_mask_at_the_border_has_no_line_along_it():
    mask = np.zeros((20, 20), bool)
    mask[:, :10] = True
    drawn = overlay(np.zeros((20, 20, 3), np.uint8), [mask], tint=0)
    assert (drawn[10, 0] == 0).all() and (drawn[10, 9] == OBJECTS[0]).all()


def test_an_overlay_leaves_its_arguments_alone():
    frame = np.zeros((40, 60, 3), np.uint8)
    overlay(frame, [MASK])
    assert not frame.any()
    with pytest.raises(InputError, match=r"masks\[0\]: expected shape \(40, 60\)"):
        overlay(frame, [MASK[:10]])


def test_frame_and_mask_are_enlarged_together():
    frame = np.repeat(MASK[..., None], 3, axis=2).astype(np.uint8) * 255
    grown, (mask,) = enlarge(frame, [MASK], width=241)
    assert grown.shape == (160, 241, 3)
    assert (mask == (grown[..., 0] > 127)).mean() > 0.999


def test_times_are_at_equal_distances_and_the_first_is_given():
    assert equal_distances(range(26), 26, 6) == (0, 5, 10, 15, 20, 25)
    assert equal_distances(range(1, 25), 26, 6) == (0, 5, 10, 15, 20, 24)
    assert equal_distances([0, 10], 30, 6) == (0, 10)
    with pytest.raises(InputError, match="expected masks of frames after the first"):
        equal_distances([0], 3, 2)


def test_the_given_frame_of_a_sheet_has_a_border():
    pictures = tuple(np.full((20, 30, 3), n, np.uint8) for n in range(3))
    figure = sheet_figure([SheetRow(label="rally", times=(0, 5, 9), pictures=pictures)])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["first frame, given", "frame 5", "frame 9"]
    assert [axis.spines["left"].get_visible() for axis in figure.axes] == [True, False, False]


def test_a_film_has_its_frames(tmp_path):
    frames = [np.full((48, 64, 3), (200, 30, 20 * n), np.uint8) for n in range(5)]
    write_video(tmp_path / "film.mp4", iter(frames), rate=12)
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    found = []
    while (read := film.read())[0]:
        found.append(read[1][24, 32, ::-1].astype(int))
    assert len(found) == 5
    assert np.abs(np.array(found) - [frame[0, 0] for frame in frames]).max() < 25
    with pytest.raises(InputError, match="at least one frame"):
        write_video(tmp_path / "none.mp4", iter([]), rate=12)


def test_the_worst_frames_are_scored_and_not_annotated():
    scores = pd.DataFrame(
        {
            "t": range(5),
            "annotated": [True, False, False, False, False],
            "scored": [True, True, True, True, False],
            "J": [0.0, 0.5, 0.2, 0.9, 0.1],
        }
    )
    assert worst_frames(scores, 2).t.tolist() == [2, 1]


def test_the_worst_frames_are_spaced_in_time():
    js = [0.9] * 80
    js[50:60] = [0.1] * 10
    js[20], js[54] = 0.5, 0.05
    scores = pd.DataFrame({"t": range(80), "annotated": False, "scored": True, "J": js})
    worst = worst_frames(scores, 4).t.tolist()
    assert worst[:2] == [54, 20] and len(worst) == 4
    assert min(abs(a - b) for a in worst for b in worst if a != b) >= 10


def test_rows_of_a_sheet_name_their_frames_once_and_their_labels_fit():
    pictures = tuple(np.full((48, 85, 3), n, np.uint8) for n in range(2))
    label = "bus\nMaskTrack without online fine-tuning"
    rows = [
        SheetRow(label=label, times=(0, 5), pictures=pictures, notes=("", "J 81.0"))
        for _ in range(2)
    ]
    figure = sheet_figure(rows)
    assert [axis.get_title() for axis in figure.axes] == ["first frame, given", "frame 5", "", ""]
    shown = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert shown == [[], ["J 81.0"]] * 2
    figure.draw_without_rendering()
    for axis in (figure.axes[0], figure.axes[2]):
        label_box, axis_box = axis.yaxis.label.get_window_extent(), axis.get_window_extent()
        assert label_box.height <= 1.02 * axis_box.height and label_box.x0 >= 0


def test_a_cell_says_the_mean_j_of_its_objects():
    class Video:
        def __init__(self, truth):
            self.truth = lambda t: truth

    half = MASK.copy()
    half[20:] = False
    videos = [Video(MASK), Video(MASK), Video(None)]
    assert measured(videos, [MASK, half, half], 3) == "J 75.0"
    assert measured(videos[2:], [MASK], 3) == ""


def sequence(name, j):
    frame = ShownFrame(caption=f"frame of {name}", jpeg=b"")
    return ShownSequence(
        method="Ours <&>", dataset="DAVIS", sequence=name, object_id=1, J=j, F=j, worst=j,
        curve=(0.5, 1.0), frames=(frame,),
    )  # fmt: skip


@pytest.fixture
def page():
    numbers = pd.DataFrame({"method": ["A", "B", "C"], "DAVIS": [70.0, float("nan"), 9.5]})
    table = html(print_table(numbers, [Heading(key=k, title=k) for k in numbers.columns]))
    shown = [sequence("good", 90.0), sequence("bad", 10.0)]
    return results_page({"table2": table}, {"f": b"png"}, shown, title="T", footer="made by")


def test_the_page_needs_nothing_but_itself(page):
    assert "http" not in page.replace("http-equiv", "")
    assert 'src="data:' in page and 'href="#tables"' in page
    assert "Ours &lt;&amp;&gt;" in page and "Ours <&>" not in page


def test_the_worst_sequence_comes_first(page):
    assert page.index("<td>bad</td>") < page.index("<td>good</td>")


PROBE = """<script>
const table = document.querySelector("table.sorts"), out = {};
const column = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
const button = table.querySelectorAll("th button")[1];
button.click(); out.up = column(); button.click(); out.down = column();
const row = document.querySelector("tr.opens"), frames = row.nextElementSibling;
out.closed = getComputedStyle(frames).display; row.click();
out.open = getComputedStyle(frames).display;
const list = document.getElementById("sequences");
list.querySelectorAll("th button")[2].click(); list.querySelectorAll("th button")[2].click();
out.pairs = [...list.tBodies[0].rows].map(row => row.textContent.includes("good"));
document.body.innerHTML = ""; document.body.dataset.found = JSON.stringify(out);
</script></body>"""


def test_the_page_sorts_and_opens_in_a_browser(page, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    path = tmp_path / "index.html"
    path.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = done.stdout.partition('data-found="')[2].partition('"')[0].replace("&quot;", '"')
    assert json.loads(found) == {
        "up": ["C", "A", "B"],
        "down": ["A", "C", "B"],
        "closed": "none",
        "open": "table-row",
        "pairs": [True, True, False, False],
    }
