"""The page in a real browser: Chromium, driven by Playwright. Skipped where either is missing.

Screenshots of 1400 × 900 go to MASKTRACK_SCREENSHOTS, else to the test's folder.
"""

import errno
import os
import shutil
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from drawn_clip import SIZE, write_clip

from masktrack_core.annotating import project as project_module
from masktrack_core.annotating.project import Project
from masktrack_core.annotating.server import PageServer
from masktrack_core.annotating.studio import Studio
from masktrack_core.commands.cli import main
from masktrack_core.experiment.models import load

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no Playwright; `make annotate` installs it"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; apt-get install chromium"),
    pytest.mark.usefixtures("one_thread"),
]

LENGTH = 11


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def server(tmp_path):
    project = Project(write_clip(tmp_path / "clip", LENGTH), tmp_path / "work")
    models = load("included:mask"), load("included:box")
    studio = Studio(project, *models, threads=1, iterations=2)
    made = PageServer(studio, "secret")
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    studio.jobs.stop()
    made.shutdown()
    made.server_close()
    thread.join()


class Person:
    """Somebody at the page: keys, and a mouse in pixels of the frame."""

    def __init__(self, browser, address, shots):
        self.page = browser.new_page(viewport={"width": 1400, "height": 900})
        self.page.set_default_timeout(20_000)
        self.errors, self.shots = [], shots
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.asked = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.until("document.body.dataset.shown === '0'")

    def until(self, condition):
        self.page.wait_for_function(condition)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def drag(self, *points):
        box = self.page.locator("#top").bounding_box()
        scale = box["width"] / SIZE[1]
        places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()

    def go(self, t):
        self.press("Home", *["ArrowRight"] * t)
        self.until(f"document.body.dataset.shown === '{t}' && shown.startsWith('{t} ')")

    def follow(self):
        self.press("f")
        self.until("state.job && !state.job.running && state.missing === 0")

    def said(self):
        return self.page.locator("#said").text_content()

    def shot(self, name):
        self.shots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(self.shots / f"{name}.png"))


@pytest.fixture
def person(browser, server, tmp_path):
    shots = Path(os.environ.get("MASKTRACK_SCREENSHOTS") or tmp_path / "shots")
    somebody = Person(browser, server.address, shots)
    yield somebody
    somebody.page.close()
    assert somebody.errors == []


def test_from_a_box_to_masks_that_are_those_of_segment(person, server, tmp_path):
    person.shot("1-opened")
    person.press("r")
    person.drag((9, 21), (40, 52))
    person.until("state.drawn[0] && labels.some((id) => id === 1)")
    person.shot("2-box")
    person.follow()
    assert person.page.evaluate("state.doubt[1].every((d) => d !== null)")
    person.go(6)
    before = server.studio.labels(6)
    person.press("e")
    person.drag((40, 48), (68, 48))
    person.until("state.drawn[6] && !unsaved.length")
    after = server.studio.labels(6)
    assert after.any() and after.sum() < before.sum() and not (after > before).any()
    assert person.page.evaluate("state.missing") == 6  # frames 4, 5 and 7 to 10 are reached from 6
    person.shot("3-corrected")
    person.follow()
    person.press("d")
    person.shot("4-doubt")
    person.press("x")
    person.until("document.getElementById('said').textContent.startsWith('written')")
    words = ["segment", str(tmp_path / "clip"), "--annotations", str(tmp_path / "work/annotations")]
    words += ["--no-finetune", "--no-guard", "--threads", "1", "--out", str(tmp_path / "masks")]
    assert main(words) == 0
    for t in range(LENGTH):
        exported = tmp_path / f"work/exports/masks/{t:05d}.png"
        assert exported.read_bytes() == (tmp_path / f"masks/{t:05d}.png").read_bytes(), t
    assert all(url.startswith("http://127.0.0.1:") for url in person.asked)
    person.press("q")
    person.until("document.getElementById('said').textContent.startsWith('ended')")
    assert server.studio.ended.is_set()


