"""The report: what it says of real trainings, how honest it is, that it escapes, and that it stays small and whole."""

from __future__ import annotations

import csv
import io
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sweeps.report import write_report
from sweeps.report.answer import answer
from sweeps.report.evidence import Axis
from sweeps.report.factors import find_factors
from sweeps.report.gathering import gather
from sweeps.report.inside_pictures import histograms_picture
from sweeps.report.level_tables import levels_table
from sweeps.report.markdown import escape
from sweeps.report.page import make_page
from sweeps.report.search_pictures import side_of
from sweeps.report.tables import best_points, guarded, trials_csv
from sweeps.tracking import ExecutionRecord, TrialRecord
from tests.sweeps.report_records import (
    HOSTILE,
    OPTIMIZER,
    RATES,
    execution,
    hostile,
    initializers,
    optimizers,
    searched,
    told,
    trial,
)


class Seen(HTMLParser):
    """Tags with their attributes, and all text outside style, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def written(folder: Path, *records: ExecutionRecord) -> tuple[Path, Seen]:
    path = write_report(records, folder)
    return path, Seen(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen]:
    return written(tmp_path_factory.mktemp("initializers"), initializers())


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen]:
    return written(tmp_path_factory.mktemp("optimizers"), optimizers())


def spread(name: str, activation: str, std: float | None = None) -> list[float]:
    """Standard deviation of each layer's activations before the first step, as recorded."""
    for each in initializers().trials:
        point = each.document["point"]
        if (point["initializer"], point["activation"], point.get("initial_std")) == (name, activation, std):
            return [layer["std"] for layer in each.document["records"][0]["activations"]]
    raise AssertionError((name, activation, std))


def test_the_textbook_picture_is_told(textbook: tuple[Path, Seen]) -> None:
    sigmoid, relu = re.findall(r"Before the first step under (?:sigmoid|relu): [^.]*\.[^.]*\.[^.]*\.", textbook[1].text)
    assert "normal 1" in sigmoid.split("ends of the range")[0]
    assert "zero and normal 0.01 crowd the last layer at one value" in sigmoid
    assert re.search(r"zero, .*normal 0\.01.* crowd the last layer", relu)
    assert "he keeps its spread best" in relu
    kept, lost = spread("he", "relu"), spread("normal", "relu", 0.01)
    assert kept[-1] / kept[0] > 0.5
    assert lost[-1] / lost[0] < 1e-3


def test_histograms_have_a_row_for_each_layer_and_a_column_for_each_level() -> None:
    evidence = gather([initializers()])
    factor = find_factors(evidence)[0]
    assert (factor.name, factor.levels) == ("initializer", ("zero", "normal 0.01", "normal 1", "xavier", "he"))
    picture = histograms_picture(evidence, factor)
    assert picture is not None
    assert [(heading, len(panels)) for heading, panels in picture.rows()] == [("sigmoid", 5), ("relu", 5)]
    for panel in picture.panels:
        layers = [layer for layer in "12345" if f">{layer}</text>" in panel.source]
        assert layers == list("12345")
        assert "epoch 0" in panel.source
    assert all("epoch 8" in panel.source for panel in picture.panels[:5])


def test_the_vanishing_gradient_is_told(textbook: tuple[Path, Seen]) -> None:
    assert re.search(
        r"vanishes on its way back to the first layer under zero, normal 0\.01 .*with sigmoid", textbook[1].text
    )


def test_failures_carry_what_the_field_does_about_them(textbook: tuple[Path, Seen]) -> None:
    text = textbook[1].text
    assert re.search(r"Symmetry\s+\d+ of 10 trials", text, re.IGNORECASE)
    assert "What the field does:" in text
    advice = [f["advice"] for each in initializers().trials for f in each.document["findings"]]
    assert advice
    assert all(re.sub(r"\s+", " ", each) in text for each in advice)


