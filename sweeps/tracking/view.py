"""How the MLflow UI first shows an execution: curves in three columns, below them the activation pictures side by side.

The UI keeps the state of a shared view as a tag of the experiment, `mlflow.sharedViewState.KEY`, and opens it by a link
with `viewStateShareKey=KEY` (what its own "Share" button makes). Without one it puts each trial's parameters above its
picture, and so one picture in a row; with one the best ten trials come first, and of this execution alone.
"""

from __future__ import annotations

import json
from typing import Any

from cluster.tracking_server import VIEW, trials_filter
from sweeps.tracking import names

_CURVES = ("validation/loss", "train/loss", "validation/accuracy")  # the UI adds the rest in sections of their own
_COLUMNS = ("params.`optimizer`", "params.`learning_rate`", "params.`initializer`", f"tags.`{names.STATUS}`")
_LARGEST = 10  # runs at a time
_LOW, _TALL = 300, 760  # heights in pixels: of curves, and of two rows of pictures


def view_tag(execution: str, objective: str, direction: str) -> tuple[str, str]:
    """Name and value of the experiment's tag that holds the view of an execution."""
    return VIEW + execution, json.dumps(comparison_view(execution, objective, direction), separators=(",", ":"))


def comparison_view(execution: str, objective: str, direction: str) -> dict[str, Any]:
    """The state of the runs page, in the UI's own words; what is left out is as the UI has it by default."""
    curves = list(dict.fromkeys((objective, *_CURVES)))
    return {
        "searchFilter": trials_filter(execution),
        "orderByKey": f"metrics.`{objective}`",
        "orderByAsc": direction != "maximize",
        "runsHiddenMode": "FIRST_10_RUNS",
        "selectedColumns": [f"metrics.`{objective}`", *_COLUMNS],
        "isAccordionReordered": True,
        "compareRunSections": [
            _section("curves", columns=3, cardHeight=_LOW),
            _section("activations", columns=1, cardHeight=_TALL),
        ],
        "compareRunCharts": [
            *(_chart("LINE", "curves", name, metricKey=name, displayName=name) for name in curves),
            _chart("IMAGE", "activations", "pictures", imageKeys=[names.PICTURE_KEY], step=0, showRunParams=False),
        ],
    }


def _section(name: str, **layout: int) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": True, "isReordered": True, "deleted": False, **layout}


def _chart(kind: str, section: str, name: str, **details: Any) -> dict[str, Any]:
    chart = {
        "uuid": f"{section}-{name}",
        "type": kind,
        "runsCountToCompare": _LARGEST,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
    }
    line = {
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "range": {},
        "selectedXAxisMetricKey": "",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
    return {**chart, **(line if kind == "LINE" else {}), **details}
