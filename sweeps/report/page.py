"""From evidence to one HTML page: which sections, which pictures, in what order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sweeps.figures.palette import DARK, LIGHT, variables
from sweeps.figures.picture import Picture
from sweeps.report import tables
from sweeps.report.answer import Answer, answer
from sweeps.report.comparison_sections import comparison_sections
from sweeps.report.confirmation import is_comparison, measure_of, verdict_of
from sweeps.report.curve_pictures import curves_picture
from sweeps.report.deeper_pictures import anytime_picture, importance_pictures, parallel_picture, plane_picture
from sweeps.report.evidence import Asked, Evidence, trained
from sweeps.report.factors import Factor, compared_factor, find_factors, thirds, whole
from sweeps.report.inside_pictures import gradients_picture, histograms_picture, shares_picture
from sweeps.report.level_pictures import levels_picture, other_factors_picture
from sweeps.report.level_tables import levels_table
from sweeps.report.regularization_pictures import gap_picture, grid_curves_picture, ravine_picture
from sweeps.report.search_pictures import progress_picture, slices_picture
from sweeps.report.section import Section, there
from sweeps.report.surrogate_pictures import steps_picture
from sweeps.report.verdict_answer import comparison_text, how_sure, verdict_answer
from sweeps.report.verdict_pictures import verdict_picture
from sweeps.report.verdict_tables import confirmed_trials, judged_levels, judged_pairs
from sweeps.report.words import count_text, listed, metric_words, seconds_text, value_text

MOST_FACETS = 4  # levels of a second, crossed factor that get a panel each beside each other


@dataclass(frozen=True)
class Sure:
    """What stands behind a verdict: sentences, its levels and its pairs."""

    sentences: tuple[str, ...]
    levels: tables.Table
    pairs: tables.Table | None


@dataclass(frozen=True)
class AskedText:
    """What was asked of one execution, as text."""

    execution: str
    description: str
    title: str  # of the text: whether anything in it was replaced
    text: str
    pairs: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """Everything the template shows."""

    title: str
    subject: str
    question: str
    style: str
    answer: Answer
    facts: tuple[tuple[str, str], ...]
    lead: Picture | None
    sure: Sure | None
    contents: tuple[tuple[str, str], ...]
    best: tables.Table
    levels: tables.Table | None
    factor: str
    sections: tuple[Section, ...]
    failures: tuple[tables.Failure, ...]
    failure_sentence: str
    troubles: tuple[tables.Trouble, ...]
    asked: tuple[AskedText, ...]
    searched: tables.Table
    trials: tables.Table
    confirmed: tables.Table | None
    commands: tuple[tuple[str, str], ...]
    footer: str

    @property
    def pictures(self) -> list[Picture]:
        """Every picture of the page, in order."""
        inside = [picture for section in self.sections for picture in (*section.pictures, *section.more)]
        return ([self.lead] if self.lead is not None else []) + inside


def make_page(evidence: Evidence) -> Page:
    """The page of some executions' evidence."""
    searched, verdict = evidence.searched, verdict_of(evidence)
    factors = find_factors(evidence)
    main = factors[0] if factors else None
    lead, sure = None, None
    compared = compared_factor(evidence)
    if verdict is not None and compared is not None:
        lead = verdict_picture(verdict, compared, measure_of(evidence.first))
        sure = Sure(how_sure(evidence, verdict), judged_levels(evidence, verdict), judged_pairs(evidence, verdict))
    elif any(run.counts for run in searched.runs):
        lead = _searched_lead(searched, factors)
    sections = tuple(section for section in _sections(evidence, factors, lead) if section.pictures or section.more)
    failures, sentence = tables.failures(evidence)
    troubles = tables.troubles(evidence, factors)
    best = tables.best_points(searched.own)
    contents = [("sure", "How sure this is")] * (sure is not None) + [("best", "Best points")] * _has_best(sure, best)
    contents += [(section.name, section.title) for section in sections]
    contents += [("failures", "Failures and diagnoses")] if failures or troubles else []
    contents += [("asked", "What was asked"), ("trials", "All trials"), ("reproduce", "How to reproduce")]
    subject = ", ".join(asked.execution for asked in evidence.asked)
    told = answer(searched, main, _crossed(searched, factors)) if verdict is None else verdict_answer(evidence, verdict)
    return Page(
        title=f"{subject} – comparison of trainings",
        subject=f"{subject} · {count_text(trained(evidence.runs), 'training')}",
        question=evidence.first.description or f"What did {subject} find?",
        style=_style(),
        answer=told,
        facts=tuple(_facts(evidence)),
        lead=lead,
        sure=sure,
        contents=tuple(contents),
        best=best,
        levels=levels_table(searched, main) if main is not None and not is_comparison(evidence.first) else None,
        factor=main.name.replace("_", " ") if main is not None else "",
        sections=sections,
        failures=tuple(failures),
        failure_sentence=sentence,
        troubles=tuple(troubles),
        asked=tuple(_asked(asked) for asked in evidence.asked),
        searched=tables.searched(evidence),
        trials=tables.all_trials(searched),
        confirmed=confirmed_trials(evidence),
        commands=tuple(tables.reproduce(evidence)),
        footer="Made by Kurabe from MLflow alone; this file needs no network. Intervals cover the randomness of "
        "training on this one split of the data, not the sampling of the data.",
    )