def test_what_was_asked_stands_in_the_page(replicated: tuple[Path, Seen]) -> None:
    text = replicated[1].text
    assert "What learns best?" in text
    assert "360 / 120 / 120 to train, validate, test" in text
    assert "ab" * 32 in text
    assert 'name = "optimizers-1"' in text
    assert "sweep run optimizers --seed 7" in text
    assert "sgd, momentum or adam" in text


def test_replicates_give_mean_spread_and_range(replicated: tuple[Path, Seen]) -> None:
    table = best_points(gather([optimizers()]))
    assert [text for text, _ in table.head][2:6] == ["validation loss", "95 % interval", "min – max", "replicates"]
    first = table.rows[0]
    values = sorted(each.document["value"] for each in optimizers().trials if f"#{each.document['order']}" == first[7])
    assert float(first[2].split("\u00a0")[0]) == pytest.approx(sum(values) / 3, rel=5e-3)
    low, high = map(float, first[4].split(" – "))
    assert (low, high) == pytest.approx((values[0], values[-1]), rel=5e-3)
    assert first[5] == "3"
    ids = [each.run_id[:8] for each in optimizers().trials if f"#{each.document['order']}" == first[7]]
    assert first[8].split() == ids


def test_one_replicate_is_called_a_lead_and_not_a_verdict() -> None:
    trials = [
        told({"optimizer": "sgd", "learning_rate": 0.1}, 0.4),
        told({"optimizer": "adam", "learning_rate": 0.01}, 0.3),
    ]
    evidence = gather([execution("digits-1", trials, [OPTIMIZER, RATES])])
    found = answer(evidence, find_factors(evidence)[0])
    assert found.headline.startswith("adam, learning_rate 0.01 reaches the lowest validation loss of 2 points: 0.300")
    assert "not yet a verdict" in found.detail
    assert any("luckiest" in caution for caution in found.cautions)
    assert "no spread to show" in best_points(evidence).note


def repeated(optimizer: str, values: list[float]) -> list[dict[str, Any]]:
    return [told({"optimizer": optimizer}, value, replicate=place) for place, value in enumerate(values)]


def test_a_clear_difference_is_a_verdict_and_a_small_one_is_none() -> None:
    sgd, adam = repeated("sgd", [0.50, 0.52, 0.49, 0.51]), repeated("adam", [0.30, 0.33, 0.28, 0.31])
    evidence = gather([execution("digits-1", [*sgd, *adam], [OPTIMIZER], search={"strategy": "grid"})])
    clear = answer(evidence, find_factors(evidence)[0]).detail
    assert re.match(r"adam beats sgd by 0\.20 \(p ≤ [\d.×⁻⁰-⁹]+\)\.", clear)
    close = repeated("sgd", [0.30, 0.34, 0.29, 0.32])
    evidence = gather([execution("digits-1", [*close, *adam], [OPTIMIZER], search={"strategy": "grid"})])
    unclear = answer(evidence, find_factors(evidence)[0]).detail
    assert "sgd is not separated from adam at 4 replicates" in unclear
    assert "beats" not in unclear


def test_a_lost_replicate_counts_against_its_point() -> None:
    lucky = [told({"optimizer": "sgd"}, 0.01), told({"optimizer": "sgd"}, None, replicate=1, status="diverged")]
    steady = repeated("adam", [0.5, 0.6])
    evidence = gather([execution("digits-1", [*lucky, *steady], [OPTIMIZER])])
    table = best_points(evidence)
    assert [row[1] for row in table.rows] == ["adam", "sgd"]
    assert table.rows[1][5] == "1 (1 lost)"


def test_unequal_chances_are_no_ranking() -> None:
    many = [told({"optimizer": "adam", "learning_rate": 0.001 * each}, 0.3 + each / 100) for each in range(1, 10)]
    few = [told({"optimizer": "sgd", "learning_rate": 0.1}, 0.9)]
    evidence = gather([execution("digits-1", [*many, *few], [OPTIMIZER, RATES])])
    assert any("adam 9 trials and sgd 1" in each for each in answer(evidence, find_factors(evidence)[0]).cautions)


