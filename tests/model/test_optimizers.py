"""Optimizers and schedules against the implementations of others, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.hyperparameters import complete, make
from model.landscape import path, ravine, slope
from model.optimizers import OPTIMIZERS, Adam, Momentum, Nesterov, Optimizer
from model.schedules import Constant, Cosine, Step, WarmUp, WarmUpCosine

Array = NDArray[np.float64]
SIZE, STEPS = 40, 50


def gradients() -> list[Array]:
    """Gradients of very different sizes, some of them exactly 0."""
    rng = np.random.default_rng(3)
    scale = 10.0 ** rng.uniform(-4, 2, SIZE)
    return [scale * rng.normal(size=SIZE) * (rng.random(SIZE) > 0.1) for _ in range(STEPS)]


def start() -> Array:
    return np.random.default_rng(4).normal(size=SIZE)


def walk(optimizer: Optimizer) -> Array:
    weights, memory = start(), optimizer.new_memory(SIZE, np.float64)
    for step, gradient in enumerate(gradients(), 1):
        optimizer.update(weights, gradient.copy(), memory, step)
    return weights


TORCH: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.05}, {}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}, {"momentum": 0.9}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.8}, {"momentum": 0.8}),
    "adagrad": ("Adagrad", {"lr": 0.05, "eps": 1e-7}, {}),
    "rmsprop": ("RMSprop", {"lr": 0.05, "alpha": 0.99, "eps": 1e-7}, {}),
    "adam": ("Adam", {"lr": 0.05, "betas": (0.8, 0.99), "eps": 1e-8}, {"beta1": 0.8, "beta2": 0.99}),
}


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_takes_the_same_steps(name: str) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch, the oracle of this test, is not installed")
    theirs, arguments, values = TORCH[name]
    parameter = torch.nn.Parameter(torch.from_numpy(start()))
    optimizer = getattr(torch.optim, theirs)([parameter], **arguments)
    for gradient in gradients():
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    ours = walk(make("optimizer", complete({"optimizer": name, "learning_rate": 0.05, **values})))
    np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_scikit_learn_takes_the_same_steps(nesterov: bool) -> None:
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    weights = start()
    theirs = SGDOptimizer([weights], learning_rate_init=0.05, momentum=0.9, nesterov=nesterov)
    for gradient in gradients():
        theirs.update_params([weights], [gradient])
    ours = walk((Nesterov if nesterov else Momentum)(learning_rate=0.05))
    np.testing.assert_allclose(ours, weights, rtol=1e-12, atol=1e-12)


def test_scikit_learns_adam_differs_only_in_where_epsilon_stands() -> None:
    """It adds ε to √v before the bias correction, as the book does: equal where ε is negligible, and only there."""
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

    for epsilon, close in ((1e-8, True), (1e-1, False)):
        weights = start()
        theirs = AdamOptimizer([weights], learning_rate_init=0.05, epsilon=epsilon)
        for gradient in gradients():
            theirs.update_params([weights], [gradient])
        ours = walk(Adam(learning_rate=0.05, epsilon=epsilon))
        assert np.allclose(ours, weights, rtol=1e-3, atol=1e-3) == close


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e3])
def test_adam_divides_by_one_minus_beta_to_the_t(gradient: float) -> None:
    """Under a constant gradient the paper's steps all have length η; dividing by 1 − β gives 2.06 η at t = 10."""
    optimizer = Adam(learning_rate=0.01)
    weights, memory = np.zeros(1), optimizer.new_memory(1, np.float64)
    for step in range(1, 5001):
        before = weights.copy()
        optimizer.update(weights, np.full(1, gradient), memory, step)
        if step in (1, 10, 100, 5000):
            assert before - weights == pytest.approx(0.01, rel=2e-5)


@pytest.mark.parametrize("name", OPTIMIZERS.names())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_optimizer_keeps_dtype_and_place_and_survives_gradients_of_zero(name: str, dtype: Any) -> None:
    optimizer = make("optimizer", complete({"optimizer": name}))
    weights = np.ones(7, dtype)
    memory, place = optimizer.new_memory(7, dtype), weights.ctypes.data
    optimizer.update(weights, np.zeros(7, dtype), memory, 1)
    np.testing.assert_array_equal(weights, 1.0)
    optimizer.update(weights, np.ones(7, dtype), memory, 2)
    assert weights.dtype == dtype
    assert weights.ctypes.data == place
    assert (weights < 1.0).all()
    assert all(vector.dtype == dtype for vector in memory.values())
    assert hash(optimizer) == hash(make("optimizer", complete({"optimizer": name})))


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_float32_follows_float64(name: str) -> None:
    optimizer = make("optimizer", complete({"optimizer": name, "learning_rate": 0.01}))
    weights, memory = start().astype(np.float32), optimizer.new_memory(SIZE, np.float32)
    for step, gradient in enumerate(gradients(), 1):
        optimizer.update(weights, gradient.astype(np.float32), memory, step)
    np.testing.assert_allclose(weights, walk(optimizer), rtol=2e-4, atol=2e-4)


def test_pytorch_schedules_alike() -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch, the oracle of this test, is not installed")
    schedulers: Any = torch.optim.lr_scheduler
    epochs = 20
    cases: list[tuple[Any, Any]] = [
        (Step(step_epochs=3, step_factor=0.5), lambda o: schedulers.StepLR(o, 3, 0.5)),
        (Cosine(final_factor=0.1), lambda o: schedulers.CosineAnnealingLR(o, epochs, eta_min=0.1)),
        (WarmUp(warm_up_epochs=5), lambda o: schedulers.LinearLR(o, 0.2, 1.0, 4)),
        (Constant(), lambda o: schedulers.ConstantLR(o, 1.0)),
    ]
    for ours, scheduler in cases:
        optimizer: Any = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs: Any = scheduler(optimizer)
        for step in range(1, epochs + 1):
            assert ours.factor(step, 1, epochs) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
            optimizer.step()
            theirs.step()


def test_a_schedule_counts_in_epochs_and_stays_between_zero_and_one() -> None:
    for steps in (1, 7):
        schedule = WarmUpCosine(warm_up_epochs=2.0, final_factor=0.25)
        factors = [schedule.factor(step, steps, 10) for step in range(1, 10 * steps + 1)]
        top = 2 * steps
        assert factors[top - 1] == pytest.approx(1.0)
        assert factors[:top] == sorted(factors[:top])
        assert factors[top:] == sorted(factors[top:], reverse=True)
        assert 0.25 <= factors[-1] < 0.3 + 0.1 / steps
        assert min(factors) > 0.0
    assert WarmUpCosine(warm_up_epochs=50.0).factor(100, 10, 10) == pytest.approx(0.2)  # longer than the training
    assert [Step(step_epochs=2).factor(step, 5, 9) for step in (1, 10, 11)] == pytest.approx([1.0, 1.0, 0.1])


def test_the_ravines_slope_is_that_of_its_height() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    for axis in range(2):
        shift = np.eye(2)[axis] * 1e-6
        numeric = (ravine(points + shift) - ravine(points - shift)) / 2e-6
        np.testing.assert_allclose(slope(points)[:, axis], numeric, atol=1e-8)


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_goes_down_the_ravine(name: str) -> None:
    points = path(name)
    assert points.shape == (31, 2)
    np.testing.assert_array_equal(points[0], (-7.0, 2.0))
    assert ravine(points[-1]) < 0.3 * ravine(points[0])
    assert not np.array_equal(path(name, learning_rate=0.01), points)
