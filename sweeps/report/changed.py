"""What a new execution says that an earlier one of the same definition did not, in sentences.

Kinds worth a message: `regression` (a level got worse by more than noise), `improvement`, `new best`, `flipped` (two
levels' order was shown to be the other way round), `failures` (where none were before), `levels` (appeared, vanished)
and `incomparable` (other data, another objective). Ties that come or go are told as notes: they do by chance.

Whether a level got worse can be judged where levels were tuned in repeated searches, or not tuned at all. With one
search the best point is another one each time, and how far two such points lie apart says nothing about the level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.comparison import Changes, Verdict, changes
from sweeps.comparison.points import rank
from sweeps.report.answer import answer
from sweeps.report.confirmation import is_comparison, measure_of, verdict_of
from sweeps.report.evidence import Asked, Evidence
from sweeps.report.factors import find_factors
from sweeps.report.gathering import gather
from sweeps.report.verdict_answer import verdict_answer
from sweeps.report.words import count_text, listed, metric_text, metric_words, number_of, point_text

if TYPE_CHECKING:
    from sweeps.tracking import ExecutionRecord

KINDS = ("regression", "improvement", "new best", "flipped", "failures", "levels", "incomparable")
BROKEN = ("failed", "out_of_memory", "lost")  # ends of a training that are nobody's result
_UNTOLD = ("name", "description", "plugins_digest")  # parts of a definition whose change is not named


@dataclass(frozen=True)
class Changed:
    """What `after` says that `before` did not: `told`, (kind, sentence) each worth a message; `notes`, the rest.

    `judged`: whether a regression could have been seen; `reason` why not.
    """

    after: str
    before: str
    told: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    judged: bool
    reason: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what is told, each once, the worst first."""
        found = {kind for kind, _ in self.told}
        return tuple(kind for kind in KINDS if kind in found)


def compare(uri: str, record: ExecutionRecord, against: str = "") -> Changed:
    """Compare an execution with another in MLflow: `against`, or the finished one before it, if there is one.

    Raises:
        TrackingError: MLflow does not answer, or does not hold `against`.
    """
    from sweeps.tracking import executions_before, read_execution

    earlier = against or next(reversed(executions_before(uri, record.name)), "")
    if not earlier:
        return Changed(record.name, "", (), (), judged=True, reason="there is no earlier execution to compare with")
    (before,) = read_execution(uri, earlier)
    return changed(gather([before]), gather([record]))


def headline(evidence: Evidence) -> str:
    """What the report's page says first, with the best point's settings where the page shows them below."""
    verdict = verdict_of(evidence)
    if verdict is not None:
        told = verdict_answer(evidence, verdict)
    else:
        factors = find_factors(evidence.searched)
        told = answer(evidence.searched, factors[0] if factors else None)
    settings = ", ".join(f"{name} {value}" for name, value in told.settings)
    return f"{told.headline.replace(' (below)', '')} Settings: {settings}." if settings else told.headline


def changed(before: Evidence, after: Evidence) -> Changed:
    """Compare the first executions of both."""
    old, new = before.first, after.first
    names = (new.execution, old.execution)
    if (other := _incomparable(before, after)) != "":
        return Changed(*names, (("incomparable", f"not compared: {other}."),), (), judged=False, reason=other)
    notes = list(_definition_notes(old, new))
    told = list(_broken(before, after))
    was, now = verdict_of(before), verdict_of(after)
    if not is_comparison(new) or was is None or now is None:
        notes += _best_point(before, after)
        reason = _NO_COMPARISON if not is_comparison(new) else "nothing was confirmed in one of the two executions"
        return Changed(*names, tuple(told), tuple(notes), judged=False, reason=reason)
    try:
        found = changes(was, now)
    except ValueError:
        reason = "one is about levels that were tuned repeatedly, the other is not"
        return Changed(*names, (("incomparable", f"not compared: {reason}."), *told), tuple(notes), False, reason)
    metric = measure_of(new)
    told += _told(found, (was, now), metric)
    notes += _notes(found)
    tested = any(each.p is not None for each in found.levels)
    reason = "" if found.judged and tested else _ONE_SEARCH if not found.judged else "fewer than two values a level"
    return Changed(*names, tuple(sorted(told, key=_by_kind)), tuple(notes), not reason, reason)