def test_a_best_value_on_the_edge_of_its_range_raises_an_alarm() -> None:
    trials = [told({"learning_rate": rate}, 1.0 - rate / 2) for rate in (0.01, 0.1, 1.0)]
    alarms = answer(gather([execution("digits-1", trials, [RATES])]), None).cautions
    assert any("The best learning_rate (1) lies at the high end" in each for each in alarms)


def test_an_end_beyond_which_there_is_nothing_raises_none() -> None:
    dropout = Axis("dropout", (), 0.0, 0.5)
    assert (side_of(dropout, 0.0), side_of(dropout, 0.25), side_of(dropout, 0.5)) == (None, None, "high")
    assert side_of(Axis("dropout", (), 0.1, 0.5), 0.1) == "low"


def test_nothing_finished_and_nothing_at_all_are_pages_too(tmp_path: Path) -> None:
    gone = [told({"optimizer": "sgd"}, None, status="diverged"), told({"optimizer": "adam"}, None, status="diverged")]
    _, seen = written(tmp_path / "a", execution("digits-1", gone, [OPTIMIZER]))
    assert "None of 2 trials has a value." in seen.text
    running = [
        trial({"optimizer": "sgd"}, status="running", value=None),
        trial({"optimizer": "adam"}, status="interrupted", value=None),
    ]
    _, seen = written(tmp_path / "b", execution("digits-1", running, [OPTIMIZER]))
    assert "2 trials had not ended" in seen.text
    _, seen = written(tmp_path / "c", execution("digits-1", [], [OPTIMIZER], closed=None, seconds=None))
    assert "No trial has a value yet." in seen.text


def test_accuracies_are_better_when_higher(tmp_path: Path) -> None:
    search = {"objective": "validation/accuracy", "direction": "maximize"}
    trials = [trial({"optimizer": "sgd"}, value=0.91), trial({"optimizer": "adam"}, value=0.97)]
    _, seen = written(tmp_path, execution("digits-1", trials, [OPTIMIZER], search=search))
    assert "adam reaches the highest validation accuracy of 2 points: 97.0\u00a0%" in " ".join(seen.words)


def test_a_regression_has_losses_alone(tmp_path: Path) -> None:
    path, seen = written(
        tmp_path, execution("diabetes-1", [told({"learning_rate": rate}, rate) for rate in (0.0002, 0.4, 0.9)], [RATES])
    )
    assert "accuracy" not in seen.text
    assert "Loss by learning rate" in seen.text
    assert sorted(each.name for each in (path.parent / "figures").iterdir())[0].startswith("loss-")


def test_several_executions_stand_in_one_report(tmp_path: Path) -> None:
    one = execution("digits-1", repeated("adam", [0.3, 0.4]), [OPTIMIZER])
    two = execution("digits-2", repeated("adam", [0.35, 0.45]), [OPTIMIZER])
    _, seen = written(tmp_path, one, two)
    assert "What each execution reached" in seen.text
    assert {"digits-1", "digits-2"} <= set(re.findall(r"digits-\d", seen.text))


def test_executions_of_different_objectives_are_refused() -> None:
    one = execution("digits-1", repeated("adam", [0.3]), [OPTIMIZER])
    two = execution(
        "wine-1",
        repeated("adam", [0.9]),
        [OPTIMIZER],
        search={"objective": "validation/accuracy", "direction": "maximize"},
    )
    with pytest.raises(ValueError, match="one objective"):
        gather([one, two])
    with pytest.raises(ValueError, match="at least one"):
        gather([])


@pytest.mark.parametrize("which", ["textbook", "replicated"])
def test_the_page_needs_nothing_outside_itself(which: str, request: pytest.FixtureRequest) -> None:
    path, seen = request.getfixturevalue(which)
    html = path.read_text(encoding="utf-8")
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)
    for tag, attributes in seen.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "img", "image")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#") or attributes["href"] == "trials.csv"
    policy = next(each["content"] for tag, each in seen.tags if tag == "meta" and "http-equiv" in each)
    assert policy.startswith("default-src 'none'")


