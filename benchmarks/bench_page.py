"""Seconds and frames a second of `masktrack annotate`, in a headless Chromium; pictures of it.

    python benchmarks/bench_page.py CLIP X,Y,W,H OUT [THREADS]

The box is drawn on frame 0, the object followed to the end. Needs Playwright (`make annotate`) and
chromium. OUT gets the work and screenshots of 1400 × 900.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

SCRUB = """async () => {
  await go(0);
  const began = performance.now();
  for (let place = 0; place < state.frames; place++) {
    await go(place);
    await new Promise(requestAnimationFrame);
  }
  return state.frames / ((performance.now() - began) / 1000);
}"""


def main() -> None:
    """Print the figures."""
    clip, box, out = sys.argv[1], [int(part) for part in sys.argv[2].split(",")], Path(sys.argv[3])
    threads = sys.argv[4] if len(sys.argv) > 4 else "2"
    command = [sys.executable, "-m", "masktrack_core.commands.cli", "annotate", clip]
    began = time.perf_counter()
    server = subprocess.Popen(
        [*command, "--out", str(out / "work"), "--threads", threads],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    address = next(line.strip() for line in server.stderr if "http://" in line)
    print(f"command to address        {time.perf_counter() - began:6.2f} s")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(600_000)
        opened = time.perf_counter()
        page.goto(address)
        page.wait_for_function("document.body.dataset.shown === '0'")
        print(f"page to first frame       {time.perf_counter() - opened:6.2f} s")
        page.screenshot(path=str(out / "1-opened.png"))
        page.keyboard.press("r")
        place = page.locator("#top").bounding_box()
        assert place is not None
        scale = place["width"] / page.evaluate("width")
        x, y, wide, high = box
        page.mouse.move(place["x"] + x * scale, place["y"] + y * scale)
        page.mouse.down()
        corner = place["x"] + (x + wide) * scale, place["y"] + (y + high) * scale
        page.mouse.move(*corner, steps=5)
        page.screenshot(path=str(out / "2-box.png"))
        drawn = time.perf_counter()
        page.mouse.up()
        page.wait_for_function("state.drawn[0] && labels.some((id) => id)")
        print(f"box to its mask           {time.perf_counter() - drawn:6.2f} s")
        page.screenshot(path=str(out / "3-mask.png"))
        followed = time.perf_counter()
        page.keyboard.press("f")
        page.wait_for_function("state.job && state.missing === 0 && !state.job.running")
        frames = page.evaluate("state.frames")
        taken = time.perf_counter() - followed
        print(
            f"follow {frames:3d} frames         {taken:6.2f} s, {taken / (frames - 1):.3f} a frame"
        )
        for words in ("first time", "again"):
            print(f"scrub, {words:10s}         {page.evaluate(SCRUB):6.1f} frames/s")
        page.keyboard.press("Home")
        page.keyboard.press("d")
        time.sleep(1)
        page.screenshot(path=str(out / "4-doubt.png"))
        page.keyboard.press("q")
        time.sleep(0.5)
        browser.close()
    server.communicate(timeout=60)


if __name__ == "__main__":
    main()