def _has_best(sure: Sure | None, best: tables.Table) -> bool:
    return sure is None or bool(best.rows)


def _searched_lead(searched: Evidence, factors: tuple[Factor, ...]) -> Picture | None:
    if factors:
        return levels_picture(searched, factors[0], _crossed(searched, factors))
    return progress_picture(searched)


def render(page: Page) -> str:
    """The page as HTML, everything escaped."""
    from jinja2 import Environment, StrictUndefined

    source = files("sweeps.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(page=page)


def _crossed(evidence: Evidence, factors: tuple[Factor, ...]) -> Factor | None:
    """A second factor whose every combination with the first was tried: then each of its levels gets a panel."""
    if len(factors) < 2 or not evidence.gridded:
        return None
    first, second = factors[0], factors[1]
    pairs = {(first.of(run), second.of(run)) for run in evidence.runs}
    complete = all((a, b) in pairs for a in first.levels for b in second.levels)
    return second if complete and len(second.levels) <= MOST_FACETS else None


def _sections(evidence: Evidence, factors: tuple[Factor, ...], lead: Picture | None) -> list[Section]:
    if factors and is_comparison(evidence.first) and evidence.confirmed.runs:
        return comparison_sections(evidence, factors[0])
    searched = evidence.searched
    main = factors[0] if factors else thirds(searched) or whole(searched)
    second = _crossed(searched, factors)
    curves = [curves_picture(searched, main, kind, second) for kind in ("loss", "accuracy")]
    grid = grid_curves_picture(searched, main) if factors else None
    further = [curves_picture(searched, factor) for factor in factors[1:]] if second is None else []
    return [
        Section("curves", "Learning curves", there([*curves, grid]), there(further), "Loss by every other choice"),
        _inside(searched, factors),
        _search(searched, factors, lead),
    ]


def _inside(evidence: Evidence, factors: tuple[Factor, ...]) -> Section:
    """Activations and gradients, by initial weights where they were varied, else by the first choice other than the
    activation.
    """
    named = {factor.name: factor for factor in factors}
    others = [factor for factor in factors if factor.name != "activation"]
    inner = named.get("initializer") or next(iter([*others, *factors]), whole(evidence))
    shown = [histograms_picture(evidence, inner), gradients_picture(evidence, inner)]
    main = factors[0] if factors else None
    shown += [gap_picture(evidence, main), ravine_picture(main) if main is not None else None]
    shares = [shares_picture(evidence, inner, prefix) for prefix in ("dead", "saturated")]
    return Section("inside", "Inside the networks", there(shown), there(shares), "Dead units and saturation")


def _search(evidence: Evidence, factors: tuple[Factor, ...], lead: Picture | None) -> Section:
    main = factors[0] if factors else None
    progress = progress_picture(evidence)
    if lead is not None and progress is not None and lead.name == progress.name:
        progress = None
    found, names = importance_pictures(evidence, evidence.runs)
    levels = None
    if main is not None and lead is not None and lead.name == "verdict" and any(run.counts for run in evidence.runs):
        levels = levels_picture(evidence, main, _crossed(evidence, factors))
    shown = [
        levels,
        progress,
        slices_picture(evidence, main),
        anytime_picture(evidence, main) if main is not None else None,
        *found[:1],
    ]
    more = [
        steps_picture(evidence, names),
        plane_picture(evidence, names),
        parallel_picture(evidence, evidence.runs),
        *found[1:],
    ]
    more.append(other_factors_picture(evidence, factors[1:]))
    return Section("search", "The search", there(shown), there(more), "More of the search")


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    runs, first = evidence.searched.runs, evidence.first
    judged = evidence.confirmed.runs
    lost = sum(run.lost for run in runs)
    points = len(evidence.searched.points)
    trials = count_text(trained(runs), "training") + (
        f" of {count_text(points, 'point')}" if points != len(runs) else ""
    )
    stopped = sum(run.status == "stopped" for run in evidence.searched.own.runs)
    trials += (f", {stopped} stopped early" if stopped else "") + (f", {lost} without a value" if lost else "")
    facts = [("Searched" if judged else "Trained", trials)]
    if judged:
        confirmed = count_text(trained(judged), "training")
        confirmed += f" on fresh replicates, judged by {metric_words(measure_of(first))}"
        facts = [*(facts if runs else []), ("Confirmed", confirmed)]
    facts.append(
        ("Objective", f"{metric_words(evidence.objective)}, {'lower' if evidence.minimize else 'higher'} is better")
    )
    if runs or not judged:
        facts.append(("Search", value_text(first.search.get("strategy", "")).replace("_", " ")))
    data = first.data
    sizes = [f"{int(data[part]):,}" for part in ("train", "validation", "test") if isinstance(data.get(part), int)]
    facts.append(
        (
            "Data",
            f"{data.get('name', '')}, {' / '.join(sizes)} to train, validate, test"
            if len(sizes) == 3
            else str(data.get("name", "")),
        )
    )
    if first.seconds == first.seconds:
        facts.append(("Took", seconds_text(sum(asked.seconds for asked in evidence.asked))))
    return facts


def _asked(asked: Asked) -> AskedText:
    left_out = ("options", "confirm", "trials") if is_comparison(asked) else ("options",)
    search = {
        name: value for name, value in asked.search.items() if value not in (None, "", {}) and name not in left_out
    }
    pairs = [("comparison", comparison_text(asked))] if is_comparison(asked) else []
    pairs.append(("search", ", ".join(f"{name} {value_text(value)}" for name, value in search.items())))
    options = asked.search.get("options") or {}
    if isinstance(options, Mapping) and options:
        pairs.append(
            ("the strategy's options", ", ".join(f"{name} {value_text(value)}" for name, value in options.items()))
        )
    if asked.fixed:
        pairs.append(
            ("fixed for all trials", ", ".join(f"{name} {value_text(value)}" for name, value in asked.fixed.items()))
        )
    pairs.append(
        ("data", ", ".join(f"{name} {_short(value)}" for name, value in asked.data.items() if name != "digest"))
    )
    pairs.append(("data digest (sha256)", str(asked.data.get("digest", ""))))
    if asked.overrides:
        replaced = ", ".join(f"{key}={value}" for key, value in asked.overrides)
        pairs.append(("replaced on the command line", replaced))
    if asked.skipped:
        pairs.append(("points not trained", count_text(len(asked.skipped), "duplicate or impossible point")))
    pairs.append(("ended because", asked.closed or "it has not ended"))
    environment = [("execution", asked.execution), ("summary run", asked.run)]
    environment += [("data digest", str(asked.data.get("digest", ""))), *tables.environment(asked.environment)]
    title = "The definition as it was given" + (
        f", before the command line replaced {listed(dict.fromkeys(key for key, _ in asked.overrides))} in it"
        if asked.overrides
        else ""
    )
    return AskedText(asked.execution, asked.description, title, asked.text, tuple(pairs), tuple(environment))


def _short(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 12:
        return f"{len(value)}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value_text(value)


def _style() -> str:
    light = variables(LIGHT) + "--wash:#f5f7f9;--link:#2450c8;"
    dark = variables(DARK) + "--wash:#1c2026;--link:#93b1ff;"
    sheet = files("sweeps.report").joinpath("page.css").read_text(encoding="utf-8")
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{sheet}"
