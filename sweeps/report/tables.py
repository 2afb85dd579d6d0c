"""The tables of a report as plain rows of text; the page escapes them, the CSV file guards them."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from sweeps.comparison import rank
from sweeps.figures.scales import number
from sweeps.report.answer import companion, mean_last
from sweeps.report.confirmation import level_of
from sweeps.report.evidence import Asked, Evidence, Run
from sweeps.report.factors import Factor
from sweeps.report.words import (
    count_text,
    listed,
    metric_text,
    metric_words,
    point_text,
    range_text,
    seconds_text,
    spread_text,
    value_text,
)

BEST = 10  # points in the table of the best
REPRODUCED = 12  # levels of which a command is given
ROWS = 200  # trials in the page; the CSV file has all


@dataclass(frozen=True)
class Table:
    """`head`: (text, whether its column holds numbers); `rows`: texts; `note`: what a reader must know about it."""

    head: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def best_points(evidence: Evidence) -> Table:
    """The best points with mean, spread and range over replicates, and the runs behind them."""
    ranked = [point for point in rank(evidence.tested(), minimize=evidence.minimize) if point.values]
    other, several = companion(evidence), any(len(point.values) + point.lost > 1 for point in ranked)
    head = [("", True), ("point", False), (metric_words(evidence.objective), True)]
    if several:
        head += [("95 % interval", True), ("min – max", True), ("replicates", True)]
    head += [(metric_words(other), True)] if other else []
    head += [("trial", True), ("runs in MLflow", False)]
    rows = []
    for place, point in enumerate(ranked[:BEST], 1):
        runs, found = evidence.points[point.name], point.estimate
        row = [str(place), point_text(runs[0].point), spread_text(evidence.objective, found)]
        if several:
            lost = f" ({point.lost} lost)" if point.lost else ""
            row += [
                range_text(evidence.objective, found.low, found.high),
                range_text(evidence.objective, found.smallest, found.largest),
                f"{found.n}{lost}",
            ]
        row += [metric_text(other, mean_last(runs, other))] if other else []
        row += [f"#{runs[0].order}", " ".join(run.trained_as[:8] for run in runs)]
        rows.append(tuple(row))
    if not ranked:
        return Table(tuple(head), (), "No point has a value.")
    note = (
        "Mean ± standard deviation over replicates; the interval is of the mean (Student's t), "
        "none where all are the same."
        if several
        else "One replicate a point: there is no spread to show, and no telling luck from merit among the first few."
    )
    return Table(tuple(head), tuple(rows), note)


def searched(evidence: Evidence) -> Table:
    """What was searched, over which values."""
    rows = []
    for axis in evidence.axes:
        if axis.choices:
            rows.append((axis.name, listed(map(value_text, axis.choices), "or")))
        else:
            rows.append(
                (axis.name, f"{value_text(axis.low)} to {value_text(axis.high)}{', logarithmic' if axis.log else ''}")
            )
    return Table((("hyper-parameter", False), ("values", False)), tuple(rows))


@dataclass(frozen=True)
class Trouble:
    """One kind of failure or diagnosis: how many trials, where, the clearest case, and what the field does about it."""

    name: str
    count: str
    where: str
    example: str
    advice: str


def troubles(evidence: Evidence, factors: Sequence[Factor]) -> list[Trouble]:
    """Diagnoses by how many trials show them."""
    cases: dict[str, list[tuple[Run, Any]]] = {}
    for run in evidence.runs:
        for finding in run.findings:
            cases.setdefault(finding.name, []).append((run, finding))
    found = []
    for name, seen in sorted(cases.items(), key=lambda item: (-len(item[1]), item[0])):
        runs = [run for run, _ in seen]
        run, finding = min(seen, key=lambda case: (case[1].epoch, case[0].order))
        found.append(
            Trouble(
                name.replace("_", " "),
                f"{len(runs)} of {count_text(len(evidence.runs), 'trial')}",
                _where(evidence, runs, factors),
                f"#{run.order}, {point_text(run.point)}, epoch {finding.epoch}: {finding.summary}",
                finding.advice,
            )
        )
    return found


def _where(evidence: Evidence, runs: Sequence[Run], factors: Sequence[Factor]) -> str:
    """The level in which these runs are most over-represented, if one stands out."""
    keys, best, words = {run.id for run in runs}, 1.5, ""
    for factor in factors:
        for level in factor.levels:
            members = factor.runs(evidence, level)
            hit = sum(run.id in keys for run in members)
            expected = len(members) * len(runs) / max(len(evidence.runs), 1)
            if hit >= 2 and expected and hit / expected > best:
                best, words = (
                    hit / expected,
                    f"mostly {factor.name} {level} ({hit} of its {count_text(len(members), 'trial')})",
                )
    return words


@dataclass(frozen=True)
class Failure:
    """One trial without a value: what it was, how it ended, the last line of its error and the rest of it."""

    trial: str
    point: str
    status: str
    line: str
    error: str
    run: str


def failures(evidence: Evidence, most: int = 25) -> tuple[list[Failure], str]:
    """Trials that ended without a value, and a sentence that counts them all."""
    lost = [run for run in evidence.runs if run.lost]
    kinds = Counter(run.status.replace("_", " ") for run in lost)
    sentence = (
        listed(f"{count} {kind}" for kind, count in kinds.most_common())
        + f" of {count_text(len(evidence.runs), 'trial')}."
    )
    shown = sorted(lost, key=lambda run: (run.status == "diverged", run.order))[:most]
    rows: dict[tuple[Any, ...], list[Run]] = {}
    for run in shown:
        rows.setdefault((run.point_name, run.status, _last_line(run) if run.error else ""), []).append(run)
    return [_failure(runs) for runs in rows.values()], sentence if lost else ""


def _failure(runs: Sequence[Run]) -> Failure:
    first = runs[0]
    trial = f"#{first.order}" + (f", {len(runs)} replicates" if len(runs) > 1 else "")
    names = " ".join(run.trained_as[:8] for run in runs)
    return Failure(
        trial, point_text(first.point), first.status.replace("_", " "), _last_line(first), first.error[-4000:], names
    )


def _last_line(run: Run) -> str:
    lines = run.error.strip().splitlines()
    if lines:
        return lines[-1][:300]
    return next((finding.summary for finding in run.findings if finding.name == "divergence"), "")


def all_trials(evidence: Evidence, most: int = ROWS) -> Table:
    """One row a trial, the best first, at most `most` of them."""
    names = [axis.name for axis in evidence.axes]
    layered = [name for name in ("hidden",) if any(name in run.point for run in evidence.runs) and name not in names]
    names = [name for name in names if any(name in run.point for run in evidence.runs)] + layered
    several = len(evidence.asked) > 1
    replicated = any(len(runs) > 1 for runs in evidence.points.values())
    other = companion(evidence)
    head = [("trial", True)] + [("execution", False)] * several + [("replicate", True)] * replicated
    head += [(metric_words(evidence.objective), True)] + ([(metric_words(other), True)] if other else [])
    head += [("end", False)] + [(name, not _is_text(evidence, name)) for name in names]
    head += [("epochs", True), ("time", True), ("diagnoses", False), ("run", False)]
    sign = 1.0 if evidence.minimize else -1.0
    ordered = sorted(
        evidence.runs,
        key=lambda run: (not run.counts, sign * run.value if run.counts else 0.0, run.order, run.replicate),
    )
    rows = []
    for run in ordered[:most]:
        row = [f"#{run.order}"] + [run.execution] * several + [str(run.replicate)] * replicated
        row += [metric_text(evidence.objective, run.value)] + ([metric_text(other, run.last(other))] if other else [])
        row += [run.status.replace("_", " ")] + [
            value_text(run.point[name]) if name in run.point else "" for name in names
        ]
        epochs = str(int(run.epochs[-1])) if len(run.epochs) else "0"
        row += [
            epochs,
            seconds_text(run.seconds),
            ", ".join(finding.name.replace("_", " ") for finding in run.findings),
            run.trained_as[:8],
        ]
        rows.append(tuple(row))
    left_out = len(ordered) - len(rows)
    note = (
        f"The best {len(rows)} of {count_text(len(ordered), 'trial')}; trials.csv beside this page has all."
        if left_out
        else ""
    )
    return Table(tuple(head), tuple(rows), note)


def _is_text(evidence: Evidence, name: str) -> bool:
    return any(isinstance(run.point.get(name), str | bool | list | tuple) for run in evidence.runs)


def trials_csv(evidence: Evidence) -> str:
    """Every trial with every parameter and the last value of every metric, for a spreadsheet. Text that a spreadsheet
    would take for a formula is preceded by an apostrophe.
    """
    parameters = list(dict.fromkeys(name for run in evidence.runs for name in run.parameters))
    metrics = list(dict.fromkeys(name for run in evidence.runs for name in run.metrics))
    head = [
        "execution",
        "trial",
        "stage",
        "level",
        "repeat",
        "replicate",
        "key",
        "run",
        "status",
        "value",
        "epochs",
        "seconds",
        "attempts",
        "node",
        "findings",
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([guarded(each) for each in (*head, *parameters, *metrics)])
    for run in sorted(evidence.runs, key=lambda run: (run.execution, run.order, run.replicate)):
        findings = " ".join(finding.name for finding in run.findings)
        epochs = int(run.epochs[-1]) if len(run.epochs) else 0
        cells: list[Any] = [
            run.execution,
            run.order,
            run.stage,
            run.level,
            run.repeat,
            run.replicate,
            run.key,
            run.trained_as,
            run.status,
            run.value,
            epochs,
            run.seconds,
        ]
        cells += [run.attempts, run.node, findings]
        cells += [run.parameters.get(name, "") for name in parameters]
        cells += [run.last(name) for name in metrics]
        writer.writerow([guarded(cell) for cell in cells])
    return out.getvalue()


def guarded(cell: Any) -> str:
    """A cell as text. Numbers stay numbers; missing ones are empty; text that begins like a formula gets an
    apostrophe in front.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return "" if isinstance(cell, float) and math.isnan(cell) else repr(cell)
    text = value_text(cell).replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def reproduce(evidence: Evidence) -> list[tuple[str, str]]:
    """What it takes to train this again: (what, text)."""
    rows = [_again(asked) for asked in evidence.asked]
    where = next((_storage_option(asked) for asked in evidence.asked if asked.storage), "")
    judged = evidence.confirmed.points.values()
    levels: dict[str, Run] = {}
    for runs in judged:
        whole = [run for run in runs if run.counts]
        if whole:
            levels.setdefault(level_of(whole[0]), whole[0])
    for level, run in list(levels.items())[:REPRODUCED]:
        told = f"train a confirmed training of {level} again ({point_text(run.point)}, replicate {run.replicate})"
        rows.append((f"{told} and compare to the last bit", f"sweep reproduce {run.trained_as}{where}"))
    ranked = [point for point in rank(evidence.searched.tested(), minimize=evidence.minimize) if point.values]
    if ranked:
        best = f"sweep reproduce {evidence.searched.points[ranked[0].name][0].trained_as}{where}"
        rows.append(("train the best trial of the search again and compare", best))
    names = " ".join(asked.execution for asked in evidence.asked)
    rows.append(("make this report again", f"sweep report {names}{where}"))
    return rows


