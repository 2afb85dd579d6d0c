"""Wrong comparisons: each mistake with its line and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.definition import load_definition
from tests.sweeps.definitions_refused import GOOD, line_of, refused

COMPARED = (
    GOOD.replace("trials = 7\n", "")
    + """
[comparison]
factor = "optimizer"
tune = ["learning_rate", "momentum", "dropout"]
trials_per_level = 8
repeats = 3
confirm = 4
worth = 0.01
"""
)
TABLES = """
[comparison.levels.a]
weight_decay.strength = 0.0
[comparison.levels.b]
weight_decay.norm = "l1"
weight_decay.strength = 1e-3
"""

# what is replaced, by what, at which part the mistake is seen, and what it says
# fmt: off
CASES = [
    ('factor = "optimizer"\n', "", "tune", "comparison.tune: factor is missing: what is compared"),
    ('factor = "optimizer"', 'factor = "optimzer"', "factor",
     'comparison.factor: "optimzer" is no choice of [space]', "did you mean `optimizer`?"),
    ('factor = "optimizer"', 'factor = "learning_rate"', "factor",
     "learning_rate is searched over a range; list its levels in comparison.levels"),
    ('["sgd", "momentum", "adam"]', '["adam"]', "factor", "a comparison needs at least two levels, got 1"),
    ('"momentum", "dropout"]', '"momentum"]', "dropout = [",
     "space.dropout: is searched, but neither the factor nor in comparison.tune"),
    ('"dropout"]', '"droput"]', "tune", 'comparison.tune: "droput" is not searched in [space]',
     "did you mean `dropout`?"),
    ("trials_per_level = 8\n", "", "[comparison]",
     "comparison.trials_per_level: is missing: the number of points each level may try"),
    ('strategy = "random"', 'strategy = "random"\ntrials = 7', "trials = 7",
     "search.trials: a comparison's budget is comparison.trials_per_level"),
    ('strategy = "random"', 'strategy = "random"\nconfirm = 7', "confirm = 7",
     "search.confirm: a comparison is confirmed by comparison.confirm"),
    ("repeats = 3", "repeats = 0", "repeats", "comparison.repeats: expected a whole number from 1 to 1,000, got 0"),
    ("confirm = 4", "confirm = 1", "confirm", "comparison.confirm: expected a whole number from 2 to 1,000, got 1"),
    ("worth = 0.01", "worht = 0.01", "worht", "comparison.worht: unknown key", "did you mean `worth`?"),
    ("worth = 0.01", 'levels = ["adam", "sgd"]', "levels",
     "comparison.levels: optimizer is searched in [space], too; keep one of them"),
    ("worth = 0.01", "levels = 3", "levels", "comparison.levels: expected a list of values, or tables"),
    ('name = "digits"', 'name = "digits"\ntest = 0.0', "test = 0.0",
     "data.test: a confirmation is judged on the test part; expected data.test above 0"),
    ("worth = 0.01", TABLES.replace("weight_decay.norm", "weight_decay.norn"), "weight_decay.norn",
     'unknown hyper-parameter "weight_decay.norn"'),
    ("worth = 0.01", TABLES.replace("1e-3", "-1"), "weight_decay.strength = -1", "expected a number"),
    ("worth = 0.01", TABLES.replace('"l1"', '"l7"'), 'weight_decay.norm = "l7"', "expected one of"),
    ("worth = 0.01", TABLES + 'strategy = "rnadom"\n', 'strategy = "rnadom"', "did you mean `random`?"),
    ("worth = 0.01", TABLES + "[comparison.levels.c]\n", "[comparison.levels.c]",
     "a level sets at least one hyper-parameter"),
    ("worth = 0.01", TABLES.replace("weight_decay.norm", "activation").replace('"l1"', '"tanh"')
     + "[comparison.levels.d]\nweight_decay.strength = 0.0\n", "[comparison.levels.d]",
     "comparison.levels.d: is the same as level a"),
    ("worth = 0.01", TABLES.replace("weight_decay.strength = 0.0", "epochs = 9"), "[comparison.levels.a]",
     "comparison.levels.a: sets epochs, which is fixed elsewhere, too"),
    ("worth = 0.01", TABLES.replace("levels.a", 'levels."../a"'), "[comparison.levels", "names a level; allowed"),
]
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1][:30])
def test_each_mistake_is_told_at_its_line(tmp_path: Path, case: tuple[str, ...]) -> None:
    old, new, part, *words = case
    text = COMPARED.replace(old, new, 1)
    lines = refused(tmp_path, text)
    assert any(all(word in line for word in words) for line in lines), lines
    assert any(line.startswith(f":{line_of(part, text)}: ") for line in lines), lines


def test_the_budget_of_the_command_line_is_that_of_each_level(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(COMPARED)
    definition = load_definition(str(path), [("search.trials", "2"), ("comparison.repeats", "1")])
    assert definition.comparison is not None
    assert (definition.comparison.trials_per_level, definition.comparison.repeats) == (2, 1)
    assert definition.search.trials == 2


def test_a_comparison_of_what_is_given_has_no_budget(tmp_path: Path) -> None:
    text = '[data]\nname = "digits"\n[space]\noptimizer = ["sgd", "adam"]\n[comparison]\nfactor = "optimizer"\n'
    (told,) = refused(tmp_path, text + "repeats = 3\n")
    assert told.startswith(":7: comparison.repeats: nothing is tuned")


STRATEGIES = """[data]
name = "digits"
[search]
strategy = "random"
[space]
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
batch_size = { low = 1, high = 1000, points = 1000 }
epochs = { low = 1, high = 500, points = 500 }
[comparison]
factor = "strategy"
levels = ["random", "grid"]
confirm = 2
"""
TIED = (
    "dropout = { choices = [0.0, 0.1], when = { batch_size = [5], epochs = [5] } }\n[comparison]\ntrials_per_level = 9"
)


def test_a_grid_as_a_level_is_refused_like_any_other(tmp_path: Path) -> None:
    text = STRATEGIES.replace("[comparison]", TIED)
    (told,) = refused(tmp_path, text)
    assert told.startswith(f":{line_of('levels', text)}: comparison.levels: the grid of level grid is too large: the ")
    (told,) = refused(tmp_path, STRATEGIES + "[budget]\nseconds = 10\n")
    assert told.startswith(":11: comparison.levels: the grid of level grid has 2,500,000 points, allowed are 10,000 (")
    assert told.endswith("take part of it with comparison.trials_per_level")
    path = tmp_path / "mine.toml"
    assert load_definition(str(path), [("comparison.trials_per_level", "50")]).search.trials == 50


def test_a_grid_in_a_table_of_levels_is_refused_at_that_table(tmp_path: Path) -> None:
    tables = "[comparison.levels.drawn]\nstrategy = 'random'\n[comparison.levels.whole]\nstrategy = 'grid'\n"
    text = STRATEGIES.replace('levels = ["random", "grid"]\n', "") + "[budget]\nseconds = 10\n" + tables
    (told,) = refused(tmp_path, text)
    line = line_of("[comparison.levels.whole]", text)
    assert told.startswith(f":{line}: comparison.levels.whole: the grid of level whole has 2,500,000 points")


def test_each_level_may_have_a_grid_up_to_the_cap(tmp_path: Path) -> None:
    text = """[data]
name = "digits"
[search]
strategy = "grid"
cap = 100
[space]
optimizer = ["sgd", "adam"]
learning_rate = { low = 1e-4, high = 1.0, scale = "log", points = 80 }
[comparison]
factor = "optimizer"
"""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert load_definition(str(path)).comparison is not None
    lines = refused(tmp_path, text.replace("points = 80", "points = 120"))
    assert [line.split("; ", 1) for line in lines] == [
        [
            f":5: search.cap: the grid of level {name} has 120 points, allowed are 100 (search.cap)",
            "search fewer or coarser axes, or take part of it with comparison.trials_per_level; or raise search.cap",
        ]
        for name in ("sgd", "adam")
    ]
