"""What runs inside a worker process: one Ray Tune trainable that trains one trial after another."""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Mapping
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError

from model.diagnosis import diagnose
from model.plugins import load_plugins
from model.specification import Specification
from model.splitting import Split
from model.training import EpochRecord, Training
from sweeps.environment import describe_process
from sweeps.objective import START, Objective

# One result of Tune carries the epochs of this long, at first and at most; the longer a trial, the longer each.
# A result costs it 10 ms: one an epoch would double the cost of short trials, one each 0.25 s costs long ones 4 %.
FIRST_STEP_SECONDS, STEP_SECONDS = 0.25, 1.0
START_SECONDS = 10.0  # how long a process waits for the others before it begins alone
WAIT_SECONDS = 0.1  # at most between two questions of a process that waits for a job
SAVE_SECONDS = 5.0  # how much training a lost process may cost

Plugins = tuple[tuple[str, ...], str]  # names of the user's modules, and the folder where they are looked for last


class Trial(tune.Trainable):
    """Trains what its configuration says and yields batches of epoch records.

    Configuration: `processes` (how many are to have begun, with those that were lost), and either `waits` (only keep
    the process) or `key`, `attempt`, `specification` (JSON), `continues` (an earlier attempt may have left a saved
    training), `to_beat` (the best value of all trials that had ended when this one was handed out), `decisions` (the
    epochs at which the scheduler is asked whether it goes on). Each result holds `payload`, JSON bytes: `records`, and
    when the attempt is over `end` or `put_down`; at a decision point also `epoch` and `value` for the scheduler, and
    in the payload, as `so_far`, what its end would say. A training that raises is a result, not an error: the process
    stays and takes the next trial. Only the loss of the process itself reaches Tune as an error, so the two can never
    be confused.
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """One core a trial, whatever a machine calls its cores."""
        return tune.PlacementGroupFactory([{"CPU": 1}])

    def setup(  # type: ignore[override]  # tune.with_parameters adds these arguments
        self, config: dict[str, Any], data: Split, receiver: Any, plugins: Plugins, objective: Objective
    ) -> None:
        """Called once a process; `data` is read in place from the object store."""
        self._data = data
        self._plugins = plugins
        self._objective = objective
        self._receiver = receiver
        self._met = 1  # how many processes are known to have begun
        # A host may run several nodes, and hosts in different places may share a name: the pair tells them apart.
        self._environment = describe_process()
        self._node = f"{os.uname().nodename}:{ray.get_runtime_context().get_node_id()[:8]}"
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        self._begin(new_config)
        return True

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._waited = 0
        if config.get("waits"):
            return
        self._key, self._attempt = str(config["key"]), int(config["attempt"])
        self._training: Training | None = None
        self._records: list[dict[str, Any]] = []
        self._seconds = 0.0
        self._saved_at = 0.0
        self._course = START
        self._held: tuple[float, int, bytes] | None = None  # the objective's value, at which epoch, the network there

    def step(self) -> dict[str, Any]:
        """Train about as long again as until now, to the next decision point, or to the end."""
        self._wait_for_the_others()
        if self._config.get("waits"):
            return self._wait()
        begun, first_new = time.monotonic(), len(self._records)
        payload: dict[str, Any] = {"node": self._node, "pid": os.getpid()}
        shown: dict[str, Any] = {}
        try:
            over = self._train_until(begun + min(max(FIRST_STEP_SECONDS, self._seconds), STEP_SECONDS))
            self._seconds += time.monotonic() - begun
            if over:
                payload["end"] = self._end()
            elif self._save_or_put_down():
                payload["put_down"] = True
            elif (value := self._objective.value(self._course)) is not None and self._at_a_decision():
                shown = {"epoch": self._records[-1]["epoch"], "value": value}
                payload["so_far"] = {"findings": self._findings(), **self._spent()}
        except MemoryError:
            payload["end"] = {"status": "out_of_memory", "error": traceback.format_exc()}
        except Exception:  # noqa: BLE001  # whatever a trial or a user's plugin raises is that trial's result; the sweep goes on
            payload["end"] = {"status": "failed", "error": traceback.format_exc()}
        if "end" in payload:
            payload["end"] |= self._spent()
            self._training = None
        payload["records"] = self._records[first_new:]
        encoded = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
        return {"payload": encoded, "done": "end" in payload or "put_down" in payload, **shown}

    def _spent(self) -> dict[str, Any]:
        epochs = max(0, len(self._records) - 1)
        return {"seconds": self._seconds, "epochs": epochs, "environment": self._environment}

    def _at_a_decision(self) -> bool:
        return bool(self._records) and self._records[-1]["epoch"] in self._config["decisions"]

    def _wait(self) -> dict[str, Any]:
        """Wait for a job, which only the scheduler can know of: ask it at once, then less and less often."""
        # Tune answers a result by asking for the next one or by ending the trial, and can wake no process: without a
        # pause this one would ask without end, and take the driver's core and its own from the trials that train.
        time.sleep(min(WAIT_SECONDS, WAIT_SECONDS / 64 * self._waited))
        self._waited = 2 * self._waited or 1
        return {}

    def _wait_for_the_others(self) -> None:
        """Begin together: Tune drops a process that is still starting when an earlier one has become free again, and
        with short trials that would leave one process to do all the work. Again after a process was lost."""
        wanted = self._config["processes"]
        deadline = time.monotonic() + START_SECONDS
        while self._met < wanted and time.monotonic() < deadline:
            if ray.get(self._receiver.arrive.remote(self._node, os.getpid())) >= wanted:
                break
            time.sleep(0.02)  # another process's start is awaited; the receiver cannot wake this one
        self._met = max(self._met, wanted)

    def _train_until(self, deadline: float) -> bool:
        """Train epoch by epoch; `True` when the training is over."""
        if self._training is None:
            self._training = self._start()
            if self._at_a_decision():  # saved there by an attempt that may have ended before it was judged
                return False
        for record in self._training:
            self._records.append(record.to_dict())
            self._follow(self._records[-1])
            if time.monotonic() >= deadline or (self._at_a_decision() and not self._training.diverged):
                return False
        return True

    def _follow(self, record: Mapping[str, Any]) -> None:
        """Keep an eye on the objective; where its best epoch counts, hold on to the network of that epoch."""
        self._course = self._objective.follow(self._course, record)
        if self._objective.at == "best":
            self._hold()

    def _hold(self) -> None:
        """Hold on to the network as it is now, if that would make it the best of all trials that have ended."""
        value = self._objective.value(self._course)
        beats = self._objective.better(value, self._config["to_beat"])
        if value is not None and beats and self._training is not None and self._objective.is_of(self._course):
            self._held = value, self._training.epoch, self._training.trained()

    def _offer(self) -> None:
        """Leave the network of a finished training with the receiver, if it is the best so far: few are."""
        if self._objective.at == "last":
            self._hold()
        if self._held is not None and self._held[0] == self._objective.value(self._course):
            value, epoch, network = self._held
            with contextlib.suppress(RayError):  # no fault of the trial's; `sweep sync` trains it again if it is needed
                ray.get(self._receiver.keep_network.remote(self._key, self._attempt, epoch, value, network))

    def _start(self) -> Training:
        load_plugins(*self._plugins)
        specification = Specification.from_json(self._config["specification"])
        if self._config["continues"]:
            saved, self._records = ray.get(self._receiver.resume.remote(self._key))
            if saved is not None:
                for record in self._records:
                    self._course = self._objective.follow(self._course, record)
                return Training.restore(saved, specification, self._data)
            self._records = []
        return Training(specification, self._data)

    def _end(self) -> dict[str, Any]:
        diverged = self._training is not None and self._training.diverged
        if not diverged:
            self._offer()
        return {"status": "diverged" if diverged else "finished", "findings": self._findings()}

    def _findings(self) -> list[dict[str, Any]]:
        records = [EpochRecord.from_dict(record) for record in self._records]
        findings = diagnose(records, Specification.from_json(self._config["specification"]))
        return [{"name": f.name, "epoch": f.epoch, "summary": f.summary, "advice": f.advice} for f in findings]

    def _save_or_put_down(self) -> bool:
        """Ask the driver whether to go on; leave a saved training there when it is due. `True` when the attempt is put
        down."""
        put_down = bool(ray.get(self._receiver.is_stopping.remote()))
        if self._training is not None and (put_down or self._seconds - self._saved_at >= SAVE_SECONDS):
            epoch = int(self._records[-1]["epoch"])
            ray.get(self._receiver.keep.remote(self._key, self._attempt, epoch, self._records, self._training.save()))
            self._saved_at = self._seconds
        return put_down
