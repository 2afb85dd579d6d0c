"""The MLflow UI in a real browser: what a person sees at the link that `sweep ui` prints.

Each test leaves a screenshot in its temporary folder, which `pytest --basetemp FOLDER` chooses.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.tracking_server import TrackingError, comparison_link, free_port, running_server, tracking_uri
from sweeps.tracking import project
from sweeps.tracking.pictures import SIZE
from tests import browser as browser_flags
from tests.sweeps.tracking_journals import NAMES, Sweep, empty_store

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT = 60.0  # seconds; only a test that fails waits so long
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
FLAGS = (
    "--headless",
    *browser_flags.FLAGS,
    "--disable-dev-shm-usage",
    "--window-size=1800,1400",
)

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with its driver (Debian: apt-get install chromium chromium-driver)"
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two executions of one definition, the first with twelve trials."""
    folder = tmp_path_factory.mktemp("storage")
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    metrics = [*NAMES, "gradient_norm/layer1", "gradient_norm/layer2"]
    for execution, trials in (("digits-1", 12), ("digits-2", 2)):
        sweep = Sweep.begin(folder, execution)
        for number in range(trials):
            optimizer = ("adam", "sgd", "rmsprop")[number % 3]
            key = sweep.propose(optimizer=optimizer, learning_rate=0.001 * (number + 1))[0]
            sweep.train(key, metrics=metrics, layers=5)
        sweep.close()
        project(sweep.path, tracking_uri(folder), folder)
    hostile = Sweep.begin(folder, "hostile-1", text=HOSTILE)
    findings = [{"name": "divergence", "epoch": 1, "summary": HOSTILE, "advice": HOSTILE}]
    hostile.train(hostile.propose(optimizer=HOSTILE, reason={"kind": HOSTILE})[0], error=HOSTILE, findings=findings)
    hostile.close()
    project(hostile.path, tracking_uri(folder), folder)
    return folder


@pytest.fixture(scope="module")
def address(storage: Path) -> Iterator[str]:
    with running_server(storage) as served:
        yield served


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: the browser cannot be driven")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def find(browser: Chrome, selector: str) -> list[Any]:
    return browser.find_elements("css selector", selector)


def until(condition: Callable[[], Any], what: str, browser: Chrome) -> Any:
    deadline = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {WAIT:.0f} s for {what} at {browser.current_url}"
        time.sleep(0.1)  # the page draws itself
    return found


def keep(browser: Chrome, name: str, folder: Path) -> None:
    browser.save_screenshot(str(folder / f"{name}.png"))


def pictures(browser: Chrome) -> list[Any]:
    """The activation pictures that are on the page and have arrived."""
    arrived = "return arguments[0].complete && arguments[0].naturalWidth > 0"
    shown = [each for each in find(browser, "img") if "images%2Factivations" in (each.get_attribute("src") or "")]
    return [each for each in shown if browser.execute_script(arrived, each)]


def shows(browser: Chrome, epoch: int) -> bool:
    """Whether the ten pictures in front are those of this epoch, in their full size."""
    front = pictures(browser)[-10:]
    whole = [each for each in front if each.rect["width"] >= SIZE]
    return len(whole) == 10 and all(f"step%2B{epoch}%2B" in each.get_attribute("src") for each in whole)


def headings(browser: Chrome) -> str:
    return str(browser.find_element("tag name", "body").text)


@needs_browser
def test_curves_and_pictures_stand_side_by_side_at_the_link(browser: Chrome, address: str, tmp_path: Path) -> None:
    browser.get(comparison_link(address, "digits-1"))
    until(
        lambda: len(find(browser, ".js-plotly-plot .scatterlayer .trace")) >= 30, "three charts of ten curves", browser
    )
    until(lambda: len(pictures(browser)) == 10, "ten pictures", browser)
    text = headings(browser)
    for name in ("validation/loss", "train/loss", "validation/accuracy", "activations/layers"):
        assert name in text
    assert "12 matching runs" in text  # of this execution, without its own run and without the other execution's
    for close in find(browser, "button[data-component-id='mlflow.assistant.chat_panel.close']"):
        close.click()
    corners = [(each.rect["x"], each.rect["y"]) for each in pictures(browser)]
    assert len({x for x, _ in corners}) >= 3, "fewer than three pictures in a row"
    assert all(abs(each.rect["width"] - each.rect["height"]) <= 1 for each in pictures(browser))
    keep(browser, "mlflow-comparison", tmp_path)