def test_brush_lasso_objects_undo_and_names_by_keyboard(person, server):
    person.press("b", "[", "[", "[")
    person.drag((20, 30), (30, 30))
    person.until("state.drawn[0] && !unsaved.length")
    first = server.studio.project.drawn[0][1]
    assert first[30, 25] and not first[30, 45] and 150 < first.sum() < 600
    person.press("2", "l")
    person.drag((50, 10), (70, 10), (70, 30), (50, 30))
    person.until("state.drawn[0].length === 2 && !unsaved.length")
    second = server.studio.project.drawn[0][2]
    square = np.zeros(SIZE, np.bool_)
    square[10:30, 50:70] = True
    assert (second & square).sum() > 0.9 * square.sum() and (second & ~square).sum() < 40
    person.press("n")
    person.page.keyboard.type("the box")
    person.press("Enter")
    person.until("state.objects[2].name === 'the box'")
    person.press("o")
    person.until("!unsaved.length && !labels.some((id) => id === 2)")
    assert not server.studio.project.drawn[0][2].any()
    person.press("z")
    person.until("labels.some((id) => id === 2)")
    assert (server.studio.project.drawn[0][2] == second).all()
    person.press("Delete")
    person.until("state.drawn[0].length === 1")
    assert {*server.studio.project.drawn[0]} == {1}


def test_a_browser_that_goes_away_loses_nothing(browser, person, server):
    person.drag((20, 30), (30, 30))
    person.until("state.drawn[0] && !unsaved.length")
    person.press("f")
    person.page.close()
    again = Person(browser, server.address, person.shots)
    again.until("state.drawn[0] && !state.job.running && state.missing === 0")
    assert again.page.evaluate("labels.some((id) => id === 1)")
    again.page.close()


def test_of_two_tabs_one_draws_and_the_other_is_told(browser, person, server):
    other = Person(browser, server.address, person.shots)
    other.until("document.getElementById('said').className === 'error'")
    assert "another tab draws on this clip; press T to draw here instead" in other.said()
    other.shot("5-two-tabs")
    other.drag((20, 30), (30, 30))
    assert server.studio.project.drawn == {}
    other.press("t")
    other.until("state.pen")
    other.drag((20, 30), (30, 30))
    other.until("state.drawn[0] && !unsaved.length")
    person.until("!state.pen")
    other.page.close()


def test_a_stroke_waits_in_the_page_while_the_disk_is_full(person, server, monkeypatch):
    write = project_module.write_annotated_frame

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "annotations/00000.png")

    monkeypatch.setattr(project_module, "write_annotated_frame", full)
    person.drag((20, 30), (30, 30))
    person.until("document.getElementById('said').textContent.includes('1 stroke kept')")
    assert "annotations/00000.png: No space left on device" in person.said()
    person.shot("6-full-disk")
    assert server.studio.project.drawn == {}
    person.press("ArrowRight")
    person.until("labelled === 1 && !labels.some((id) => id)")
    person.press("ArrowLeft")
    person.until("labelled === 0 && labels.some((id) => id === 1)")
    monkeypatch.setattr(project_module, "write_annotated_frame", write)
    person.until("state.drawn[0] && !unsaved.length")
    assert server.studio.project.drawn[0][1][30, 25]


def test_a_frame_that_cannot_be_read_is_named_and_the_others_are_shown(person, tmp_path):
    (tmp_path / "clip" / "00009.png").write_bytes(b"damaged")
    person.press("End")
    person.until("document.body.dataset.shown === '10'")
    person.press("ArrowLeft")
    person.until("document.getElementById('said').textContent.includes('00009.png')")
    person.go(2)


def test_it_plays_and_scrubs_along_the_strip(person):
    strip = person.page.locator("#strip").bounding_box()
    person.page.mouse.click(strip["x"] + strip["width"] * 0.5, strip["y"] + 20)
    person.until("document.body.dataset.shown === '5'")
    person.press("p")
    person.until("document.body.dataset.shown === '10'")
