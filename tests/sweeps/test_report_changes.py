"""What a report says that the one before it did not, and `sweep report --fail-on`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.tracking_server import tracking_uri
from sweeps.cli import CHANGED, OK, REFUSED, main
from sweeps.report.changed import Changed, changed, headline
from sweeps.report.evidence import Evidence
from sweeps.report.gathering import gather
from sweeps.tracking import executions_before, project
from tests.sweeps.report_records import OPTIMIZER, RATES, execution, told, trial
from tests.sweeps.tracking_journals import DEFINITION, Sweep, empty_store

LEVELS = [{"name": name, "values": {"optimizer": name}} for name in ("sgd", "adam")]
COMPARISON = {"factor": "optimizer", "levels": LEVELS, "repeats": 4, "confirm": 2, "measure": "test/accuracy"}
WOBBLE = {"sgd": (0.0, 0.002, -0.001, -0.001), "adam": (0.001, -0.002, 0.002, -0.001)}


def compared(name: str, means: dict[str, float], *, repeats: int = 4, broken: int = 0, given: Any = None) -> Evidence:
    """An execution whose levels were confirmed with these mean accuracies, in so many repeats of two replicates."""
    trials: list[dict[str, Any]] = []
    for level, mean in means.items():
        for repeat in range(repeats):
            for replicate in (0, 1):
                record = {"epoch": 1, "metrics": {"test/accuracy": mean + WOBBLE[level][repeat]}, "activations": None}
                point = {"optimizer": level, "learning_rate": 0.1 + repeat}
                body = {"stage": "confirmation", "level": level, "repeat": repeat, "replicate": replicate}
                trials.append(trial(point, **body, records=[record], reason={"kind": "confirmation", "rank": 1}))
    failed = {"status": "failed", "value": None, "error": "Traceback\nValueError: no", "level": "sgd"}
    trials += [trial({"optimizer": "sgd"}, **failed)] * broken
    made = execution(name, trials, [OPTIMIZER, RATES], **(given or {}))
    made.document["definition"]["comparison"] = {**COMPARISON, "repeats": repeats}
    return gather([made])


BEFORE = compared("digits-1", {"sgd": 0.95, "adam": 0.97})


def test_the_same_again_is_no_change() -> None:
    found = changed(BEFORE, compared("digits-2", {"sgd": 0.9502, "adam": 0.9699}))
    assert (found.told, found.judged, found.reason) == ((), True, "")
    assert (found.after, found.before) == ("digits-2", "digits-1")


def test_a_level_that_got_worse_and_one_that_took_its_place() -> None:
    found = changed(BEFORE, compared("digits-2", {"sgd": 0.95, "adam": 0.93}))
    assert found.kinds == ("regression", "new best", "flipped")
    sentences = dict(found.told)
    assert sentences["regression"].startswith("adam got worse by 4.0 points: test accuracy 93.0")
    assert sentences["new best"] == "sgd is the best now; it was adam."
    assert sentences["flipped"] == "sgd beats adam now; it was the other way round."
    better = changed(BEFORE, compared("digits-2", {"sgd": 0.95, "adam": 0.99}))
    assert better.kinds == ("improvement",)


def test_one_search_a_level_cannot_show_a_regression_and_says_so() -> None:
    old, new = (compared(f"digits-{n}", {"sgd": 0.95, "adam": mean}, repeats=1) for n, mean in ((1, 0.97), (2, 0.90)))
    found = changed(old, new)
    assert "regression" not in found.kinds
    assert not found.judged
    assert "comparison.repeats" in found.reason
    assert changed(old, compared("digits-2", {"sgd": 0.95, "adam": 0.9})).kinds == ("incomparable",)


def test_trainings_that_broke_down_are_told_where_none_did_before() -> None:
    found = changed(BEFORE, compared("digits-2", {"sgd": 0.95, "adam": 0.97}, broken=2))
    assert found.told == (("failures", "2 trainings of 18 broke down, none did before: ValueError: no"),)
    again = changed(compared("digits-2", {"sgd": 0.95, "adam": 0.97}, broken=1), compared("digits-3", {}, broken=2))
    assert "failures" not in again.kinds


def test_other_data_and_another_objective_are_not_compared() -> None:
    other = {"data": {"name": "digits", "digest": "cd" * 32, "task": "classification"}}
    found = changed(BEFORE, compared("digits-2", {"sgd": 0.5}, given=other))
    assert found.kinds == ("incomparable",)
    assert "abababababab then, cdcdcdcdcdcd now" in found.told[0][1]
    objective = {"search": {"objective": "validation/accuracy", "direction": "maximize"}}
    assert changed(BEFORE, compared("digits-2", {"sgd": 0.95, "adam": 0.97}, given=objective)).kinds == (
        "incomparable",
    )
    plain = gather([execution("digits-2", [told({"optimizer": "sgd"}, 0.3)], [OPTIMIZER])])
    assert "a plain search" in changed(BEFORE, plain).told[0][1]


def test_a_plain_search_tells_its_best_value_as_a_note() -> None:
    old, new = (
        gather([execution(f"digits-{n}", [told({"optimizer": "sgd"}, v)], [OPTIMIZER])])
        for n, v in ((1, 0.3), (2, 0.2))
    )
    found = changed(old, new)
    assert (found.told, found.judged) == ((), False)
    assert found.notes == ("Best validation loss found: 0.200 (sgd); 0.300 in digits-1.",)
    assert "sgd" in headline(new)


def test_a_definition_that_was_edited_is_named_and_a_seed_is_not() -> None:
    after = compared("digits-2", {"sgd": 0.95, "adam": 0.97}, given={"search": {"seed": 99}})
    assert changed(BEFORE, after).notes == ()
    after.first.definition["fixed"]["epochs"] = 9
    assert changed(BEFORE, after).notes == ("The definition has changed since digits-1: model or training.",)


def test_the_headline_of_a_comparison_is_its_verdict() -> None:
    assert headline(BEFORE).startswith("adam beats sgd by")


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three executions: the second as the first, the third with adam worse; then one that was interrupted."""
    folder = tmp_path_factory.mktemp("storage")
    (folder / "mlflow.sqlite").write_bytes(empty_store())
    definition: dict[str, Any] = {**DEFINITION, "space": [RATES], "comparison": {**COMPARISON, "confirm": 1}}
    for number, adam in enumerate((0.97, 0.97, 0.93, 0.93), 1):
        sweep = Sweep.begin(folder, f"digits-{number}", definition=definition)
        for level, mean in (("sgd", 0.95), ("adam", adam)):
            for repeat, wobble in enumerate(WOBBLE[level]):
                role = {"stage": "confirmation", "level": level, "repeat": repeat}
                (key,) = sweep.propose(role=role, optimizer=level, learning_rate=0.1 + repeat)
                sweep.train(key, epochs=1, layers=0, metrics=("validation/loss",), test__accuracy=mean + wobble)
        sweep.close("interrupted" if number == 4 else "confirmed")
        sweep.journal.close()
        project(sweep.path, tracking_uri(folder), folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["digits-2", "--fail-on", "change"], OK, "digits-2, compared with digits-1:\n  nothing changed"),
        (["digits-3", "--fail-on", "regression"], CHANGED, "regression: adam got worse by 4.0 points"),
        (["digits-3", "--fail-on", "change"], CHANGED, "flipped: sgd beats adam now"),
        (["digits-3", "--fail-on", "failure"], OK, "regression: adam got worse"),
        (["digits-3", "--against", "digits-1"], OK, "digits-3, compared with digits-1:"),
        (["digits-1", "--fail-on", "regression"], OK, "there is no earlier execution"),
        (["digits-3", "--against", "digits-9"], REFUSED, "holds no such execution"),
    ],
)
def test_the_exit_code_tells_what_was_asked_for(
    arguments: list[str], code: int, said: str, storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments, "--storage", str(storage)]) == code
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_what_cannot_be_answered_is_refused_not_passed(
    storage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = Changed("digits-3", "digits-2", (), (), judged=False, reason="one search")
    monkeypatch.setattr("sweeps.report.changed.compare", lambda *_: blind)
    assert main(["report", "digits-3", "--fail-on", "regression", "--storage", str(storage)]) == REFUSED
    assert "--fail-on regression cannot be answered: one search" in capsys.readouterr().err


def test_only_executions_that_came_to_their_end_are_compared_with(storage: Path) -> None:
    uri = tracking_uri(storage)
    assert executions_before(uri, "digits-4") == ("digits-1", "digits-2", "digits-3")
    assert executions_before(uri, "digits-1") == ()
