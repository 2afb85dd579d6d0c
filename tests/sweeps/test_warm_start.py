"""A search that begins with what earlier executions have found: what is taken, what is refused, and its replay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from model.datasets import load
from sweeps.cli import OK, main
from sweeps.cli.warm_start import read_warm_start, warm
from sweeps.definition import Definition, DefinitionError
from sweeps.journal import Journal
from sweeps.space import Point
from tests.sweeps.fake_trainings import bodies, carry_out, definition, execution

DIGEST = "d" * 64
WARM = 'trials = 5\nconfirm = 0\nwarm_start = "demo-1"'


def loss(values: Mapping[str, Any], replicate: int, epoch: int) -> float | str:
    return "nan" if values["learning_rate"] > 0.05 else float(values["learning_rate"])


def earlier(storage: Path, made: Definition, name: str = "demo-1", *, digest: str = DIGEST) -> Journal:
    """A whole execution in a storage folder."""
    (storage / name).mkdir()
    journal = Journal.create(storage / name / "journal.sqlite")
    journal.append(
        "opened", {"execution": name, "definition": made.canonical(), "data": {"digest": digest}, "warm": []}
    )
    running = execution(journal, made)
    carry_out(running, loss)
    return journal


def told(journal: Journal, made: Definition) -> dict[Point, list[float]]:
    """Finished and diverged points of the search with their values."""
    found = {body["number"]: body["outcome"] for body in bodies(journal, "told")}
    proposed = [body for body in bodies(journal, "proposed") if body["stage"] == "search"]
    return {
        Point(body["point"]): found[body["number"]]["values"]
        for body in proposed
        if found[body["number"]]["status"] in ("finished", "diverged")
    }


@pytest.fixture
def before(tmp_path: Path) -> tuple[Path, Definition, Journal]:
    made = definition(tmp_path, "trials = 12\nconfirm = 2")
    storage = tmp_path / "storage"
    storage.mkdir()
    return storage, made, earlier(storage, made)


def test_finished_and_diverged_points_of_the_search_are_told_and_not_asked_for_again(
    before: tuple[Path, Definition, Journal], tmp_path: Path
) -> None:
    storage, old, journal = before
    made = definition(tmp_path, WARM, strategy="gaussian_process")
    given = read_warm_start(made, storage, DIGEST)
    expected = told(journal, old)
    assert len(expected) == 12
    assert 0 < [each["outcome"]["status"] for each in given].count("diverged") < 9
    assert {Point(each["point"]): each["outcome"]["values"] for each in given} == expected
    assert {each["from"] for each in given} == {"demo-1"}
    (storage / "demo-2").mkdir()
    after = Journal.create(storage / "demo-2" / "journal.sqlite")
    after.append("opened", {"execution": "demo-2", "warm": given})
    first = next(iter(after.events(kinds=("opened",)))).body
    carry_out(execution(after, made, warm=warm(first)), loss, trainings=2)
    carry_out(execution(after, made, warm=warm(first)), loss)  # the rest in another process
    reasons = [body["reason"]["kind"] for body in bodies(after, "proposed")]
    assert reasons == ["EI"] * 5  # no random beginning: the model knows enough
    assert not {Point(body["point"]) for body in bodies(after, "proposed")} & expected.keys()
    calm = Journal.create(tmp_path / "calm.sqlite")
    calm.append("opened", {"execution": "demo-2", "warm": given})
    carry_out(execution(calm, made, warm=warm(first)), loss)
    assert [b["point"] for b in bodies(calm, "proposed")] == [b["point"] for b in bodies(after, "proposed")]


def test_a_point_counts_where_its_whole_training_could_be_one_of_this_definition(
    before: tuple[Path, Definition, Journal], tmp_path: Path
) -> None:
    storage, old, journal = before
    every = told(journal, old)
    adam = {point for point in every if point["optimizer"] == "adam"}
    path = tmp_path / "demo.toml"
    narrower = 'trials = 5\nwarm_start = ["demo-1"]'
    made = definition(tmp_path, narrower)
    text = path.read_text()

    def taken(changed: str) -> set[str]:
        path.write_text(changed)
        from sweeps.definition import load_definition

        return {Point(each["point"]).canonical for each in read_warm_start(load_definition(str(path)), storage, DIGEST)}

    assert taken(text) == {point.canonical for point in every}
    fixed = text.replace('optimizer = ["sgd", "momentum", "adam"]\n', "").replace(
        "[training]\n", '[training]\noptimizer = "adam"\n'
    )
    assert taken(fixed) == {Point({"learning_rate": point["learning_rate"]}).canonical for point in adam}
    wider = text + "epochs = [4, 8]\n"
    assert taken(wider.replace("epochs = 4\n", "")) == {Point({**point, "epochs": 4}).canonical for point in every}
    with pytest.raises(DefinitionError, match=r"demo.toml:\d+: search.warm_start: no finished point of demo-1"):
        taken(text.replace("epochs = 4", "epochs = 5"))
    assert made.search.warm_start == ("demo-1",)


@pytest.mark.parametrize(
    ("search", "digest", "words"),
    [
        (WARM, "e" * 64, "its data are others (digest dddddddddddd, here eeeeeeeeeeee)"),
        (WARM + '\nobjective = "train/loss"', DIGEST, 'search.objective is "validation/loss" there, "train/loss" here'),
        (WARM + '\nobjective_at = "best"', DIGEST, 'search.objective_at is "last" there, "best" here'),
        (WARM.replace("demo-1", "demo-7"), DIGEST, "demo-7: no such execution"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_difference(
    before: tuple[Path, Definition, Journal], tmp_path: Path, search: str, digest: str, words: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_warm_start(definition(tmp_path, search), before[0], digest)
    assert words in str(caught.value)
    assert ": search.warm_start: " in str(caught.value)


def test_check_shows_the_first_points_of_the_warm_started_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier(tmp_path, definition(tmp_path, "trials = 4\nconfirm = 0"), digest=load("digits").digest)
    shown = []
    for search in ("trials = 4\nconfirm = 0", 'trials = 4\nconfirm = 0\nwarm_start = "demo-1"'):
        made = definition(tmp_path, search)
        assert main(["check", made.origin, "--storage", str(tmp_path)]) == OK
        shown.append([line for line in capsys.readouterr().out.splitlines() if line.startswith("  #")])
    cold, warmed = shown
    assert len(cold) == len(warmed) == 4
    assert cold != warmed
