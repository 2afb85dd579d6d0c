"""The same trainings through Ray Tune as a user would write them; sweep_overhead.py runs it in a process of its own.

`function` is the documented way (docs.ray.io, "Using MLflow with Tune"): a function that reports each epoch, and
MLflowLoggerCallback. `class` is the fastest that Tune has for short trials: a class Trainable in reused processes,
without Tune's own log files, with one result an epoch and the same callback. Both have Ray connected, the data and the
trainings as ours; their sqlite store is as MLflow opens it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from cluster.connect import connect
from model.datasets import Split, load, split
from model.specification import Specification
from model.training import train

EXPERIMENT = "peer"
STARTS: list[float] = []
ENDS: list[float] = []


def train_function(config: dict[str, Any], data: Split) -> None:
    for record in train(Specification(config), data):
        tune.report(record.metrics)


class TrainClass(tune.Trainable):
    def setup(self, config: dict[str, Any], data: Any = None) -> None:
        self._data = data
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._records, self._last = train(Specification(new_config), self._data), new_config["epochs"]
        return True

    def step(self) -> dict[str, Any]:
        record = next(self._records)
        return {**record.metrics, "done": record.epoch == self._last}


class Clock(tune.Callback):
    """Listed after MLflow's callback, so that what it hears of has been written. Tune pickles it: hence the globals."""

    def on_trial_start(self, iteration: int, trials: Sequence[Trial], trial: Trial, **info: Any) -> None:
        STARTS.append(time.monotonic())

    def on_trial_complete(self, iteration: int, trials: Sequence[Trial], trial: Trial, **info: Any) -> None:
        ENDS.append(time.monotonic())


def tuner(way: str, hyperparameters: list[dict[str, Any]], data: Split, uri: str, folder: Path) -> tune.Tuner:
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    rates = tune.grid_search([each["learning_rate"] for each in hyperparameters])
    callbacks = [MLflowLoggerCallback(tracking_uri=uri, experiment_name=EXPERIMENT), Clock()]
    trainable: Any = train_function if way == "function" else TrainClass
    return tune.Tuner(
        tune.with_parameters(trainable, data=data),
        param_space={**hyperparameters[0], "learning_rate": rates},
        tune_config=tune.TuneConfig(reuse_actors=way == "class"),
        run_config=tune.RunConfig(
            name=way,
            storage_path=str(folder),
            verbose=0,
            callbacks=callbacks,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False if way == "class" else None),
        ),
    )


def main(way: str, folder: str, specifications: str) -> None:
    """Train, and print as JSON: seconds from the first trial's start to the last word in MLflow, and runs there."""
    hyperparameters = [json.loads(each)["hyperparameters"] for each in json.loads(Path(specifications).read_text())]
    if way == "class":
        os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{Path(folder).absolute()}/mlflow.sqlite"
    client = MlflowClient(tracking_uri=uri)
    artifacts = Path(folder).absolute() / "artifacts"
    experiment = client.create_experiment(EXPERIMENT, artifact_location=artifacts.as_uri())
    with connect(slots=2):
        results = tuner(way, hyperparameters, split(load("digits")), uri, Path(folder)).fit()
        assert not results.errors, results.errors
    finished = client.search_runs([experiment], "attributes.status = 'FINISHED'")
    epochs = hyperparameters[0]["epochs"]
    for run in finished:
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == epochs + 1
    sys.stdout.write(json.dumps({"seconds": ENDS[-1] - STARTS[0], "runs": len(finished)}) + "\n")