def test_ids_inside_the_page_are_found(textbook: tuple[Path, Seen]) -> None:
    html = textbook[0].read_text(encoding="utf-8")
    ids = set(re.findall(r' id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= ids
    anchors = [
        attributes["id"] for _, attributes in textbook[1].tags if attributes.get("id", "m").startswith("figure-")
    ]
    assert len(anchors) == len(set(anchors))


@pytest.mark.parametrize("record", [initializers, optimizers, searched, hostile], ids=lambda each: each.__name__)
def test_every_picture_says_what_to_see(record: Callable[[], ExecutionRecord]) -> None:
    pictures = make_page(gather([record()])).pictures
    assert len(pictures) >= 5
    for picture in pictures:
        assert picture.sentence.strip().endswith((".", "!")), picture.name
        assert len(picture.alternative) > 40
        assert picture.panels
        for panel in (*picture.panels, *picture.narrow):
            ElementTree.fromstring(panel.source)  # noqa: S314  # our own drawings
    assert len({picture.name for picture in pictures}) == len(pictures)


def test_a_search_is_looked_at_from_every_side() -> None:
    pictures = {picture.name: picture for picture in make_page(gather([searched()])).pictures}
    assert {
        "levels",
        "progress",
        "slices",
        "anytime",
        "importance",
        "dependence",
        "plane",
        "parallel",
        "gap",
    } <= pictures.keys()
    assert "leans most on learning_rate" in pictures["importance"].sentence
    assert "learning_rate orders the trials most" in pictures["slices"].sentence
    assert pictures["plane"].sentence.startswith("Each dot is a trial in the plane of learning_rate and")
    assert [panel.source.count(">random<") + panel.source.count(">model<") for panel in pictures["plane"].panels] == [
        1,
        1,
    ]
    assert "learning_rate" in pictures["parallel"].sentence
    assert "Median value of the random start" in pictures["progress"].sentence


def test_a_grid_shows_curves_at_each_value_and_the_optimizers_their_ravine() -> None:
    three = [told({"optimizer": o, "learning_rate": r}, r + 0.1) for o in ("sgd", "adam") for r in (0.01, 0.1, 0.3)]
    space: list[dict[str, Any]] = [OPTIMIZER, {"name": "learning_rate", "choices": [0.01, 0.1, 0.3]}]
    evidence = gather([execution("digits-1", three, space, search={"strategy": "grid"})])
    pictures = {picture.name: picture for picture in make_page(evidence).pictures}
    assert len(pictures["grid-curves"].panels) == 3
    assert "sgd at 0.01 and adam at 0.01" in pictures["grid-curves"].sentence
    assert len(pictures["ravine"].panels) == 2
    assert "progress" not in pictures


def test_levels_are_compared_in_a_table() -> None:
    evidence = gather([optimizers()])
    table = levels_table(evidence, find_factors(evidence)[0])
    assert {row[0] for row in table.rows} == {"sgd", "momentum", "adam"}
    assert table.rows[0][6] == "leads"
    assert all(0 <= int(row[6].split()[0]) <= 100 for row in table.rows[1:])
    assert all(re.fullmatch(r"[\d.]+ epochs, [\d.]+ m?s", row[7]) for row in table.rows)
    assert {row[4] for row in table.rows} == {"6"}


def test_the_summary_is_markdown_in_which_nothing_is_markup(tmp_path: Path) -> None:
    text = (write_report([hostile()], tmp_path).parent / "report.md").read_text(encoding="utf-8")
    assert "<" not in text
    assert "reaches the lowest validation loss of 3 points: 0.300" in text
    assert "| 1 | adam" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b_c", r"a\*b\_c"),
        ("[x](http://evil.example)", r"\[x\](http:\//evil.example)"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("# head", r"\# head"),
        ("0.431 ± 0.2", "0.431 ± 0.2"),
        ("a\n\n# b", "a # b"),
        ("a|b", r"a\|b"),
        ("<b>@you", "&lt;b&gt;&#64;you"),
    ],
)
def test_markdown_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_png_files_are_made_on_demand(tmp_path: Path) -> None:
    record = execution("digits-1", repeated("adam", [0.3, 0.4]), [OPTIMIZER])
    folder = write_report([record], tmp_path, png=True).parent / "figures"
    assert {each.stem for each in folder.glob("*.png")} == {each.stem for each in folder.glob("*.svg")}
    write_report([record], tmp_path)
    assert not list(folder.glob("*.png"))


def test_every_drawing_in_the_page_has_words(textbook: tuple[Path, Seen]) -> None:
    pictures = make_page(gather([initializers()])).pictures
    labels = [
        attributes.get("aria-label", "") for tag, attributes in textbook[1].tags if attributes.get("role") == "img"
    ]
    assert len(labels) >= len(pictures)
    assert all(labels)
    drawings = [attributes for tag, attributes in textbook[1].tags if tag == "svg"]
    assert all(attributes.get("aria-hidden") == "true" for attributes in drawings)


def test_figures_stand_beside_the_page_as_files(textbook: tuple[Path, Seen]) -> None:
    files = {each.name for each in (textbook[0].parent / "figures").iterdir()}
    names = {picture.name for picture in make_page(gather([initializers()])).pictures}
    assert files == {f"{name}.svg" for name in names}
    for file in (textbook[0].parent / "figures").iterdir():
        ElementTree.parse(file)  # noqa: S314  # our own drawings


def test_figures_of_an_earlier_report_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "loss-of-last-week.svg").write_text("<svg/>")
    written(tmp_path, execution("digits-1", repeated("adam", [0.3]), [OPTIMIZER]))
    assert not (tmp_path / "figures" / "loss-of-last-week.svg").exists()


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    path, seen = written(tmp_path / "report", hostile())
    html = path.read_text(encoding="utf-8")
    tags = {tag for tag, _ in seen.tags}
    assert not tags & {"script", "img"}
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    assert HOSTILE in "".join(seen.words)
    assert "49" not in re.findall(r"\{\{\s*([^}]*)\}\}", html)
    assert {each.name for each in tmp_path.iterdir()} == {"report"}
    names = [each.name for each in (tmp_path / "report" / "figures").iterdir()]
    assert names
    assert all(re.fullmatch(r"[a-z0-9-]+\.svg", name) for name in names)
    for file in (tmp_path / "report" / "figures").iterdir():
        root = ElementTree.parse(file).getroot()  # noqa: S314  # our own drawings
        assert not [each for each in root.iter() if each.tag.rpartition("}")[2] in ("script", "img")]


