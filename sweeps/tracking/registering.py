"""The best network of an execution in MLflow's model registry: logged once, registered once, judged once.

Looked for by its tags before anything is made, so that being killed between two steps makes no second one:
a logged model that is not READY is removed and made again; a version without its verdict is judged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cluster.tracking_server import is_server
from sweeps.networks import Best, read_network
from sweeps.tracking import content, names
from sweeps.tracking.champion import judge
from sweeps.tracking.history import History
from sweeps.tracking.names import Refused
from sweeps.tracking.portable import NotPortable, build_model, require_portable
from sweeps.tracking.store import Store, translated

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.tracking import MlflowClient

_SPLIT = ("split_seed", "validation", "test", "limit")  # of a definition's [data]: what the validation part depends on


def register_best(
    store: Store, experiment: str, history: History, best: Best | None, networks: Path, run_id: str | None
) -> dict[str, Any]:
    """Bring the registry up to the best trial, whose run is `run_id`; returns what came of it, for `model.json`.

    Either `name`, `version`, `champion` (whether it is), `why` and `load` (the URI to load it by), or `missing` alone:
    why there is no model.

    Raises:
        Away: MLflow does not answer; calling again goes on.
    """
    if best is None:
        return {"missing": "no trial has finished"}
    trial = history.trials[best.key]
    where = f"the best trial, #{trial.proposal.number}"
    try:
        require_portable(trial.specification)
        network = read_network(networks, best.note)
        if network is None:
            return {"missing": f"the network of {where}, is gone; `sweep sync {history.execution}` trains it again"}
        tags = version_tags(history, best)
        with translated(store.uri):
            return _register(store, experiment, history.definition, network, tags, run_id)
    except (NotPortable, Refused) as error:
        return {"missing": f"{where}: {error}"}


def version_tags(history: History, best: Best) -> dict[str, str]:
    """What a version says of itself; the first two are its identity."""
    document, trial = content.execution_document(history), history.trials[best.key]
    data = document["definition"].get("data", {})
    tags = {
        names.EXECUTION: history.execution,
        names.TRIAL: best.key,
        names.DEFINITION: history.definition,
        names.ORDER: str(trial.proposal.number),
        names.REPLICATE: str(trial.replicate),
        names.VALUE: repr(best.value),
        names.OBJECTIVE: str(document["objective"]),
        names.DIRECTION: str(document["direction"]),
        names.DATA_DIGEST: str(history.opening["data"]["digest"]),
        names.SPLIT: content.canonical({name: data.get(name) for name in _SPLIT}),
    }
    if best.scores:
        tags |= {
            names.CONFIRMED: repr(fmean(best.scores)),
            names.CONFIRMED_REPLICATES: str(len(best.scores)),
            names.MEASURE: str(document["measure"]),
        }
    commit = history.environment.get("git_commit")
    return {**tags, names.GIT_COMMIT: commit} if commit else tags


def _register(
    store: Store, experiment: str, name: str, network: bytes, tags: dict[str, str], run_id: str | None
) -> dict[str, Any]:
    client = store.client
    registered = _own_model(client, name)
    version = _find_version(client, name, tags)
    if version is None:
        model = _log_model(client, experiment, network, tags, run_id)
        # A server knows its own models; without one the client would look for them in its process-wide store.
        source = f"models:/{model.model_id}" if is_server(store.uri) else model.artifact_location
        version = client.create_model_version(
            name, source, run_id=run_id, tags=tags, model_id=model.model_id, await_creation_for=0
        )
    number, why = str(version.version), version.tags.get(names.JUDGED)
    holder = registered.aliases.get(names.CHAMPION)
    if why is None:  # judged once: whoever moves the alias by hand afterwards is not overruled
        rival = None if holder is None else client.get_model_version(name, str(holder))
        verdict = judge(tags, None if rival is None or str(rival.version) == number else rival.tags)
        if verdict.moves:
            client.set_registered_model_alias(name, names.CHAMPION, number)
            holder = number
        why = verdict.why
        client.set_model_version_tag(name, number, names.JUDGED, why)
    champion = str(holder) == number
    load = f"models:/{name}@{names.CHAMPION}" if champion else f"models:/{name}/{number}"
    return {"name": name, "version": number, "champion": champion, "why": why, "load": load, "tags": tags}


def _own_model(client: MlflowClient, name: str) -> RegisteredModel:
    """The registered model of a definition, made if there is none. Somebody else's of the same name is left alone."""
    found = [each for each in client.search_registered_models(f"name = '{name}'") if each.name == name]
    if not found:
        text = f"The best network of each sweep of the definition `{name}`; `{names.CHAMPION}` is the best of all."
        return client.create_registered_model(name, {names.DEFINITION: name}, text)
    if found[0].tags.get(names.DEFINITION) != name:
        raise Refused(f"the registered model `{name}` was not made by Kurabe and is left alone")
    return found[0]


def _find_version(client: MlflowClient, name: str, tags: Mapping[str, str]) -> ModelVersion | None:
    found = client.search_model_versions(f"name = '{name}'")
    return next((each for each in found if _same(each.tags, tags)), None)


def _log_model(
    client: MlflowClient, experiment: str, network: bytes, tags: Mapping[str, str], run_id: str | None
) -> LoggedModel:
    """The logged model, READY with all its files."""
    wanted = " and ".join(f"tags.`{name}` = '{tags[name]}'" for name in (names.EXECUTION, names.TRIAL))
    for each in client.search_logged_models([experiment], wanted):
        if _same(each.tags, tags) and str(each.status) == "READY":
            return each
        client.delete_logged_model(each.model_id)  # its maker was killed before all files were there
    made = client.create_logged_model(experiment, tags[names.EXECUTION], source_run_id=run_id, tags=dict(tags))
    with tempfile.TemporaryDirectory(prefix="kurabe-") as folder:
        build_model(Path(folder), network, model_id=made.model_id, run_id=run_id, metadata=tags)
        client.log_model_artifacts(made.model_id, str(Path(folder) / "model"))
    return client.finalize_logged_model(made.model_id, "READY")


def _same(found: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(found.get(name) == tags[name] for name in (names.EXECUTION, names.TRIAL))
