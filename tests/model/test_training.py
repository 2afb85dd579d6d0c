"""Trainings as a whole: what records hold, repeatability to the last bit, saving, divergence, refusals."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.activations import ACTIVATIONS
from model.datasets import DataError, Split
from model.initializers import INITIALIZERS
from model.optimizers import OPTIMIZERS
from model.registry import Registry
from model.regularization import PENALTIES
from model.saving import SavedTrainingError, pack, unpack
from model.schedules import SCHEDULES
from model.specification import Specification
from model.training import EpochRecord, Training, train

EVERYTHING: dict[str, Any] = {
    "hidden": [9, 8],
    "batch_normalization": True,
    "dropout": 0.2,
    "weight_decay.strength": 1e-3,
    "gradient_clip": 1.0,
    "schedule": "warm_up_cosine",
    "batch_size": 16,
    "epochs": 5,
}


def bits(records: Sequence[EpochRecord]) -> str:
    """Digest of everything in the records that repeats: all but the seconds."""
    bodies = [record.to_dict() for record in records]
    for body in bodies:
        del body["metrics"]["seconds/epoch"]
    return hashlib.sha256(json.dumps(bodies).encode()).hexdigest()


def test_digits_are_learnt(digits: Split) -> None:
    training = Training(Specification({"hidden": [100], "epochs": 15, "learning_rate": 0.003}), digits)
    records = list(training)
    assert records[0].metrics["validation/accuracy"] < 0.3
    assert records[-1].metrics["validation/accuracy"] > 0.95
    assert training.evaluate("test")["test/accuracy"] > 0.95


def test_a_record_holds_what_it_should(digits: Split) -> None:
    records = list(train(Specification({"hidden": [20, 10], "epochs": 4}), digits))
    assert [record.epoch for record in records] == [0, 1, 2, 3, 4]
    for record in records:
        names = {f"{part}/{what}" for part in ("train", "validation") for what in ("loss", "accuracy")}
        names |= {f"{what}_norm/layer{i}" for what in ("gradient", "weight") for i in (1, 2, 3)}
        names |= {"gradient_norm/all", "seconds/epoch"}
        if record.epoch in (0, 2, 4):
            names |= {f"{what}/layer{i}" for what in ("dead", "saturated") for i in (1, 2)}
            assert record.activations is not None
            assert [layer.layer for layer in record.activations] == ["layer1", "layer2"]
        else:
            assert record.activations is None
        assert set(record.metrics) == names
        assert all(type(value) is float and math.isfinite(value) for value in record.metrics.values())
        assert record.metrics["seconds/epoch"] >= 0.0
    parts = [records[1].metrics[f"gradient_norm/layer{i}"] ** 2 for i in (1, 2, 3)]
    assert sum(parts) <= records[1].metrics["gradient_norm/all"] ** 2 * 1.0001
    assert records[0].metrics["train/loss"] == pytest.approx(math.log(10), rel=0.3)


def test_records_survive_json_to_the_last_bit(blobs: Split) -> None:
    records = list(train(Specification({"hidden": [5], "epochs": 2}), blobs))
    odd = EpochRecord(3, {"train/loss": math.nan, "a": math.inf, "b": -math.inf, "c": 0.1 + 0.2, "d": -0.0})
    for record in [*records, odd]:
        body = json.loads(json.dumps(record.to_dict(), allow_nan=False))
        again = EpochRecord.from_dict(body)
        assert repr(again) == repr(record)
        assert again.to_dict() == record.to_dict()


@pytest.mark.parametrize("optimizer", OPTIMIZERS.names())
def test_twice_gives_the_same_bits_and_every_optimizer_learns(blobs: Split, optimizer: str) -> None:
    rates = {"sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.1}
    values = EVERYTHING | {"optimizer": optimizer, "learning_rate": rates.get(optimizer, 0.01)}
    first, second = (list(train(Specification(values), blobs)) for _ in range(2))
    assert bits(first) == bits(second)
    assert first[-1].metrics["train/loss"] < 0.7 * first[0].metrics["train/loss"]


def test_another_replicate_or_seed_gives_other_weights(blobs: Split) -> None:
    chosen = [Specification(EVERYTHING, replicate=r, seed=s) for r, s in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert len({bits([next(Training(specification, blobs))]) for specification in chosen}) == 4


def test_another_process_gives_the_same_bits(digits: Split) -> None:
    values = EVERYTHING | {"epochs": 3, "hidden": [30, 20]}
    program = (
        "import hashlib, json\n"
        "from model.datasets import load, split\n"
        "from model.specification import Specification\n"
        "from model.training import train\n"
        f"records = train(Specification({values!r}, replicate=2), split(load('digits')))\n"
        "bodies = [record.to_dict() for record in records]\n"
        "for body in bodies: del body['metrics']['seconds/epoch']\n"
        "print(hashlib.sha256(json.dumps(bodies).encode()).hexdigest())\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 64


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "rmsprop", "sgd"])
def test_saved_after_any_epoch_and_continued_gives_the_same_bits(blobs: Split, optimizer: str) -> None:
    specification = Specification(EVERYTHING | {"optimizer": optimizer, "dtype": "float32"}, replicate=4)
    whole = list(train(specification, blobs))
    for taken in range(len(whole) + 1):
        training = Training(specification, blobs)
        records = [next(training) for _ in range(taken)]
        restored = Training.restore(training.save(), specification, blobs)
        assert restored.epoch == training.epoch == taken - 1
        assert bits(records + list(restored)) == bits(whole)


def test_trainings_beside_each_other_do_not_meet(blobs: Split) -> None:
    specifications = [Specification(EVERYTHING | {"optimizer": name}, replicate=3) for name in ("adam", "sgd", "adam")]
    alone = [bits(list(train(specification, blobs))) for specification in specifications]
    trainings = [Training(specification, blobs) for specification in specifications]
    together: list[list[EpochRecord]] = [[], [], []]
    for _ in range(EVERYTHING["epochs"] + 1):
        for training, records in zip(trainings, together, strict=True):
            records.append(next(training))
    assert [bits(records) for records in together] == alone


def test_saving_does_not_disturb(blobs: Split) -> None:
    specification = Specification(EVERYTHING)
    training, records = Training(specification, blobs), []
    for record in training:
        records.append(record)
        assert training.save() == training.save()
    assert bits(records) == bits(list(train(specification, blobs)))


def test_a_saved_training_is_never_unpickled_and_belongs_to_one_specification_and_data(
    blobs: Split, digits: Split
) -> None:
    specification = Specification(EVERYTHING)
    training = Training(specification, blobs)
    next(training)
    saved = training.save()
    for wrong in (b"", b"x" * 100, saved[:100], saved[:-50], b"PK\x03\x04" + b"\0" * 40):
        with pytest.raises(SavedTrainingError):
            Training.restore(wrong, specification, blobs)
    with pytest.raises(SavedTrainingError, match="specification"):
        Training.restore(saved, Specification(EVERYTHING, replicate=1), blobs)
    with pytest.raises(SavedTrainingError, match="data"):
        Training.restore(saved, specification, digits)
    file = io.BytesIO()
    np.savez(file, json=np.array(["planted", None], dtype=object))
    with pytest.raises(SavedTrainingError, match="pickle"):
        Training.restore(file.getvalue(), specification, blobs)
    arrays, body = unpack(saved)
    without = [
        pack(arrays, {key: value for key, value in body.items() if key != name}) for name in body if name != "format"
    ]
    odd = [pack(arrays, body | {name: "odd"}) for name in ("epoch", "steps", "batches", "dropout")]
    short = [pack({key: array[:-1] for key, array in arrays.items()}, body), pack({}, body)]
    for damaged in without + odd + short:
        with pytest.raises(SavedTrainingError, match="saved training"):
            Training.restore(damaged, specification, blobs)


def test_dropout_moves_neither_weights_nor_batches(blobs: Split) -> None:
    seen: dict[float, list[bytes]] = {}
    for rate in (0.0, 0.5):
        training = Training(Specification(EVERYTHING | {"dropout": rate, "batch_normalization": False}), blobs)
        seen[rate] = [training.network.parameters.tobytes()]
        original = training.stepper.step

        def spy(x: np.ndarray, targets: np.ndarray, rate: float = rate, original: object = original) -> None:
            seen[rate].append(x.tobytes() + targets.tobytes())
            original(x, targets)  # type: ignore[operator]  # the bound method

        training.stepper.step = spy  # type: ignore[method-assign]  # a spy
        next(training), next(training), next(training)
    assert seen[0.0] == seen[0.5]
    assert len(set(seen[0.0])) == 1 + 2 * math.ceil(90 / 16)


def test_an_epoch_is_one_pass_in_another_order_each_time(blobs: Split) -> None:
    training = Training(Specification({"hidden": [4], "batch_size": 32, "epochs": 2}), blobs)
    batches: list[np.ndarray] = []
    training.stepper.step = lambda x, targets: batches.append(x.copy())  # type: ignore[method-assign]  # a spy
    next(training), next(training)
    assert [len(x) for x in batches] == [32, 32, 26]
    wanted = sorted(map(bytes, blobs.x[blobs.train]))
    first = np.concatenate(batches)
    assert sorted(map(bytes, first)) == wanted
    next(training)
    second = np.concatenate(batches[3:])
    assert sorted(map(bytes, second)) == wanted
    assert not np.array_equal(first, second)


def test_arrays_that_are_read_only_or_scattered_do(blobs: Split) -> None:
    assert not blobs.x.flags.writeable
    specification = Specification(EVERYTHING)
    order = np.random.default_rng(0).permutation(len(blobs.x))
    back = np.argsort(order)
    scattered = dataclasses.replace(
        blobs,
        x=blobs.x[order],
        y=blobs.y[order],
        train=back[blobs.train],
        validation=back[blobs.validation],
        test=back[blobs.test],
    )
    assert bits(list(train(specification, scattered))) == bits(list(train(specification, blobs)))


def test_only_a_confirmation_looks_at_the_test_part_and_only_once(blobs: Split) -> None:
    plain = Specification({"epochs": 3, "hidden": [8], "batch_size": 10}, replicate=2)
    judged = dataclasses.replace(plain, test=True)
    records = list(train(judged, blobs))
    assert [any(name.startswith("test/") for name in record.metrics) for record in records] == [
        False,
        False,
        False,
        True,
    ]
    training = Training(plain, blobs)
    others = list(training)
    assert not any(name.startswith("test/") for record in others for name in record.metrics)
    assert training.evaluate("test") == {
        name: value for name, value in records[-1].metrics.items() if name.startswith("test/")
    }
    assert plain.to_json() != judged.to_json()
    assert Specification.from_json(judged.to_json()) == judged
    without = dataclasses.replace(blobs, test=blobs.test[:0])
    with pytest.raises(DataError, match="expected samples in the test part"):
        Training(judged, without)


def test_divergence_is_a_result(blobs: Split) -> None:
    training = Training(
        Specification({"optimizer": "sgd", "learning_rate": 1e6, "hidden": [8, 8], "epochs": 20}), blobs
    )
    records = list(training)
    assert training.diverged
    assert len(records) < 21
    last = records[-1].metrics["train/loss"]
    assert not math.isfinite(last) or last > 100.0
    assert EpochRecord.from_dict(json.loads(json.dumps(records[-1].to_dict(), allow_nan=False))).epoch == training.epoch
    with pytest.raises(StopIteration):
        next(training)
    restored = Training.restore(training.save(), training.specification, blobs)
    assert restored.diverged
    assert list(restored) == []


def test_a_batch_larger_than_the_data_is_refused(blobs: Split) -> None:
    rows = len(blobs.train)
    Training(Specification({"batch_size": rows}), blobs)
    with pytest.raises(DataError, match=f"batch_size up to {rows}.*got {rows + 1}"):
        Training(Specification({"batch_size": rows + 1}), blobs)


def test_every_registered_name_trains(blobs: Split) -> None:
    families: dict[str, Registry[Any]] = {
        "activation": ACTIVATIONS,
        "initializer": INITIALIZERS,
        "schedule": SCHEDULES,
        "optimizer": OPTIMIZERS,
        "weight_decay.norm": PENALTIES,
    }
    for family, registry in families.items():
        for entry in registry:
            values = {"hidden": [6, 5], "epochs": 2, "weight_decay.strength": 1e-3, family: entry.name}
            records = list(train(Specification(values), blobs))
            assert len(records) == 3
            assert math.isfinite(records[-1].metrics["train/loss"])
            assert entry.source
            assert entry.doc
