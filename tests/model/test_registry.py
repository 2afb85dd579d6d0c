"""Registries: names, refusals, plugins."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.hyperparameters import check, complete, hyperparameters, make
from model.optimizers import OPTIMIZERS
from model.plugins import PluginError, load_plugins
from model.registry import Registry, UnknownName


def test_an_unknown_name_is_told_with_what_may_have_been_meant() -> None:
    with pytest.raises(UnknownName, match=r"unknown optimizer 'adamm'.*did you mean 'adam'") as caught:
        OPTIMIZERS["adamm"]
    assert caught.value.possibilities[0] == "adam"
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("name", ["", "zzz", None, 3, ("adam",), ["adam"]])
def test_whatever_is_asked_for_the_refusal_is_the_same(name: object) -> None:
    with pytest.raises(UnknownName):
        OPTIMIZERS[name]  # type: ignore[index]  # a wrong type is what is tested
    assert name not in OPTIMIZERS


def test_a_name_belongs_to_one_owner() -> None:
    registry: Registry[object] = Registry("thing")

    @registry.register("one", source="here")
    class One:
        """First line.

        Second.
        """

    registry.register("one", source="here")(One)  # the same again, as a reloaded module does
    with pytest.raises(ValueError, match="already registered"):

        @registry.register("one", source="here")
        class Two:
            pass

    assert registry.names() == ("one",)
    assert registry.entry("one").doc == "First line."
    assert [entry.value for entry in registry] == [One]


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A folder of a user with one file that adds an optimizer; forgotten again afterwards."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "lion.py").write_text(
        textwrap.dedent('''
        from dataclasses import dataclass
        from typing import Annotated, ClassVar

        import numpy as np

        from model.optimizers import OPTIMIZERS, LearningRate, Optimizer
        from model.registry import Hyper


        @OPTIMIZERS.register("lion", source="Chen et al. 2023, Algorithm 2")
        @dataclass(frozen=True)
        class Lion(Optimizer):
            """W ← W − η·sign(βm + (1 − β)g)"""

            learning_rate: LearningRate = 1e-4
            lion_beta: Annotated[float, Hyper(0.0, 1.0, high_open=True, doc="share of the past")] = 0.9
            remembers: ClassVar[tuple[str, ...]] = ("m",)

            def update(self, weights, gradient, memory, step):
                direction = self.lion_beta * memory["m"] + (1 - self.lion_beta) * gradient
                memory["m"] += 0.01 * (gradient - memory["m"])
                weights -= self.learning_rate * np.sign(direction)
        ''')
    )
    yield tmp_path
    OPTIMIZERS._entries.pop("lion", None)
    OPTIMIZERS.version += 1
    for name in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def test_one_file_of_the_user_adds_an_optimizer_everywhere(plugin: Path) -> None:
    assert "lion" not in OPTIMIZERS
    digest = load_plugins(["mylab.lion"], plugin)
    assert len(digest) == len(hashlib.sha256().hexdigest())
    assert load_plugins(["mylab.lion"], plugin) == digest
    assert "lion" in (hyperparameters()["optimizer"].choices or ())
    assert hyperparameters()["lion_beta"].active_when == (("optimizer", ("lion",)),)
    assert check("optimizer", "lion") is None
    completed = complete({"optimizer": "lion"})
    assert (completed["learning_rate"], completed["lion_beta"]) == (1e-4, 0.9)
    assert "beta1" not in completed
    assert make("optimizer", completed).lion_beta == 0.9
    file = plugin / "mylab" / "lion.py"
    file.write_text(file.read_text() + "# another comment\n")
    assert load_plugins(["mylab.lion"], plugin) != digest


def test_a_plugin_may_build_on_a_shipped_optimizer(plugin: Path) -> None:
    heavier = """
    from __future__ import annotations

    from dataclasses import dataclass

    from model.optimizers import OPTIMIZERS, Momentum


    @OPTIMIZERS.register("lion", source="a test")
    @dataclass(frozen=True)
    class Lion(Momentum):
        'Momentum under another name.'
    """
    (plugin / "mylab" / "lion.py").write_text(textwrap.dedent(heavier))
    load_plugins(["mylab.lion"], plugin)
    assert "lion" in hyperparameters()["momentum"].active_when[0][1]
    assert complete({"optimizer": "lion"})["momentum"] == complete({"optimizer": "momentum"})["momentum"]


def test_plugins_that_cannot_be_had_are_named(tmp_path: Path) -> None:
    (tmp_path / "kurabe_broken_plugin.py").write_text("1 / 0\n")
    path = list(sys.path)
    try:
        with pytest.raises(PluginError, match=r"'kurabe_broken_plugin' cannot be imported: ZeroDivisionError"):
            load_plugins(["kurabe_broken_plugin"], tmp_path)
    finally:
        sys.path[:] = path
    for name in ("kurabe_no_such_module", "../x", "", "a b", "sys"):
        with pytest.raises(PluginError, match="plugin"):
            load_plugins([name])
    assert load_plugins([]) == ""
