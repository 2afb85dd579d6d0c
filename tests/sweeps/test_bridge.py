"""What Ray Tune says of a lost process, and what becomes of its trial's saved training. No cluster is started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from ray.tune.experiment import Trial as TuneTrial

from sweeps.definition import load_definition
from sweeps.execution import MAX_ATTEMPTS, Execution, stopping_rule
from sweeps.journal import Journal
from sweeps.procedure import Procedure
from sweeps.runner.bridge import Live, Results, forget, register
from sweeps.runner.judges import Judges
from sweeps.storage import ExecutionFolder

TEXT = """
[data]
name = "digits"
[search]
strategy = "random"
trials = 2
[space]
learning_rate = { low = 1e-3, high = 1e-1, scale = "log" }
"""


def lost(key: str, attempt: int, folder: Path, words: str) -> TuneTrial:
    """A trial of Tune's whose process has ended, as the callback sees it."""
    (folder / "error.txt").write_text(words, encoding="utf-8")
    config = {"key": key, "attempt": attempt}
    return cast("TuneTrial", SimpleNamespace(config=config, error_file=str(folder / "error.txt"), trial_id="t"))


@pytest.mark.parametrize(("words", "attempts"), [("the node is gone", MAX_ATTEMPTS), ("OutOfMemoryError: killed", 1)])
def test_a_saved_training_goes_with_its_trial_and_not_before(tmp_path: Path, words: str, attempts: int) -> None:
    (tmp_path / "demo.toml").write_text(TEXT, encoding="utf-8")
    definition = load_definition(str(tmp_path / "demo.toml"))
    journal = Journal.create(tmp_path / "journal.sqlite")
    journal.append("opened", {})
    execution = Execution(journal, definition, Procedure(definition, 1), slots=1, data_digest="")
    folder = ExecutionFolder(tmp_path, "demo", 1)
    register("demo-1", Live(execution, 1, Judges(stopping_rule(definition), "minimize"), folder))
    try:
        for attempt in range(1, attempts + 1):
            job = execution.take()
            assert job is not None
            execution.started(job.key, attempt)
            saved = folder.saved / f"{job.key}.npz"
            saved.parent.mkdir(parents=True, exist_ok=True)
            saved.write_bytes(b"a training")
            Results("demo-1").on_trial_error(1, [], lost(job.key, attempt, tmp_path, words))
            assert saved.exists() is (attempt < attempts)
    finally:
        forget("demo-1")
    (end,) = journal.events(kinds=("ended",))
    assert end.body["status"] == ("lost" if attempts > 1 else "out_of_memory")
    journal.close()
