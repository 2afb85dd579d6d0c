"""A trained network as the folder of an MLflow model: NumPy arrays, JSON, and the code that it needs; no pickle.

The code is `model.inference` with what that imports, copied as a package of another name: whoever loads the model may
have a `model.py` of their own, and needs nothing of this project.
"""

from __future__ import annotations

import ast
import io
import json
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from model.activations import ACTIVATIONS, Relu
from model.inference import SPECIFICATION_FILE, WEIGHTS_FILE, TrainedNetwork
from model.saving import unpack

PACKAGE = "kurabe_network"
_ROOM, _ENTRY = "model", "model.inference"
_IMPORT = re.compile(rf"^(\s*(?:from|import) ){_ROOM}\b", re.MULTILINE)


class NotPortable(Exception):
    """A network whose code does not all lie in this project; says what."""


def build_model(
    folder: Path, network: bytes, *, model_id: str, run_id: str | None, metadata: Mapping[str, Any]
) -> None:
    """Write the folder of the MLflow model `model_id` with the network that `Training.trained` has packed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about types of its own
        import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    arrays, specification = unpack(network)
    example = arrays.pop("example").astype(np.float64)
    TrainedNetwork(arrays, specification)  # what does not load is not logged
    data, code = folder / "network", folder / PACKAGE
    data.mkdir()
    code.mkdir()
    weights = io.BytesIO()
    np.savez(weights, allow_pickle=False, **arrays)
    (data / WEIGHTS_FILE).write_bytes(weights.getvalue())
    (data / SPECIFICATION_FILE).write_text(json.dumps(specification, indent=2, allow_nan=False), encoding="utf-8")
    for name, text in travelling_code().items():
        (code / name).write_text(text, encoding="utf-8")

    number, classes = np.dtype(np.float64), len(specification["classes"])
    inputs: list[ColSpec | TensorSpec] = [TensorSpec(number, (-1, int(specification["inputs"])))]
    outputs: list[ColSpec | TensorSpec] = [TensorSpec(number, (-1,))]
    if classes:
        labels = TensorSpec(np.dtype(np.str_), (-1,), "label")
        outputs = [labels, TensorSpec(number, (-1, classes), "probabilities")]
    mlflow.pyfunc.save_model(
        path=str(folder / "model"),
        mlflow_model=Model(run_id=run_id, model_id=model_id, model_uuid=model_id, metadata=dict(metadata)),
        loader_module=_ENTRY.replace(_ROOM, PACKAGE, 1),
        data_path=str(data),
        code_paths=[str(code)],
        signature=ModelSignature(Schema(inputs), Schema(outputs)),
        input_example=example,
        pip_requirements=[f"numpy=={np.__version__}"],
    )


def require_portable(specification: Mapping[str, Any]) -> None:
    """Refuse a network that needs a plugin: of all that is registered, only its activation is needed to predict.

    Raises:
        NotPortable: the activation is not one of `model.activations`.
    """
    name = specification["hyperparameters"]["activation"]
    if name not in ACTIVATIONS or ACTIVATIONS[name].__module__ != Relu.__module__:
        raise NotPortable(f"its activation `{name}` is a plugin's, whose code cannot travel with the model")


def travelling_code() -> dict[str, str]:
    """File names and sources of the package that predicts: the entry module and all it imports from its room."""
    found: dict[str, str] = {}
    waiting = [_ROOM, _ENTRY]
    while waiting:
        name = waiting.pop()
        file = Path(str(import_module(name).__file__))
        if file.name in found:
            continue
        text = file.read_text(encoding="utf-8")
        found[file.name] = _IMPORT.sub(rf"\1{PACKAGE}", text)
        imports = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
        waiting += [node.module for node in imports if node.module and node.module.startswith(f"{_ROOM}.")]
    return found
