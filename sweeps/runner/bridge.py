"""Between Ray Tune and an execution: a searcher that hands out jobs, a callback that brings results back, and a
scheduler that chooses what runs next and stops trials early.

Tune copies (pickles) what it is given when it is constructed, so none of them holds anything alive: they find the
running execution by name in this process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweeps.execution import Execution, Judged
from sweeps.runner.judges import Judges
from sweeps.storage import ExecutionFolder

_LIVE: dict[str, Live] = {}


@dataclass
class Live:
    """What belongs to this process alone.

    Tune ends the process of a trial that ends while no other trial waits for one, and drops a process that is still
    starting when another has become free. With trials shorter than a start that would leave one process to do all the
    work. So as many jobs as there are slots are handed out ahead; where there is no job, a trial that only waits keeps
    its place (`waiting`); and who begins a trial after a process was lost waits for the new one (`processes`).

    Where a cluster has more cores than slots (`spare`), a job handed out ahead would begin on one at once: there only
    trials that wait are ahead.
    """

    execution: Execution
    slots: int
    judges: Judges
    folder: ExecutionFolder
    spare: bool = False
    waiting: dict[str, bool] = field(default_factory=dict)  # trials that only wait, and whether they have begun
    lost: int = 0  # processes

    @property
    def ahead(self) -> int:
        """How many jobs are handed out before a slot is free. One slot alone keeps its process anyhow."""
        return 0 if self.spare or self.slots == 1 else self.slots

    @property
    def processes(self) -> int:
        """How many processes are to have begun."""
        return self.slots + self.lost

    @property
    def has_work(self) -> bool:
        """Whether a trial that only waits should give way."""
        return self.execution.finished or self.execution.stopping or self.execution.has_jobs


WAITING = {"waits": True}  # in the configuration of a trial that only keeps its process alive


def is_waiting(config: Mapping[str, Any]) -> bool:
    """Whether a trial of Tune's is none of ours: it waits until there is a job."""
    return bool(config.get("waits"))


def register(name: str, live: Live) -> None:
    """Make an execution known under a name for as long as it runs here."""
    _LIVE[name] = live


def forget(name: str) -> None:
    """Drop a name."""
    _LIVE.pop(name, None)


class Jobs(Searcher):
    """Hands Tune the execution's next job. What a trial's result means is none of its business."""

    def __init__(self, name: str) -> None:
        super().__init__(metric="payload", mode="min")
        self._name = name

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job, None when there is none at this moment, FINISHED (a text, whatever Ray's annotation says)."""
        live = _LIVE[self._name]
        execution = live.execution
        if execution.finished:
            return Searcher.FINISHED  # type: ignore[return-value]  # Ray annotates the dict alone
        if len(execution.running) >= live.slots + live.ahead:
            return self._wait(live, trial_id) if live.spare else None
        job = execution.take()
        if job is None and not execution.running:
            # Tune sleeps for a whole second when nothing runs and nothing is suggested: find out now.
            execution.prepare()
            job = execution.take()
            if job is None and execution.finished:
                return Searcher.FINISHED
        if job is None:
            return self._wait(live, trial_id)
        return {
            "processes": live.processes,
            "key": job.key,
            "attempt": job.attempt,
            "specification": job.specification.to_json(),
            "continues": job.continues,
            "to_beat": execution.to_beat(job.key),
            "decisions": list(job.decisions),
        }

    @staticmethod
    def _wait(live: Live, trial_id: str) -> dict[str, Any] | None:
        """A trial that waits: one ahead, and at most one a slot. On spare cores they always wait: two are enough."""
        most = 1 if live.spare else live.slots
        if live.slots == 1 or len(live.waiting) > most or not all(live.waiting.values()):
            return None
        live.waiting[trial_id] = False
        return {"processes": live.processes, **WAITING}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: results come by the callback, once."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is this searcher's only state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class Scheduler(FIFOScheduler):
    """Which trial runs next, and whether one goes on.

    At its decision points a trial's group's judge is asked. The answer is journalled with the epochs that it is about,
    in one transaction, by `Results`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray's own has no annotations
        self._name = name
        self._pending: list[TuneTrial] = []

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """A trial was handed out."""
        self._pending.append(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """The first that has not begun; one that only waits comes last."""
        self._pending = [trial for trial in self._pending if trial.status == TuneTrial.PENDING]
        return min(self._pending, key=lambda trial: is_waiting(trial.config), default=None)

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """STOP or CONTINUE; a result that is no decision point brings no value."""
        live = _LIVE[self._name]
        if is_waiting(trial.config):
            return TrialScheduler.STOP if live.has_work else TrialScheduler.CONTINUE
        if "value" not in result:
            return TrialScheduler.CONTINUE
        key = trial.config["key"]
        point = Judged(live.execution.group(key), key, int(result["epoch"]), float(result["value"]))
        return TrialScheduler.STOP if live.judges.stops(point) else TrialScheduler.CONTINUE


class Results(tune.Callback):
    """Brings to the execution what Tune hears from trials."""

    def __init__(self, name: str) -> None:
        self._name = name

    def on_trial_start(self, iteration: int, trials: Sequence[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        live = _LIVE[self._name]
        if is_waiting(trial.config):
            live.waiting[trial.trial_id] = True
        else:
            live.execution.started(trial.config["key"], trial.config["attempt"])

    def on_trial_result(
        self, iteration: int, trials: Sequence[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        if is_waiting(trial.config):
            return
        live = _LIVE[self._name]
        execution = live.execution
        key, attempt = trial.config["key"], trial.config["attempt"]
        payload = json.loads(result["payload"])
        where = {name: payload[name] for name in ("node", "pid")}
        end = payload.get("end")
        if end is None and result["done"] and not payload.get("put_down"):  # the scheduler has just said so
            end = {**payload["so_far"], "status": "stopped"}
        if execution.reported(key, attempt, payload["records"], end=end, where=where) and end is not None:
            live.folder.drop_saved(key)
        if payload.get("put_down"):
            execution.interrupted(key, attempt)

    def on_trial_complete(self, iteration: int, trials: Sequence[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        _LIVE[self._name].waiting.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: Sequence[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        live = _LIVE[self._name]
        live.lost += 1
        if is_waiting(trial.config):
            live.waiting.pop(trial.trial_id, None)
            return
        execution = live.execution
        key, attempt = trial.config["key"], trial.config["attempt"]
        why = _last_words(trial)
        if "OutOfMemoryError" in why:  # Ray's memory monitor ended the process; Tune keeps the error's text alone
            end = {"status": "out_of_memory", "error": why, "seconds": 0.0, "epochs": 0}
            ended = execution.reported(key, attempt, [], end=end)
        else:
            ended = execution.lost(key, attempt, why)
        if ended:
            live.folder.drop_saved(key)


def _last_words(trial: TuneTrial) -> str:
    """What Tune wrote down about the loss of a trial's process, in one line."""
    try:
        text = Path(trial.error_file or "").read_text(encoding="utf-8")
    except OSError:
        return "the process ended"
    return " ".join(text.split())[:1000]


class Finished(tune.Stopper):
    """Ends Tune's loop after an interruption, when the last running trial was put down."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        live = _LIVE.get(self._name)
        return live is not None and live.execution.stopping and live.execution.finished
