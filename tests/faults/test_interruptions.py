"""A sweep that is killed, interrupted or loses processes goes on where it was: nothing finished is lost or repeated."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from model.datasets import load
from model.specification import Specification
from model.splitting import split
from model.training import Training
from sweeps.definition import load_definition
from sweeps.execution import Judged, StoppingRule
from sweeps.runner.judges import Judges
from sweeps.strategies import Outcome, Proposal, make_strategy

if TYPE_CHECKING:
    import subprocess

    import pytest

    from tests.workshop import Workshop

WITHOUT = ("--no-tracking", "--no-report", "--workers", "2")


def _numbers(record: dict[str, Any]) -> str:
    """An epoch record without its seconds, the only number that is not repeatable."""
    metrics = {name: value for name, value in record["metrics"].items() if not name.startswith("seconds/")}
    return json.dumps({**record, "metrics": metrics}, sort_keys=True)


def _assert_as_trained_here(workshop: Workshop, path: Path, execution: str) -> None:
    """Every recorded epoch equals, to the last bit, that of the same trial trained in one piece in this process."""
    data = load_definition(str(path)).data
    parts = split(load(data.name), seed=data.split_seed, validation=data.validation, test=data.test)
    recorded: dict[str, list[str]] = {}
    for event in workshop.events(execution, "epoch"):
        recorded.setdefault(str(event.trial), []).append(_numbers(event.body))
    trials = [trial for event in workshop.events(execution, "proposed") for trial in event.body["trials"]]
    assert {trial["key"] for trial in trials} == set(recorded)
    for trial in trials:
        training = Training(Specification.from_json(json.dumps(trial["specification"])), parts)
        assert recorded[trial["key"]] == [_numbers(json.loads(json.dumps(record.to_dict()))) for record in training]


def _undisturbed_points(workshop: Workshop, path: Path, execution: str) -> list[dict[str, Any]]:
    """The points of a search that is asked and told one at a time in this process, with the recorded outcomes."""
    definition = load_definition(str(path))
    told = {e.body["number"]: e.body["outcome"] for e in workshop.events(execution, "told")}
    strategy = make_strategy(definition.search, definition.space, definition.search.seed or 0)
    points = []
    while isinstance(answer := strategy.ask(), Proposal):
        points.append(answer.point.plain())
        outcome = told[len(points)]
        strategy.tell(answer.point, Outcome.of(outcome))
    return points


def _points(workshop: Workshop, execution: str) -> list[dict[str, Any]]:
    return [event.body["point"] for event in workshop.events(execution, "proposed")]


def test_after_a_sigkill_every_finished_trial_is_kept_and_none_is_repeated(workshop: Workshop) -> None:
    path = workshop.define("killed", trials=8, epochs=60)
    process = workshop.start("run", str(path), *WITHOUT)
    workshop.wait_for(lambda: len(workshop.events("killed-1", "ended")) >= 3, "three trials ended")
    workshop.kill(process)
    before = {e.trial: e.body for e in workshop.events("killed-1", "ended")}
    assert "killed" in workshop.run("status", "killed")
    workshop.run("resume", "killed", *WITHOUT)
    after = {e.trial: e.body for e in workshop.events("killed-1", "ended")}
    assert before.items() <= after.items()
    assert Counter(body["status"] for body in after.values()) == {"finished": 8}
    starts = Counter(e.trial for e in workshop.events("killed-1", "started"))
    assert all(starts[key] == 1 for key in before)
    assert _points(workshop, "killed-1") == _undisturbed_points(workshop, path, "killed-1")
    _assert_as_trained_here(workshop, path, "killed-1")


def _words_of_ray(process: subprocess.Popen[str]) -> str:
    """Command lines of all that a running command has started, and what Ray has logged so far."""
    lines = [" ".join(each.cmdline()) for each in psutil.Process(process.pid).children(recursive=True)]
    sessions = {found[0] for line in lines for found in re.finditer(r"/[^\s=]*/session_\d[\w-]+", line)}
    logs = [file.read_text(errors="replace") for place in sessions for file in Path(place, "logs").rglob("*.log")]
    return "\n".join([*lines, *logs])


def test_a_killed_trial_process_continues_from_its_last_saved_epoch(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3/S3cret+word")  # which Ray Tune by itself would pass on
    path = workshop.define("loses", trials=1, epochs=6000)
    process = workshop.start("run", str(path), "--no-tracking", "--no-report", "--workers", "1")
    workshop.wait_for(lambda: bool(workshop.events("loses-1", "saved")), "a saved training", 90)
    saved = workshop.events("loses-1", "saved")[0].epoch or 0
    workshop.wait_for(lambda: (workshop.events("loses-1", "epoch")[-1].epoch or 0) > saved, "epochs beyond it")
    workers = workshop.workers(process)
    assert len(workers) == 1
    told = _words_of_ray(process)
    assert "Creating runtime env" in told
    assert "S3cret" not in told
    os.kill(workers[0], signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert [(e.kind, e.attempt) for e in workshop.events("loses-1", "started", "lost", "ended")] == [
        ("started", 1),
        ("lost", 1),
        ("started", 2),
        ("ended", 2),
    ]
    second = [e.epoch or 0 for e in workshop.events("loses-1", "epoch") if e.attempt == 2]
    assert min(second) > saved
    _assert_as_trained_here(workshop, path, "loses-1")


def test_a_lost_process_is_replaced_though_the_other_has_trials_shorter_than_a_start(workshop: Workshop) -> None:
    path = workshop.define("halved", trials=120, epochs=30)
    process = workshop.start("run", str(path), *WITHOUT)
    workshop.wait_for(lambda: len(workshop.events("halved-1", "ended")) >= 6, "six trials ended")
    lost = workshop.events("halved-1", "ended")[-1].body["pid"]
    os.kill(lost, signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == 0
    ended = workshop.events("halved-1", "ended")
    assert {event.body["status"] for event in ended} == {"finished"}
    last = Counter(event.body["pid"] for event in ended[-40:])
    assert lost not in last
    assert len(last) == 2
    assert min(last.values()) >= 10


def test_ctrl_c_saves_what_runs_and_the_sweep_resumes(workshop: Workshop) -> None:
    path = workshop.define("stopped", trials=2, epochs=1200)
    process = workshop.start("run", str(path), "--no-report", "--workers", "2")
    workshop.wait_for(lambda: len({e.trial for e in workshop.events("stopped-1", "epoch")}) == 2, "two running trials")
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert process.returncode == 130
    assert "resume:  sweep resume stopped-1" in output
    saved = {e.trial: e.epoch for e in workshop.events("stopped-1", "saved")}
    recorded = Counter(e.trial for e in workshop.events("stopped-1", "epoch"))
    assert {key: count - 1 for key, count in recorded.items()} == saved
    assert not workshop.events("stopped-1", "ended")
    trainings = workshop.folder / "kurabe-data" / "stopped-1" / "saved"
    assert {file.stem for file in trainings.iterdir()} == set(saved)
    workshop.run("resume", "stopped", "--no-report", "--workers", "2")
    assert not list(trainings.iterdir())  # a trial that has ended leaves none
    assert {e.attempt for e in workshop.events("stopped-1", "ended")} == {2}
    assert Counter(e.trial for e in workshop.events("stopped-1", "epoch")) == dict.fromkeys(saved, 1201)


def test_two_signals_end_it_at_once(workshop: Workshop) -> None:
    path = workshop.define("twice", trials=2, epochs=100_000)
    process = workshop.start("run", str(path), *WITHOUT)
    workshop.wait_for(lambda: bool(workshop.events("twice-1", "epoch")), "a running trial")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 5
    assert "sweep resume twice-1" in output


def _assert_stopped_as_judged_here(workshop: Workshop, execution: str, judges: Judges, points: tuple[int, ...]) -> None:
    """Every trial of a serial sweep was stopped where, and only where, Ray's scheduler says so in this process."""
    losses = {
        (str(e.trial), e.epoch): e.body["metrics"]["validation/loss"] for e in workshop.events(execution, "epoch")
    }
    for event in workshop.events(execution, "ended"):
        key, end = str(event.trial), event.body
        seen = [epoch for epoch in points if epoch <= end["epochs"]]
        answers = [judges.stops(Judged(("", 0, 0), key, epoch, losses[key, epoch])) for epoch in seen]
        assert answers == [False] * (len(seen) - 1) + [end["status"] == "stopped"]
        assert end["status"] == "finished" or (end["epochs"], end["value"]) == (seen[-1], losses[key, seen[-1]])
        assert (key, end["epochs"] + 1) not in losses


