"""The pictures of README.md, made again from real sweeps: after `make check`, which installs what is needed,

    .venv/bin/python tests/readme_pictures.py

runs three shipped comparisons and `digits` in a temporary folder, a few minutes, opens what they drew and the MLflow
comparison in Chromium, and writes `sweeps/pictures/*.png`, each below 200 KB. Needs Debian's chromium and
chromium-driver.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service

from cluster.tracking_server import comparison_link, running_server
from tests.service.test_mlflow_ui import CHROMIUM, DRIVER, FLAGS, find, pictures

FOLDER = Path(__file__).parents[1] / "sweeps" / "pictures"
LARGEST = 200_000
WAIT = 90.0
FIGURES = {  # of each comparison's report: its figures and the names of their pictures; "" is the first screen
    "initializers": {"": "report", "activations": "activations"},
    "batch-normalization": {"range": "initial-scales"},
    "search-strategies": {"plane": "search-strategies", "steps": "gaussian-process"},
}


def main() -> None:
    """Run the sweeps, look at them, write the pictures."""
    with tempfile.TemporaryDirectory() as place:
        storage = Path(place) / "data"
        script = Path(sys.executable).with_name("sweep")
        for name in (*FIGURES, "digits"):
            subprocess.run([script, "run", name, "--quiet", "--storage", storage], check=True, cwd=place)
        with _browser(Path(place) / "first", 1100, 1250) as browser:
            for name, figures in FIGURES.items():
                report = storage / f"{name}-1" / "report"
                for figure, picture in figures.items():
                    browser.get((report / (f"figures/{figure}.svg" if figure else "report.html")).as_uri())
                    _write(picture, _shot(browser, "svg" if figure else ""))
        with _browser(Path(place) / "second", 1800, 1500) as browser, running_server(storage) as address:
            browser.get(comparison_link(address, "digits-1"))
            _until(lambda: len(find(browser, ".js-plotly-plot .scatterlayer .trace")) >= 30)
            _until(lambda: len(pictures(browser)) == 10)
            for close in find(browser, "button[data-component-id='mlflow.assistant.chat_panel.close']"):
                close.click()
            _until(lambda: len(pictures(browser)) == 10)
            time.sleep(2)  # charts glide to their new width; nothing tells when they are there
            _write("mlflow", _shot(browser, ""))


@contextmanager
def _browser(profile: Path, width: int, height: int) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options, Service(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()


def _shot(browser: webdriver.Chrome, selector: str) -> bytes:
    """The window as PNG, or an element; on a busy machine the driver's ten seconds may be too short for a long page."""
    for _ in range(5):
        try:
            return find(browser, selector)[0].screenshot_as_png if selector else browser.get_screenshot_as_png()
        except TimeoutException:
            continue
    raise TimeoutError(f"no picture of {selector or 'the window'}")


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the page did not come to rest")
        time.sleep(0.2)  # the page draws itself


def _write(name: str, png: bytes) -> None:
    """Write a picture with as many colours as fit into LARGEST bytes."""
    FOLDER.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        small = io.BytesIO()
        picture.quantize(colours).save(small, "PNG", optimize=True)
        if small.tell() < LARGEST:
            break
    (FOLDER / f"{name}.png").write_bytes(small.getvalue())
    print(f"{FOLDER.name}/{name}.png: {small.tell()} bytes, {colours} colours")


if __name__ == "__main__":
    main()
