"""Overlays, sheets, films and the page."""

import json
import re
import shutil
import subprocess
from html import unescape

import cv2
import numpy as np
import pandas as pd
import pytest

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.experiment.printed import Heading, html, print_table
from masktrack_core.experiment.results import COMPUTED, ORACLE
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import write_text
from masktrack_core.pictures.overlays import OBJECTS, enlarge, overlay, webp_bytes
from masktrack_core.pictures.page import (
    PAGE_FILES,
    ShownMethod,
    ShownSequence,
    ShownText,
    frame_means,
    picture,
    results_page,
    worst_frames,
)
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


def sequence(name, *js):
    """A sequence of four frames of two methods; the first one is given."""
    every = {}
    for key, j in zip(("ours.first", "box.first"), js, strict=True):
        middle = [j, j / 2] if key == "ours.first" else [j / 2, j]
        rows = {"t": [0, 1, 2, 3], "J": [1.0, *middle, j], "annotated": [True] + [False] * 3}
        every[key] = pd.DataFrame(rows | {"scored": [False, True, True, True]})
    return ShownSequence(
        dataset="DAVIS", sequence=name, folder=f"page/sequences/d/{name}", size=Size(48, 64),
        objects=1, names=("00000", "00001", "00002", "00003"), times=(0, 1, 2, 3), scores=every,
        means={key: 100 * j for key, j in zip(every, js, strict=True)},
        links={"film compared": f"films/c/{name} #1.mp4"},
    )  # fmt: skip


def lay_out(folder):
    """Write a page as the workflow does, with pictures of two sequences."""
    numbers = pd.DataFrame({"method": ["A", "B", "C"], "DAVIS": [70.0, float("nan"), 9.5]})
    table = html(print_table(numbers, [Heading(key=k, title=k) for k in numbers.columns]))
    page = results_page(
        [ShownText(name="table2", content=table, caption="Means.", links={"CSV": "table2.csv"})],
        [ShownText(name="f", content=picture("page/files/f.webp", Size(3, 4), "f"), caption="F.")],
        [
            ShownMethod(key="box.first", name="Box oracle", source=ORACLE),
            ShownMethod(key="ours.first", name="Ours <&>", source=COMPUTED),
        ],
        [sequence("good", 0.9, 0.8), sequence("bad", 0.1234, 0.7)],
        title="T",
        made="Made on a day at a commit.",
        configuration="tables: <mine>",
        worst=2,
    )
    write_text(folder / "index.html", page)
    (folder / "page/files").mkdir(parents=True)
    for path in PAGE_FILES.iterdir():
        shutil.copy(path, folder / "page/files")
    for name in ("good", "bad"):
        for kind in ("frame", "truth", "ours.first", "box.first"):
            place = folder / "page/sequences/d" / name / kind
            place.mkdir(parents=True)
            for t in range(4):
                (place / f"{t}.webp").write_bytes(webp_bytes(np.zeros((48, 64, 3), np.uint8)))
    return page


@pytest.fixture
def page(tmp_path):
    return lay_out(tmp_path)


def test_the_page_needs_nothing_but_its_folder(page, tmp_path):
    places = re.findall('(?:src|href)="([^"]*)"', page)
    assert {"page/files/page.css", "page/files/page.js", "page/files/f.webp"} <= set(places)
    assert not [place for place in places if "//" in place or place.startswith("/")]
    for path in PAGE_FILES.iterdir():
        assert "http" not in path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "Ours &lt;&amp;&gt;" in page and "Ours <&>" not in page
    assert "tables: &lt;mine&gt;" in page and "$" not in page


def test_ours_stands_before_oracles_and_the_worst_sequence_first(page):
    heads = re.findall("<button>([^<]*)</button>", page[page.index('id="list"') :])
    assert heads == ["sequence", "Ours &lt;&amp;&gt;", "Box oracle"]
    assert page.index("<td>bad</td>") < page.index("<td>good</td>")


def test_the_page_says_what_was_run_when_and_with_what(page):
    assert (
        "<p>Run here: Ours &lt;&amp;&gt;; oracles, which are shown the truth: Box oracle. "
        "On 2 sequences of DAVIS.</p>" in page
    )
    assert "Made on a day at a commit." in page and "<pre>tables:" in page