@needs_browser
def test_enlarged_ten_runs_pictures_are_seen_at_once_and_the_slider_moves_them(
    browser: Chrome, address: str, tmp_path: Path
) -> None:
    browser.get(comparison_link(address, "digits-1"))
    until(lambda: len(pictures(browser)) == 10, "ten pictures", browser)
    first = {each.get_attribute("src") for each in pictures(browser)}
    assert all("step%2B0%2B" in source for source in first)
    panel = (
        "//*[text()='activations/layers']/ancestor::*[.//button[@data-component-id='fullscreen_button_chartcard']][1]"
    )
    enlarge = browser.find_element("xpath", f"{panel}//button[@data-component-id='fullscreen_button_chartcard']")
    browser.execute_script("arguments[0].click()", enlarge)
    until(lambda: len(pictures(browser)) == 20, "the enlarged panel", browser)
    enlarged = [each for each in pictures(browser) if each.find_elements("xpath", "ancestor::*[@role='dialog']")]
    rows = {each.rect["y"] for each in enlarged}
    assert (len(enlarged), len(rows)) == (10, 2)
    slider = browser.find_element("css selector", "[role='dialog'] [role='slider']")
    for epoch in (2, 4):
        slider.send_keys("\ue014")  # the right arrow: on to the next epoch with pictures
        until(partial(shows, browser, epoch), f"the pictures of epoch {epoch}", browser)
    keep(browser, "mlflow-activations", tmp_path)


@needs_browser
def test_runs_group_by_optimizer_and_the_compare_page_shows_what_differs(
    browser: Chrome, address: str, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    browser.get(comparison_link(address, "digits-1"))
    until(lambda: len(find(browser, ".js-plotly-plot .scatterlayer .trace")) >= 30, "the charts", browser)
    group = browser.find_element("xpath", "//button[contains(., 'Group by')]")
    group.click()
    choice = "//*[contains(@role, 'menuitem')][normalize-space() = 'optimizer']"
    until(lambda: browser.find_elements("xpath", choice), "the menu of parameters", browser)[0].click()
    legends = [
        f"{name} ({metric})" for name in ("adam", "sgd", "rmsprop") for metric in ("train/loss", "validation/loss")
    ]
    until(lambda: all(name in headings(browser) for name in legends), "one curve for each optimizer", browser)
    assert all(f"Group: {name}\n4" in headings(browser) for name in ("adam", "sgd", "rmsprop"))
    keep(browser, "mlflow-grouped", tmp_path)

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], "tags.`kurabe.execution` = 'digits-1'")
    chosen = [run.info.run_id for run in found if run.data.tags.get("kurabe.trial") in ("t1", "t2")]
    place = f"runs={json.dumps(chosen)}&experiments={json.dumps([experiment.experiment_id])}"
    browser.get(f"{address}/#/compare-runs?{place}")
    until(lambda: "Show diff only" in headings(browser), "the compare page", browser)
    for switch in find(browser, "[aria-label='Parameters - Show diff only']"):
        browser.execute_script("arguments[0].click()", switch)

    def differing() -> str:
        return headings(browser).partition("\nParameters\nShow diff only\n")[2].partition("\nMetrics\n")[0]

    until(lambda: "initializer" not in differing(), "what is alike to vanish", browser)
    rows = {line.split()[0]: set(line.split()[1:]) for line in differing().splitlines()}
    assert rows == {"learning_rate": {"0.001", "0.002"}, "optimizer": {"adam", "sgd"}}
    keep(browser, "mlflow-compared", tmp_path)


@needs_browser
def test_nothing_that_a_user_wrote_runs_in_the_page(browser: Chrome, address: str, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient
    from selenium.common.exceptions import NoAlertPresentException

    browser.get(comparison_link(address, "hostile-1"))
    until(lambda: find(browser, ".js-plotly-plot"), "the charts", browser)
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name("hostile")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`kurabe.kind` = 'trial'")
    browser.get(f"{address}/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}")
    until(lambda: HOSTILE in headings(browser), "the parameter, in letters", browser)
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert  # noqa: B018  # asking is what raises
    assert not find(browser, "img[src='x']")
    keep(browser, "mlflow-hostile", tmp_path)


def test_the_link_of_an_execution_that_is_not_there(address: str) -> None:
    with pytest.raises(TrackingError, match="sweep sync fashion-1"):
        comparison_link(address, "fashion-1")


def test_serve_prints_the_link_and_ends_on_an_interrupt(storage: Path) -> None:
    import signal
    import urllib.request

    port = free_port()
    code = (
        "import sys; from pathlib import Path; from cluster.tracking_server import serve\n"
        "sys.exit(serve(Path(sys.argv[1]), 'digits-1', port=int(sys.argv[2]), browser=False))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(storage), str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "digits-1" in process.stdout.readline()
        link = process.stdout.readline().strip()
        assert link.startswith(f"http://127.0.0.1:{port}/#/experiments/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10)
