"""Trials: a point and a replicate, with the specification that trains them and the key that names them.

    key = first 16 hex digits of sha256(specification as canonical JSON, digest of the data and how they are split,
    digest of the plugins)

Equal trainings have equal keys wherever and whenever they are formed: the specification holds every hyper-parameter
that matters, defaults included, and none that does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from model.specification import Specification
from sweeps.definition.parts import Definition
from sweeps.space import Point


@dataclass(frozen=True)
class Trial:
    """One training to do. `key` is 16 hex digits."""

    key: str
    point: Point
    replicate: int
    specification: Specification


def form_trial(
    definition: Definition,
    point: Point,
    replicate: int,
    *,
    data_digest: str,
    plugins_digest: str | None = None,
    test: bool = False,
) -> Trial:
    """The trial of a point and a replicate; with `test` it is judged on the test part. `plugins_digest` is the
    definition's own unless given. Raises HyperParameterError."""
    specification = Specification({**definition.fixed, **point}, replicate=replicate, test=test)
    split = {
        name: value for name, value in asdict(definition.data).items() if name not in ("name", "path", "task")
    }  # they decide the digest
    digest = definition.plugins_digest if plugins_digest is None else plugins_digest
    text = json.dumps(
        {"specification": json.loads(specification.to_json()), "data": data_digest, "split": split, "plugins": digest},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return Trial(hashlib.sha256(text.encode()).hexdigest()[:16], point, replicate, specification)


def form_trials(
    definition: Definition,
    point: Point,
    replicates: Sequence[int] | None = None,
    *,
    data_digest: str,
    plugins_digest: str | None = None,
    test: bool = False,
) -> tuple[Trial, ...]:
    """The trials of a point: one a replicate, as many as [search] says unless they are given."""
    return tuple(
        form_trial(definition, point, number, data_digest=data_digest, plugins_digest=plugins_digest, test=test)
        for number in (range(definition.search.replicates) if replicates is None else replicates)
    )
