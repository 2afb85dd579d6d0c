"""Whole sweeps: the command as a user types it, a real local Ray, a real MLflow store."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sweeps.strategies import STRATEGIES

if TYPE_CHECKING:
    from mlflow.entities import Run

    from tests.workshop import Workshop

STRAY = "raise SystemExit('a stray file of the user was imported')\n"
PLUGIN = '''
"""An optimizer of the user's own that breaks under one learning rate and one that blows up."""
from dataclasses import dataclass
from typing import Annotated
from model.optimizers import OPTIMIZERS, Optimizer
from model.registry import Hyper


@OPTIMIZERS.register("fragile", source="a test")
@dataclass(frozen=True)
class Fragile(Optimizer):
    """Raises, blows up or does nothing, by its learning rate."""

    learning_rate: Annotated[float, Hyper(1e-6, 1e6, scale="log", doc="step size")] = 0.01

    def update(self, weights, gradient, memory, step, *more, **options):
        if self.learning_rate == 3.0:
            raise ZeroDivisionError("of all learning rates, three")
        weights -= self.learning_rate * gradient
'''


def _runs(storage: Path, experiment: str) -> list[Run]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{storage / 'mlflow.sqlite'}")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return [run for run in client.search_runs([found.experiment_id]) if run.data.tags["kurabe.kind"] == "trial"]


def _searched(workshop: Workshop, execution: str) -> dict[str, float]:
    """The values of the trials of the search alone, without confirmations."""
    proposed = [e.body for e in workshop.events(execution, "proposed") if e.body.get("stage", "search") == "search"]
    keys = {trial["key"] for body in proposed for trial in body["trials"]}
    return {key: value for key, value in _objective(workshop, execution).items() if key in keys}


def _champion(storage: Path, name: str) -> dict[str, str]:
    """The tags of the version that is the champion."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{storage / 'mlflow.sqlite'}")
    return dict(client.get_model_version_by_alias(name, "champion").tags)


def _objective(workshop: Workshop, execution: str) -> dict[str, float]:
    return {str(e.trial): e.body["value"] for e in workshop.events(execution, "ended")}


@pytest.mark.parametrize("strategy", STRATEGIES.names())
def test_a_sweep_by_each_strategy_from_a_folder_with_stray_modules(workshop: Workshop, strategy: str) -> None:
    for stray in ("model.py", "sweeps/__init__.py", "cluster/__init__.py", "numpy.py"):
        path = workshop.folder / stray
        path.parent.mkdir(exist_ok=True)
        path.write_text(STRAY, encoding="utf-8")
    workshop.define("mine", strategy=strategy, trials=12, epochs=3)
    reported = strategy == "random"  # the report itself has tests of its own
    output = workshop.run("run", "mine.toml", "--workers", "2", *(() if reported else ("--no-report",)))
    storage = workshop.folder / "kurabe-data"
    assert "compare: sweep ui mine-1" in output
    assert (storage / "mine-1" / "report" / "report.html").is_file() == reported
    values = _objective(workshop, "mine-1")
    runs = _runs(storage, "mine")
    assert len(values) == len(runs) == (10 if strategy == "grid" else 12)
    assert {run.data.tags["kurabe.trial"]: run.data.metrics["validation/loss"] for run in runs} == values
    best = min(values.values())
    assert f"{best:.5g}" in output
    assert 'model:   mine version 1, the champion: mlflow.pyfunc.load_model("models:/mine@champion")' in output
    assert float(_champion(storage, "mine")["kurabe.value"]) == min(_searched(workshop, "mine-1").values())
    rows = json.loads(workshop.run("results", "mine", "--format", "json"))
    assert {row["trial"]: row["validation/loss"] for row in rows} == values


def test_after_the_search_both_processes_train_on(workshop: Workshop) -> None:
    """Between search and confirmation there is a moment without a job, in which Ray Tune would end a process."""
    workshop.define("parted", trials=4, epochs=20, confirm=12)
    workshop.run("run", "parted.toml", "--workers", "2", "--no-report", "--no-tracking")
    proposed = [e.body for e in workshop.events("parted-1", "proposed") if e.body.get("stage") == "confirmation"]
    confirmed = {trial["key"] for body in proposed for trial in body["trials"]}
    ended = workshop.events("parted-1", "ended")
    assert len(confirmed) == 36
    shares = Counter(event.body["pid"] for event in ended if event.trial in confirmed)
    assert len(shares) == len({event.body["pid"] for event in ended}) == 2
    assert min(shares.values()) >= 9


def test_trials_that_raise_or_diverge_are_results_and_the_sweep_goes_on(workshop: Workshop) -> None:
    (workshop.folder / "fragile_lab.py").write_text(PLUGIN, encoding="utf-8")
    text = """
        name = "fragile"
        plugins = ["fragile_lab"]
        [data]
        name = "digits"
        [training]
        optimizer = "fragile"
        epochs = 4
        [search]
        strategy = "grid"
        confirm = 0
        objective_at = "best"
        [space]
        learning_rate = [0.1, 3.0, 1e6, 0.01]
    """
    (workshop.folder / "fragile.toml").write_text(text, encoding="utf-8")
    output = workshop.run("run", "fragile.toml", "--workers", "2", expect=1)
    ends: dict[float, dict[str, Any]] = {}
    keys = {
        t["key"]: e.body["point"]["learning_rate"]
        for e in workshop.events("fragile-1", "proposed")
        for t in e.body["trials"]
    }
    for event in workshop.events("fragile-1", "ended"):
        ends[keys[str(event.trial)]] = event.body
    assert {rate: end["status"] for rate, end in ends.items()} == {
        0.1: "finished",
        0.01: "finished",
        3.0: "failed",
        1e6: "diverged",
    }
    assert "ZeroDivisionError: of all learning rates, three" in ends[3.0]["error"]
    assert ends[1e6]["findings"][0]["name"] == "divergence"
    assert ends[1e6]["value"] is None
    assert "of all learning rates, three" in output
    assert "diverged" in output
    told = Counter(e.body["outcome"]["status"] for e in workshop.events("fragile-1", "told"))
    assert told == {"finished": 2, "failed": 1, "diverged": 1}
    runs = _runs(workshop.folder / "kurabe-data", "fragile")
    assert Counter(run.data.tags["kurabe.status"] for run in runs) == told
    champion = _champion(workshop.folder / "kurabe-data", "fragile")  # a plugin's optimizer is no obstacle
    key, value = champion["kurabe.trial"], float(champion["kurabe.value"])
    (note,) = [event for event in workshop.events("fragile-1", "network") if event.trial == key]
    records = [event for event in workshop.events("fragile-1", "epoch") if event.trial == key and event.epoch]
    losses = {event.epoch: event.body["metrics"]["validation/loss"] for event in records}
    assert losses[note.epoch] == min(losses.values()) == value == note.body["value"]
    kept = next(run.info.run_id for run in runs if run.data.params["learning_rate"] == "0.1")
    told_again = workshop.run("reproduce", kept)  # trained under Ray, and now without, plugin and all
    assert "equal to the last bit" in told_again


def test_a_finished_sweep_is_written_to_mlflow_later_left_alone_and_extended(workshop: Workshop) -> None:
    path = workshop.define("later", trials=3, epochs=2)
    workshop.run("run", str(path), "--workers", "2", "--no-tracking", "--seed", "5", "--set", "search.confirm=0")
    assert not (workshop.folder / "kurabe-data" / "mlflow.sqlite").exists()
    values = _searched(workshop, "later-1")
    key = min(values, key=lambda key: values[key])
    network = workshop.folder / "kurabe-data" / "later-1" / "networks" / f"{key}.npz"
    kept = network.read_bytes()
    network.unlink()
    output = workshop.run("sync", "later")
    assert "3 of 3" in output
    assert "training it again" in output
    assert network.read_bytes() == kept  # to the last bit
    assert "later version 1, the champion" in output
    assert "later version 1, the champion" in workshop.run("status", "later")
    assert len(_runs(workshop.folder / "kurabe-data", "later")) == 3
    assert "report.html" in workshop.run("report", "later")
    assert "finished (trials)" in workshop.run("resume", "later")
    before = _objective(workshop, "later-1")
    workshop.run("resume", "later", "--extend", "2", "--workers", "2", "--no-report")
    after = _objective(workshop, "later-1")
    assert len(after) == 5
    assert float(_champion(workshop.folder / "kurabe-data", "later")["kurabe.value"]) == min(
        _searched(workshop, "later-1").values()
    )
    assert before.items() <= after.items()
    assert len(_runs(workshop.folder / "kurabe-data", "later")) == 5