def test_no_cell_of_the_table_is_a_formula(tmp_path: Path) -> None:
    path, _ = written(tmp_path, hostile())
    rows = list(csv.reader(io.StringIO((path.parent / "trials.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 4
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t"))]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("adam", "adam"),
        (-0.5, "-0.5"),
        (float("nan"), ""),
        (True, "true"),
        ([100, 50], "100-50"),
        ("a\r\n=b", "a  =b"),
        (1e-7, "1e-07"),
    ],
)
def test_formulas_are_guarded_and_numbers_stay_numbers(cell: object, text: str) -> None:
    assert guarded(cell) == text


def test_the_table_has_every_trial_with_all_digits() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(gather([optimizers()])))))
    assert len(rows) == 18
    found = {(int(row["trial"]), int(row["replicate"])): float(row["value"]) for row in rows}
    assert found == {
        (each.document["order"], each.document["replicate"]): each.document["value"] for each in optimizers().trials
    }
    assert {"optimizer", "learning_rate", "batch_size", "train/loss", "validation/accuracy"} <= rows[0].keys()


def test_many_trials_make_no_big_page(tmp_path: Path) -> None:
    trials = [
        told(
            {"optimizer": "adam" if each % 2 else "sgd", "learning_rate": 1e-4 * 1.003**each},
            0.1 + (each * 7919 % 1000) / 500,
            epochs=3,
        )
        for each in range(3000)
    ]
    path, seen = written(tmp_path, execution("digits-1", trials, [OPTIMIZER, RATES]))
    assert path.stat().st_size < 2_000_000
    assert "The best 200 of 3,000 trials" in seen.text
    assert len((path.parent / "trials.csv").read_text(encoding="utf-8").splitlines()) == 3001


