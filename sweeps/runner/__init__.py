"""Run an execution's jobs on Ray Tune. The only part of `sweeps` that imports ray."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from model.splitting import Split
from sweeps.execution import Execution
from sweeps.storage import ExecutionFolder

INTERRUPTED_SECONDS = 9.0  # after Ctrl-C, how long running trials have to come to the end of an epoch and be saved

# Tune's own files, texts and checkpoints repeat what the journal does better, at a cost for each trial.
_TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_WARN_THRESHOLD_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


def run_execution(
    execution: Execution,
    data: Split,
    *,
    slots: int,
    folder: ExecutionFolder,
    plugins: tuple[tuple[str, ...], str] = ((), ""),
) -> str:
    """Run until the execution is finished or interrupted, and return why it ended.

    SIGINT and SIGTERM end it in order: no new trials, running ones saved, within INTERRUPTED_SECONDS; a second one at
    once.

    Args:
        data: travels once into the object store, where every worker reads it without copying.
        slots: trials at a time.
        folder: where saved trainings and the networks of the best trials are kept.
        plugins: names of the user's modules that register more choices, and the folder where they are looked for last.
    """
    os.environ.update(_TUNE_SETTINGS)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots + 1)  # the jobs handed out ahead, and one that waits
    import ray
    from ray import tune
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from sweeps.runner.bridge import Finished, Jobs, Live, Results, Scheduler, forget, register
    from sweeps.runner.judges import Judges
    from sweeps.runner.receiver import Receiver
    from sweeps.runner.trainable import Trial

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    receiver = (
        ray.remote(num_cpus=0)(Receiver)
        .options(scheduling_strategy=here)
        .remote(str(execution.journal.path), str(folder.saved), str(folder.networks))
    )
    name = str(execution.journal.path)
    judges = Judges(execution.stopping_rule, execution.objective.direction)
    judges.remember(execution.judged())
    register(name, Live(execution, slots, judges, folder, spare=ray.cluster_resources().get("CPU", 0) > slots))
    with (
        tempfile.TemporaryDirectory(prefix="kurabe-tune-") as scratch,
        _orderly_end(execution, receiver, folder.execution),
        _prepared(execution, slots),
    ):
        tuner = tune.Tuner(
            tune.with_parameters(
                Trial,
                data=data,
                receiver=receiver,
                plugins=plugins,
                objective=execution.objective,
            ),
            tune_config=tune.TuneConfig(
                search_alg=Jobs(name),
                scheduler=Scheduler(name),
                num_samples=-1,
                reuse_actors=True,
                metric=None,
                trial_name_creator=lambda trial: trial.trial_id,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="trials",
                storage_path=scratch,
                verbose=0,
                callbacks=[Results(name)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
                stop=Finished(name),
                log_to_file=False,
            ),
        )
        try:
            tuner.fit()
        finally:
            forget(name)
    return execution.why


@contextlib.contextmanager
def _prepared(execution: Execution, slots: int) -> Iterator[None]:
    """While trials run, have the next points ready, so that no slot waits for the strategy."""
    if slots == 1:
        yield  # serial: each point sees every earlier result
        return
    over = threading.Event()

    def prepare() -> None:
        while not over.is_set():
            execution.wait_for_news(0.5)
            execution.prepare()

    thread = threading.Thread(target=prepare, name="prepare points", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        execution.wake()
        thread.join()


@contextlib.contextmanager
def _orderly_end(execution: Execution, receiver: Any, name: str) -> Iterator[None]:
    """Answer SIGINT and SIGTERM for as long as trials run."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if execution.stopping:
            end_at_once("a second signal")
        execution.stop("interrupted")
        receiver.stop.remote()
        deadline = threading.Timer(
            INTERRUPTED_SECONDS, end_at_once, args=(f"not in order within {INTERRUPTED_SECONDS:g} s",)
        )
        deadline.daemon = True
        deadline.start()
        timers.append(deadline)

    def end_at_once(why: str) -> None:
        # The journal is whole at any moment, nothing needs to be put in order. Written past Python's buffers, which a
        # signal may have come upon half-way.
        os.write(2, f"ended at once ({why}); to go on: sweep resume {name}\n".encode())
        os._exit(130)

    timers: list[threading.Timer] = []
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()