def test_a_serial_gaussian_process_search_resumes_onto_the_very_same_points(workshop: Workshop) -> None:
    serial = ("--no-tracking", "--no-report", "--workers", "1")
    path = workshop.define("broken", strategy="gaussian_process", trials=14, epochs=30)
    process = workshop.start("run", str(path), *serial, "--set", "search.stop=asha")
    workshop.wait_for(lambda: len(workshop.events("broken-1", "ended")) >= 11, "some results of the model")
    workshop.kill(process)
    before = {e.trial: e.body for e in workshop.events("broken-1", "ended")}
    workshop.run("resume", "broken", *serial)
    points = _points(workshop, "broken-1")
    assert points == _undisturbed_points(workshop, path, "broken-1")
    assert len(points) == 14
    after = {e.trial: e.body for e in workshop.events("broken-1", "ended")}
    assert before.items() <= after.items()
    assert Counter(body["status"] for body in before.values()).keys() == {"finished", "stopped"}
    judges = Judges(StoppingRule("asha", 4, 3, 30), "minimize")
    _assert_stopped_as_judged_here(workshop, "broken-1", judges, (4, 12))


def test_a_second_sweep_of_the_same_name_is_refused_while_the_first_runs(workshop: Workshop) -> None:
    path = workshop.define("busy", trials=2, epochs=100_000)
    process = workshop.start("run", str(path), *WITHOUT)
    workshop.wait_for(lambda: bool(workshop.events("busy-1", "opened")), "the journal's first event")
    assert "busy: already running" in workshop.run("run", str(path), *WITHOUT, expect=2)
    assert f'"process": {process.pid}' in workshop.run("resume", "busy", expect=2)
