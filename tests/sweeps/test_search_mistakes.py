"""Wrong ends of a search, wrong rules of stopping and racing: each mistake with its line and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.definition import BudgetSection, Plateau, load_definition
from tests.sweeps.definitions_refused import GOOD, line_of, refused

COMPARED = GOOD.replace("trials = 7\n", "") + '\n[comparison]\nfactor = "optimizer"\ntrials_per_level = 8\n'
END = "    0.5,\n]\n"
AFTER = GOOD.split("trials = 7\n")[1]

# what is replaced, by what, at which part the mistake is seen, and what it says
# fmt: off
CASES = [
    ("trials = 7", 'trials = 7\nstop = "ahsa"', "stop =",
     'search.stop: expected one of none, asha, median, got "ahsa", did you mean `asha`?'),
    ("trials = 7", "trials = 7\nstop = true", "stop =", "search.stop: expected one of none, asha, median, got true"),
    ("trials = 7", 'trials = 7\nstop = "asha"\ngrace = 0', "grace",
     "search.grace: expected a whole number from 1 to 100,000, got 0"),
    ("trials = 7", 'trials = 7\nstop = "asha"\ngrace = 5', "grace",
     "search.grace: nothing could be stopped: expected fewer than the 5 epochs of a training, got 5"),
    ("trials = 7", 'trials = 7\nstop = "asha"\nreduction = 1', "reduction",
     "search.reduction: expected a whole number from 2 to 10, got 1"),
    ("trials = 7", 'trials = 7\nstop = "asha"\nreduction = 2.5', "reduction", "search.reduction: expected a whole"),
    ("trials = 7", 'trials = 7\nstop = "median"\nreduction = 3', "reduction",
     'search.reduction: has no effect: it belongs to stop = "asha"'),
    ("trials = 7", "trials = 7\ngrace = 2", "grace", 'search.grace: has no effect: it belongs to stop = "asha", "med'),
    ("trials = 7", "trials = 7\nracing = true", "racing",
     "search.racing: nothing to save: it needs search.replicates of at least 3"),
    ("trials = 7", "trials = 7\nracing = 1\nreplicates = 4", "racing", "search.racing: expected true or false, got a"),
    ("trials = 7", 'trials = 7\nwarm_start = "../x"', "warm_start",
     'search.warm_start: "../x" is no name of an execution; expected one as in "digits-1"'),
    ("trials = 7", "trials = 7\nwarm_start = 3", "warm_start", "search.warm_start: expected an execution, or a list"),
    ("trials = 7", "trials = 7\nwarm_start = []", "warm_start", "search.warm_start: expected an execution, or a list"),
    ("trials = 7", "", "[search]", "search.trials: is missing: the number of points to try; or another end in [bud"),
    (END, END + "[budget]\nsecnods = 5\n", "secnods", "budget.secnods: unknown key", "did you mean `seconds`?"),
    (END, END + "[budget]\nseconds = 0\n", "seconds", "budget.seconds: expected a number from 1 to 1e+09, got 0"),
    (END, END + "[budget]\nseconds = nan\n", "seconds", "budget.seconds: expected a number from", "got nan"),
    (END, END + '[budget]\nseconds = "1 h"\n', "seconds", 'budget.seconds: expected a number, got "1 h" (text)'),
    (END, END + "[budget]\nepochs = 0\n", "epochs = 0", "budget.epochs: expected a whole number from 1 to"),
    (END, END + "[budget]\ntarget = inf\n", "target", "budget.target: expected a number from", "got inf"),
    (END, END + "[budget]\ntarget = -0.5\n", "target",
     "budget.target: expected a number from 0, for validation/loss is never less, got -0.5"),
    (f"trials = 7\n{AFTER}", f'objective = "validation/accuracy"\n{AFTER}[budget]\ntarget = 98\n', "target",
     "budget.target: expected a number from 0 to 1, for validation/accuracy is a share, got 98: 0.98?"),
    (f"trials = 7\n{AFTER}", f'objective = "train/accuracy"\n{AFTER}[budget]\ntarget = -0.1\n', "target",
     "budget.target: expected a number from 0 to 1, for train/accuracy is a share, got -0.1"),
    (f"trials = 7\n{AFTER}", f"objective = [1]\n{AFTER}[budget]\ntarget = 98\n", "objective",
     "search.objective: expected one of validation/loss, "),
    (END, END + "[budget]\ntrials = 9\n", "trials = 9", "budget.trials: search.trials says the same; keep one of them"),
    (END, END + "[budget]\nplateau = 5\n", "plateau",
     "budget.plateau: expected a table, as in plateau = { trials = 10, improvement = 0.001 }"),
    (END, END + "[budget]\nplateau = { improvement = 0.1 }\n", "plateau", "budget.plateau: trials is missing"),
    (END, END + "[budget]\nplateau = { trials = 0 }\n", "plateau",
     "budget.plateau.trials: expected a whole number from 1 to 1,000,000, got 0"),
    (END, END + "[budget]\nplateau = { trials = 5, improvement = -1 }\n", "plateau",
     "budget.plateau.improvement: expected a number from 0 to"),
    (END, END + "[budget]\nplateau = { trails = 5 }\n", "plateau", "unknown key", "did you mean `trials`?"),
    (END, END + "budget = 5\n", "budget", "budget", "unknown hyper-parameter"),
    ('[data]', 'budget = 5\n[data]', "budget", "budget: expected a table, [budget], got"),
    ('"random"\ntrials = 7', '"random_then_grid"', "[search]",
     "search.trials: is missing: the number of points to try, which random_then_grid shares out"),
]
COMPARISONS = [
    ("trials_per_level = 8", "trials_per_level = 8\n[budget]\ntarget = 0.1", "target",
     "budget.target: in a comparison it would end the search of whichever level is lucky early; allowed there"),
    ("trials_per_level = 8", "trials_per_level = 8\n[budget]\nplateau = { trials = 3 }", "plateau",
     "budget.plateau: in a comparison it would end the search"),
    ("trials_per_level = 8", "[budget]\ntrials = 8", "trials = 8",
     "budget.trials: a comparison's number of points is comparison.trials_per_level"),
    ("trials_per_level = 8", "", "[comparison]", "comparison.trials_per_level: is missing: the number of points each"),
    ('"random"', '"random"\nwarm_start = "digits-1"', "warm_start",
     "search.warm_start: the levels of a comparison begin alike, knowing nothing"),
    ('factor = "optimizer"\ntrials_per_level = 8',
     'factor = "strategy"\nlevels = ["random", "random_then_grid"]\n[budget]\nseconds = 5', "[comparison]",
     "comparison.trials_per_level: is missing: the number of points each level may try, which random_then_grid"),
]
# fmt: on


@pytest.mark.parametrize("case", [*[(GOOD, *case) for case in CASES], *[(COMPARED, *case) for case in COMPARISONS]])
def test_each_mistake_is_told_at_its_line(tmp_path: Path, case: tuple[str, ...]) -> None:
    whole, old, new, part, *words = case
    assert old in whole
    text = whole.replace(old, new, 1)
    lines = refused(tmp_path, text)
    assert any(all(word in line for word in words) for line in lines), lines
    if "is missing: the number" not in words[0]:
        assert any(line.startswith(f":{line_of(part, text)}: ") for line in lines), lines


def test_right_ones_are_read_and_the_command_line_replaces_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    more = "[budget]\nseconds = 60\nepochs = 100\ntarget = 0.1\nplateau = { trials = 3, improvement = 1 }\n"
    stopping = 'stop = "asha"\ngrace = 2\nreduction = 4\nreplicates = 3\nracing = true\nwarm_start = ["a-1", "a-2"]\n'
    path.write_text(GOOD.replace("trials = 7\n", stopping) + more)
    made = load_definition(str(path))
    assert made.budget == BudgetSection(60.0, 100, 0.1, Plateau(3, 1.0))
    search = made.search
    assert (search.trials, search.stop, search.grace, search.reduction) == (None, "asha", 2, 4)
    assert (search.racing, search.warm_start) == (True, ("a-1", "a-2"))
    assert made.digest() != load_definition(str(path), [("budget.seconds", "61")]).digest()
    changed = load_definition(str(path), [("budget.seconds", "5.5"), ("budget.trials", "4")])
    assert (changed.budget.seconds, changed.search.trials) == (5.5, 4)
    path.write_text(COMPARED.replace("trials_per_level = 8\n", "") + "[budget]\nepochs = 50\n")
    compared = load_definition(str(path))
    assert (compared.search.trials, compared.budget.epochs) == (None, 50)


@pytest.mark.parametrize(
    ("objective", "target"), [("train/loss", 2.5), ("validation/accuracy", 1.0), ("train/loss", 0)]
)
def test_a_target_that_can_be_reached_is_read(tmp_path: Path, objective: str, target: float) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("trials = 7\n", f'objective = "{objective}"\n') + f"[budget]\ntarget = {target}\n")
    assert load_definition(str(path)).budget.target == target
