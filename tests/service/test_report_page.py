"""The report of a real sweep's MLflow store, and the page in a real browser: no script runs, nothing is fetched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sweeps.report import write_report
from sweeps.schedule import Schedule, Times
from sweeps.schedule.pages import index
from sweeps.schedule.state import Occurrence
from tests import browser as browser_flags
from tests.sweeps.comparison_records import compared, plain
from tests.sweeps.report_records import HOSTILE, hostile, initializers, optimizers, searched

SWEEP = Path(sys.executable).with_name("sweep")
FLAGS = (
    "--headless=new",
    *browser_flags.FLAGS,
    "--hide-scrollbars",
)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage folder of a real smoke sweep: Ray, journal, MLflow and all."""
    folder = tmp_path_factory.mktemp("smoke")
    done = subprocess.run(
        [SWEEP, "run", "smoke", "--workers", "1"], cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "kurabe-data"


def test_the_report_of_a_real_sweep_tells_what_mlflow_holds(smoke: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from sweeps.tracking import read_execution, tracking_uri

    uri = tracking_uri(smoke)
    html = write_report(read_execution(uri, ["smoke"]), tmp_path).read_text(encoding="utf-8")
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("smoke")
    assert experiment is not None
    every = client.search_runs([experiment.experiment_id], "tags.`kurabe.kind` = 'trial'")
    runs = [run for run in every if run.data.tags["kurabe.stage"] == "search"]
    confirmed = [run for run in every if run.data.tags["kurabe.stage"] == "confirmation"]
    assert (len(runs), len(confirmed)) == (4, 6)
    assert all("test/accuracy" in run.data.metrics for run in confirmed)
    assert not any("test/accuracy" in run.data.metrics for run in runs)
    for run in runs:
        assert run.info.run_id[:8] in html
    winners = [run for run in confirmed if json.loads(run.data.tags["kurabe.reason"])["rank"] == 1]
    assert len(winners) == 2
    score = sum(run.data.metrics["test/accuracy"] for run in winners) / 2
    assert f"reaches test accuracy {100 * score:.1f}\u00a0% on 2 fresh replicates" in html
    best = min(float(run.data.tags["kurabe.value"]) for run in runs)
    shown = re.search(
        r"<h2>Best points of the search</h2>.*?<tbody><tr>(?:<td.*?</td>){2}<td[^>]*>([\d.]+)", html, re.DOTALL
    )
    assert shown is not None
    assert float(shown[1]) == pytest.approx(best, rel=5e-3)
    assert "this test part has judged 6 trainings of 1 execution (smoke-1)" in html
    assert runs[0].data.tags["kurabe.data_digest"] in html
    figures = {each.name for each in (tmp_path / "figures").iterdir()}
    assert {"activations.svg", "gradients.svg", "slices.svg"} <= figures
    assert [name for name in figures if name.startswith("loss-")]


def test_the_sweep_itself_left_its_report(smoke: Path) -> None:
    page = smoke / "smoke-1" / "report" / "report.html"
    assert page.read_text(encoding="utf-8").endswith("</html>")
    assert (page.parent / "trials.csv").exists()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed: no page was opened in a browser"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed: no page was opened in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def show(browser: Any, page: Path, *, width: int = 1280, theme: str = "light", media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": theme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
    browser.get(page.as_uri())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([initializers()], tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([hostile()], tmp_path_factory.mktemp("hostile"))


def test_no_script_runs(browser: Any, hostile_page: Path) -> None:
    show(browser, hostile_page)
    assert browser.execute_script("return window.hurt") is None
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe, object').length") == 0
    handlers = (
        "return [...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
    )
    assert browser.execute_script(handlers) == []
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    figures = sorted((hostile_page.parent / "figures").iterdir())
    assert figures
    for figure in figures:
        browser.get(figure.as_uri())
        assert browser.execute_script("return window.hurt") is None
        assert browser.execute_script("return document.querySelectorAll('script, img').length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_list_of_a_schedules_reports_runs_no_script_and_fits_a_phone(
    browser: Any, tmp_path: Path, theme: str
) -> None:
    told = {"headlines": (HOSTILE,), "changed": ((HOSTILE, HOSTILE),), "notes": (HOSTILE,), "problems": (HOSTILE,)}
    time = datetime(2026, 3, 2, 6, tzinfo=UTC)
    occurrence = Occurrence(time, "done", made=True, executions=("digits-1",), report_run="5" * 32).but(**told)
    schedule = Schedule("weekly", Times("0 7 * * 1", "Europe/Berlin"), (HOSTILE,), tmp_path, run=True)
    (tmp_path / "index.html").write_text(index(schedule, [occurrence], time), encoding="utf-8")
    show(browser, tmp_path / "index.html", width=360, theme=theme)
    assert browser.execute_script("return window.hurt") is None
    assert browser.execute_script("return document.querySelectorAll('script, img').length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    link = browser.execute_script("return document.querySelector('.reports a').getAttribute('href')")
    assert link == "2026-03-02T0600Z/report.html"
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")


def test_what_slipped_through_could_not_run(browser: Any, page: Path, tmp_path: Path) -> None:
    html = page.read_text(encoding="utf-8").replace(
        "<main>", '<main><script>window.hurt=1</script><img src=x onerror="window.hurt=1">'
    )
    (tmp_path / "spoilt.html").write_text(html, encoding="utf-8")
    show(browser, tmp_path / "spoilt.html")
    assert browser.execute_script("return window.hurt") is None


def test_nothing_is_fetched_and_nothing_complains(browser: Any, page: Path) -> None:
    browser.get_log("performance")
    browser.get_log("browser")
    show(browser, page)
    browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"}
    assert urls <= {page.as_uri()}
    assert browser.get_log("browser") == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    records = (initializers(), optimizers(), searched(), compared(worth=0.002, lost={("adam", 1): 2}), plain())
    return [write_report([record], tmp_path_factory.mktemp(record.name)) for record in records]


@pytest.mark.parametrize("which", range(5), ids=["initializers", "optimizers", "searched", "compared", "plain"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_fits_its_screen_and_its_words_can_be_read(
    browser: Any, pages: list[Path], which: int, width: int
) -> None:
    show(browser, pages[which], width=width)
    browser.execute_script("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('svg text')].filter(t => t.getClientRects().length)"
        ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getScreenCTM().a)"
    )
    assert min(sizes) >= 7.0
    assert sorted(sizes)[len(sizes) // 2] >= 9.0
    outside = browser.execute_script(
        "return [...document.querySelectorAll('figure svg text')].filter(text => {"
        " const a = text.getBoundingClientRect(), b = text.ownerSVGElement.getBoundingClientRect();"
        " return a.width && (a.left < b.left - 2 || a.right > b.right + 2)}).map(text => text.textContent)"
    )
    assert outside == []
    hidden = browser.execute_script(
        "const found = []; for (const svg of document.querySelectorAll('figure svg')) {"
        " const words = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);"
        " for (let i = 0; i < words.length; i++) for (let j = 0; j < i; j++) {"
        "  const [one, a] = words[i], [other, b] = words[j];"
        "  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);"
        "  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);"
        "  if (across > 3 && down > 0.4 * Math.min(a.height, b.height)) found.push(one + ' / ' + other)}} return found"
    )
    assert hidden == []


@pytest.mark.parametrize("which", [0, 3, 4], ids=["initializers", "compared", "plain"])
def test_the_answer_and_its_picture_are_on_the_first_screen(browser: Any, pages: list[Path], which: int) -> None:
    show(browser, pages[which])
    bottom = "return document.querySelector({}).getBoundingClientRect().bottom"
    assert browser.execute_script(bottom.format("'.headline'")) < 300
    assert browser.execute_script("return document.querySelector('figure svg').getBoundingClientRect().top") < 600


def test_dark_and_light_are_two_papers_and_print_is_white(browser: Any, page: Path) -> None:
    found = {}
    script = (
        "return [getComputedStyle(document.body).backgroundColor,"
        " getComputedStyle(document.querySelector('figure svg text')).fill]"
    )
    for theme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        show(browser, page, theme=theme, media=media)
        found[theme, media] = browser.execute_script(script)
    assert found["light", "screen"][0] == "rgb(255, 255, 255)"
    assert found["dark", "screen"][0] == "rgb(21, 24, 29)"
    assert found["dark", "screen"][1] != found["light", "screen"][1]
    assert found["dark", "print"] == found["light", "screen"]


def test_every_drawing_has_words_for_who_cannot_see_it(browser: Any, page: Path) -> None:
    show(browser, page)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = [
        node.get("name", {}).get("value", "") for node in tree if node.get("role", {}).get("value") in ("image", "img")
    ]
    assert len(names) >= 5
    assert all(len(name) > 40 for name in names)