def _again(asked: Asked) -> tuple[str, str]:
    """The command that repeats an execution, with all that its own command line replaced, and what it repeats of it."""
    what, words = "run it again, with the same points and replicates", ["sweep run", quote(asked.given or asked.name)]
    if asked.overrides is None:  # what was not recorded is not promised
        what = "run its definition again (what the command line may have replaced in it is not known)"
    if asked.extended:
        what += f", as it began (it was extended by {listed(asked.extended)} afterwards)"
    for key, value in asked.overrides or ():
        if key == "search.trials" and value.isdigit():
            words.append(f"--trials {quote(value)}")
        elif key != "search.seed":  # the seed follows, given or drawn
            words.append(f"--set {quote(f'{key}={value}')}")
    if asked.search.get("seed") is not None:
        words.append(f"--seed {asked.search['seed']}")
    if asked.first_replicate:
        words.append(f"--first-replicate {asked.first_replicate}")
    return f"{asked.execution}: {what}", " ".join(words) + _storage_option(asked)


def _storage_option(asked: Asked) -> str:
    return f" --storage {quote(asked.storage)}" if asked.storage else ""


def environment(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The machine and the versions, as recorded."""
    return [
        (name.replace("_", " "), _plain_words(value)) for name, value in asked.items() if value not in (None, "", {})
    ]


def _plain_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain_words(each)}" for name, each in value.items() if each is not None)
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return "; ".join(_plain_words(each) for each in value)
    return value if isinstance(value, str) else value_text(value)


def numbers(value: Any) -> str:
    """A count or share of the data section as text."""
    return number(float(value)) if isinstance(value, float) else str(value)
