"""The room's README: its code runs, its tables are current. Run as a script, this file writes the tables anew."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.datasets import DATASETS, load, split
from model.diagnosis import DIAGNOSES, diagnose
from model.hyperparameters import FAMILIES, complete, hyperparameters
from model.plugins import load_plugins
from model.registry import Registry
from model.specification import Specification
from model.training import Training

README = Path(__file__).parents[2] / "model" / "README.md"
REGISTRIES: dict[str, Registry[Any]] = {
    **{name: family.registry for name, family in FAMILIES.items()},
    "data set": DATASETS,
    "diagnosis": DIAGNOSES,
}
START, END = "<!-- tables -->\n", "<!-- end of tables -->"


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def tables() -> str:
    """Markdown tables of every registered name and of every hyper-parameter."""
    lines = []
    for title, registry in REGISTRIES.items():
        lines += [f"\n### {title}\n", "| name | what | source |", "|---|---|---|"]
        lines += [f"| `{entry.name}` | {cell(entry.doc)} | {cell(entry.source)} |" for entry in registry]
    lines += [
        "\n### hyper-parameters\n",
        "| name | section | values | default | matters when | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for parameter in hyperparameters().values():
        when = " and ".join(
            f"`{name}` is {', '.join('true' if value is True else str(value) for value in values) or 'not 0'}"
            for name, values in parameter.active_when
        )
        own = ", ".join(f"{owner} {value}" for owner, value in parameter.defaults)
        default = own or (list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default)
        scale = ", log scale" if parameter.scale == "log" else ""
        cells = (f"`{parameter.name}`", parameter.section, parameter.allowed() + scale, default, when, parameter.doc)
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str) -> str:
    before, rest = text.split(START)
    return before + START + tables() + END + rest.split(END)[1]


def blocks(section: str) -> list[str]:
    """The Python blocks of a section of the README; "" is what comes before the first."""
    text = README.read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    chosen = next(part for part in parts if part.startswith(section)) if section else parts[0]
    return re.findall(r"^```python\n(.*?)^```$", chosen, flags=re.MULTILINE | re.DOTALL)


def test_the_tables_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_tables(text), "run python tests/model/test_readme.py"


def test_the_example_runs() -> None:
    (example,) = blocks("")
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(example, {})  # noqa: S102  # our own README
    accuracy, findings = told.getvalue().splitlines()
    assert float(accuracy) == pytest.approx(0.97, abs=0.02)
    assert findings == "[]"


@pytest.fixture
def restored() -> Iterator[None]:
    """Leaves all registries, modules and paths as they were."""
    entries = {name: dict(registry._entries) for name, registry in REGISTRIES.items()}
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name, registry in REGISTRIES.items():
        registry._entries.clear()
        registry._entries.update(entries[name])
        registry.version += 1
    for module in set(sys.modules) - modules:
        if module.startswith("mylab"):
            del sys.modules[module]
    sys.path[:] = path


@pytest.mark.usefixtures("restored")
def test_one_more_of_each_family_is_one_registration_in_a_file_outside(tmp_path: Path) -> None:
    before = set(complete({}))
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "more.py").write_text("\n\n".join(blocks("Adding one more")), encoding="utf-8")
    load_plugins(["mylab.more"], tmp_path)
    values = {
        "optimizer": "lion",
        "learning_rate": 0.003,
        "schedule": "linear",
        "initializer": "lecun",
        "activation": "softsign",
        "weight_decay.norm": "huber",
        "weight_decay.strength": 1e-5,
        "hidden": [16, 16],
        "batch_size": 10,
        "epochs": 40,
    }
    data, specification = split(load("two_moons")), Specification(values)
    assert {"lion_beta", "lion_memory", "lecun_gain"} <= set(specification.hyperparameters) - before
    training = Training(specification, data)
    records = [next(training) for _ in range(20)]
    records += list(Training.restore(training.save(), specification, data))
    assert records[-1].metrics["validation/accuracy"] > 0.9
    assert {"perfect"} >= {finding.name for finding in diagnose(records, specification)}
    assert sum(len(registry) for registry in REGISTRIES.values()) == 7 + sum(
        len(re.findall(r"^\| `", part, flags=re.MULTILINE))
        for part in re.split(r"^### ", README.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:-1]
    )


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