def test_the_player_has_the_digits_of_the_tables(page):
    text = page.partition('id="results">')[2].partition("</script>")[0]
    bad, good = json.loads(text)["sequences"]
    assert bad["title"] == "DAVIS, bad" and good["folder"] == "page/sequences/d/good"
    assert bad["scores"]["ours.first"] == {"J": ["100.0", "12.3", "6.2", "12.3"], "worst": [2, 1]}
    assert good["links"] == {"film compared": "films/c/good%20%231.mp4"}
    assert json.loads(text)["methods"][0] == {"key": "ours.first", "name": "Ours <&>"}


def test_a_frame_of_several_objects_has_their_mean():
    rows = {"t": [0, 1, 0, 1], "object": [1, 1, 2, 2], "J": [1.0, 0.5, 0.0, 0.25]}
    flags = {"annotated": [True, False, False, False], "scored": [False, True, True, True]}
    means = frame_means(pd.DataFrame(rows | flags))
    assert means.J.tolist() == [0.5, 0.375]
    assert means.annotated.tolist() == [False, False] and means.scored.all()


PROBE = """<script>
const found = {}, wait = () => new Promise(done => setTimeout(done, 100));
const one = name => document.querySelector(name);
const all = name => [...document.querySelectorAll(name)];
const sources = name => all(name + " img[src]").map(image => image.getAttribute("src"));
(async () => {
  const table = one("table.sorts"), button = table.querySelectorAll("th button")[1];
  const column = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
  button.click(); found.up = column(); button.click(); found.down = column();
  found.before = sources("#list").length;
  one("tr.opens").click(); await wait();
  found.views = sources(".views");
  found.loaded = all(".views img[src]").every(image => image.complete && image.naturalWidth === 64);
  const lines = one(".curves").innerHTML, slider = one(".player input");
  slider.value = 2; slider.dispatchEvent(new Event("input")); await wait();
  found.moved = sources(".views"); found.said = one(".player output").textContent;
  found.cursor = one(".curves").innerHTML !== lines;
  found.captions = all(".views .view").map(view => view.textContent);
  found.strip = all(".strip .view").map(view => view.textContent);
  one(".right").selectedIndex = 0; one(".right").dispatchEvent(new Event("change"));
  found.twice = sources(".views").at(-1);
  all(".strip .view")[1].click(); await wait();
  found.large = one("#large").open && all("#large .view").map(view => view.textContent);
  found.heading = one("#large strong").textContent;
  one("#large .on").click(); found.on = one("#large strong").textContent;
  one("#large .close").click(); found.closed = !one("#large").open;
  const heads = all("#list th button");
  heads[0].click(); heads[0].click();
  found.pairs = all("#list tbody > tr").map(row => row.className || row.cells[0].textContent);
  found.first = one("#list tbody td").textContent;
  one("tr.opens[aria-expanded=true]").click(); found.hidden = one("tr.below").hidden;
  document.body.innerHTML = ""; document.body.dataset.found = JSON.stringify(found);
})();
</script></body>"""


def test_in_a_browser_tables_sort_the_slider_moves_and_a_click_enlarges(page, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    path = tmp_path / "index.html"
    write_text(path, page.replace("</body>", PROBE))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=20000", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=300, check=False
    )
    text = done.stdout.partition('data-found="')[2].partition('"')[0]
    found = json.loads(unescape(text))

    def pictures(t):
        place = "page/sequences/d/bad"
        layers = ("frame", "truth", "frame", "ours.first", "frame", "box.first")
        return [f"{place}/{name}/{t}.webp" for name in ("frame", *layers)]

    assert found.pop("views") == pictures(0) and found.pop("moved") == pictures(2)
    assert found == {
        "up": ["C", "A", "B"],
        "down": ["A", "C", "B"],
        "before": 0,
        "loaded": True,
        "said": "frame 00002 (3 of 4)",
        "cursor": True,
        "captions": ["frame", "truth", "Ours <&>: J\xa06.2", "Box oracle: J\xa070.0"],
        "strip": ["frame 00002, J\xa06.2", "frame 00001, J\xa012.3"],
        "twice": "page/sequences/d/bad/ours.first/2.webp",
        "large": ["Ours <&>: J\xa012.3", "frame", "truth", "Box oracle: J\xa035.0"],
        "heading": "DAVIS, bad, frame 00001",
        "on": "DAVIS, bad, frame 00002",
        "closed": True,
        "pairs": ["opens", "opens", "below"],
        "first": "good",
        "hidden": True,
    }
