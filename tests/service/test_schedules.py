"""A schedule from the command line, with a real sweep, killed in the middle of it."""

from __future__ import annotations

from mlflow.tracking import MlflowClient

from cluster.tracking_server import tracking_uri
from tests.workshop import Workshop


def test_killed_while_its_sweep_runs_the_next_start_waits_for_that_and_makes_the_one_report(workshop: Workshop) -> None:
    path = workshop.define("tiny", epochs=2, trials=2, confirm=2)
    arguments = ("schedule", "0 7 * * 1", str(path), "--run", "--once", "--timezone", "Europe/Berlin", "--workers", "1")
    first = workshop.start(*arguments)
    workshop.wait_for(lambda: bool(workshop.events("tiny-1", "opened")), "the sweep has begun")
    workshop.kill(first)
    said = workshop.run(*arguments)
    assert "going on with what was under way" in said
    assert "tiny is being run already; waiting for its end" in said
    storage = workshop.folder / "kurabe-data"
    assert [each.name for each in sorted(storage.glob("tiny-*"))] == ["tiny-1"]
    (page,) = (storage / "reports/tiny").glob("2*/report.html")
    (opened,) = workshop.events("tiny-1", "opened")
    assert opened.body["seed"] != 3  # the definition's own would make it no new evidence
    assert len(workshop.events("tiny-1", "resumed")) == 0
    assert len(workshop.events("tiny-1", "ended")) == 2 + 2 * 2
    client = MlflowClient(tracking_uri(storage))
    experiment = client.get_experiment_by_name("kurabe-reports")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.tags["kurabe.executions"]) == ("FINISHED", "tiny-1")
    assert f"{page.parent.name}/report.html" in (storage / "reports/tiny/index.html").read_text()