_NO_COMPARISON = "a plain search finds other points each time; a [comparison] with repeats can be judged"
_ONE_SEARCH = "each level was tuned in one search only; comparison.repeats = 3 or more can be judged"


def _by_kind(told: tuple[str, str]) -> int:
    return KINDS.index(told[0])


def _incomparable(before: Evidence, after: Evidence) -> str:
    old, new = before.first, after.first
    if old.data.get("digest") != new.data.get("digest"):
        digests = " then, ".join(str(each.data.get("digest"))[:12] for each in (old, new))
        return f"the data are others (digest {digests} now)"
    if (before.objective, before.minimize) != (after.objective, after.minimize):
        return f"the objective was {before.objective}, it is {after.objective} now"
    if is_comparison(old) != is_comparison(new):
        return "one of the two is a comparison of levels, the other a plain search"
    if is_comparison(new) and measure_of(old) != measure_of(new):
        return f"it was judged by {measure_of(old)}, it is by {measure_of(new)} now"
    return ""


def _definition_notes(old: Asked, new: Asked) -> Iterator[str]:
    """Which parts of the definition are others; the search seed is meant to be."""
    parts = []
    for name in sorted({*old.definition, *new.definition} - set(_UNTOLD)):
        pair = [each.definition.get(name) for each in (old, new)]
        if name == "search":
            pair = [{k: v for k, v in (each or {}).items() if k != "seed"} for each in pair]
        if pair[0] != pair[1]:
            parts.append({"fixed": "model or training"}.get(name, name))
    if parts:
        yield f"The definition has changed since {old.execution}: {listed(parts)}."


def _broken(before: Evidence, after: Evidence) -> Iterator[tuple[str, str]]:
    """Trainings that raised, ran out of memory or were lost, where none did before."""
    then, now = ([run for run in each.runs if run.status in BROKEN] for each in (before, after))
    if now and not then:
        last = next((run.error.strip().splitlines()[-1] for run in now if run.error.strip()), "")
        words = f"{count_text(len(now), 'training')} of {len(after.runs):,} broke down, none did before"
        yield "failures", f"{words}: {last}" if last else f"{words}."


def _best_point(before: Evidence, after: Evidence) -> Iterator[str]:
    """The best value found in each; no more than that can be said of two searches."""
    then, now = (rank(each.searched.tested(), minimize=each.minimize)[:1] for each in (before, after))
    if then and now and then[0].values and now[0].values:
        metric = after.objective
        point = point_text(after.points[now[0].name][0].point)
        was, found = (metric_text(metric, each[0].estimate.mean or 0.0) for each in (then, now))
        yield f"Best {metric_words(metric)} found: {found} ({point}); {was} in {before.first.execution}."


def _told(found: Changes, verdicts: tuple[Verdict, Verdict], metric: str) -> Iterator[tuple[str, str]]:
    before, after = verdicts
    for kind, levels, word in (
        ("regression", found.regressions, "worse"),
        ("improvement", found.improvements, "better"),
    ):
        for each in levels:
            means = [metric_text(metric, v.level(each.level).estimate.mean or 0.0) for v in (before, after)]
            by = number_of(abs(each.worse or 0.0), metric)
            surely = f"corrected p = {each.adjusted:.2g}" if each.adjusted is not None else ""
            told = f"{each.level} got {word} by {by}: {metric_words(metric)} {means[1]}, was {means[0]} ({surely})."
            yield kind, told
    if found.new_best:
        yield "new best", f"{listed(found.new_best)} {_is(found.new_best)} the best now; it was {listed(before.best)}."
    for better, worse in found.flipped:
        yield "flipped", f"{better} beats {worse} now; it was the other way round."
    for failure in found.new_failures:
        of = f"{failure.after} of {failure.after_total}"
        yield "failures", f"{failure.level}: {of} confirmed trainings diverged or failed, none did before."
    for names, verb in ((found.appeared, "new"), (found.vanished, "gone")):
        if names:
            yield "levels", f"{listed(names)} {_is(names)} {verb}."


def _notes(found: Changes) -> Iterator[str]:
    for pairs, words in ((found.settled, "separated now"), (found.unsettled, "no longer separated")):
        for better, worse in pairs:
            yield f"{better} and {worse} are {words}, which may be chance."


def _is(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