def test_a_reader_always_finds_a_whole_page(tmp_path: Path) -> None:
    record = execution("digits-1", repeated("adam", [0.3, 0.4]), [OPTIMIZER])
    path = write_report([record], tmp_path)
    whole, stop = [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            whole.append(path.read_text(encoding="utf-8").endswith("</html>"))

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=write_report, args=([record], tmp_path)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert len(whole) > 5
    assert all(whole)
    assert not list(tmp_path.rglob("*.part"))


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report([initializers()], tmp_path / name).read_bytes() for name in "ab")
    assert first == second


PROGRAM = """
import sys, time
import sweeps.report
heavy = [name for name in ("matplotlib", "jinja2", "scipy", "numpy", "mlflow") if name in sys.modules]
assert not heavy, heavy
from tests.sweeps.report_records import OPTIMIZER, RATES, execution, told
from pathlib import Path
points = [{"optimizer": "adam" if each % 2 else "sgd", "learning_rate": 0.01 * (each + 1)} for each in range(40)]
trials = [told(point, 0.5, epochs=30) for point in points]
record = execution("digits-1", trials, [OPTIMIZER, RATES])
begin = time.process_time()
sweeps.report.write_report([record], Path(sys.argv[1]))
print(time.process_time() - begin)
assert "matplotlib.pyplot" not in sys.modules
"""


def test_forty_trials_take_a_moment_and_pyplot_stays_out(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 4.0  # seconds of one core, the imports of matplotlib and scikit-learn included


def test_two_executions_of_one_name_do_not_become_replicates() -> None:
    record = execution("digits-1", [told({"optimizer": "adam"}, 0.3), told({"optimizer": "sgd"}, 0.5)], [OPTIMIZER])
    for each in record.trials:
        assert isinstance(each.document, dict)
        each.document["order"] = 1
    assert [len(point.values) for point in gather([record]).tested()] == [1, 1]


def damaged(document: Any, rng: random.Random) -> Any:
    """The document with parts missing, emptied, or replaced by numbers at the ends of what numbers can be."""
    if isinstance(document, dict):
        kept = {name: damaged(value, rng) for name, value in document.items() if rng.random() > 0.02}
        return {name: None if rng.random() < 0.01 else value for name, value in kept.items()}
    if isinstance(document, list):
        return [damaged(value, rng) for value in document if rng.random() > 0.02] if len(document) < 40 else document
    if isinstance(document, float) and rng.random() < 0.03:
        return rng.choice(["nan", "inf", "-inf", 0.0, -1.0, 1e308, 1e-308])
    return document


@pytest.mark.parametrize("seed", range(12))
def test_damaged_documents_make_a_page_all_the_same(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    record = rng.choice([initializers, optimizers, searched])()
    statuses = ["diverged", "failed", "running", "stopped", "interrupted", "out_of_memory"]
    trials = []
    for each in record.trials:
        body = damaged(dict(each.document), rng)
        if rng.random() < 0.2:
            body["status"] = rng.choice(statuses)
        trials.append(TrialRecord(each.run_id, body, {}))
    whole = ExecutionRecord(record.name, record.run_id, "1", damaged(dict(record.document), rng), tuple(trials))
    assert write_report([whole], tmp_path).read_text(encoding="utf-8").endswith("</html>")
