"""The sections of a comparison: everything by level, from its confirmed trainings and from its searches."""

from __future__ import annotations

from sweeps.report.comparison_pictures import gaps_picture, searches_picture, target_picture
from sweeps.report.curve_pictures import curves_picture
from sweeps.report.deeper_pictures import importance_pictures, parallel_picture
from sweeps.report.evidence import Evidence
from sweeps.report.factors import Factor
from sweeps.report.inside_pictures import gradients_picture, histograms_picture, shares_picture
from sweeps.report.range_pictures import range_pictures
from sweeps.report.regularization_pictures import ravine_picture
from sweeps.report.search_pictures import slices_picture
from sweeps.report.section import Section, there
from sweeps.report.strategy_pictures import strategies_picture
from sweeps.report.surrogate_pictures import steps_picture


def comparison_sections(evidence: Evidence, factor: Factor) -> list[Section]:
    """The first execution's confirmed trainings, their curves and insides, then its searches."""
    evidence = evidence.of(evidence.first.execution)
    confirmed, searched = evidence.confirmed, evidence.searched
    curves = [curves_picture(confirmed, factor, kind, confirmed=True) for kind in ("loss", "accuracy")]
    time = [target_picture(evidence, factor), gaps_picture(evidence, factor)]
    # Where levels chose an activation, those that they did not choose are worth a look, too.
    looked = evidence if any(axis.name == "activation" for axis in evidence.axes) else confirmed
    inside = [histograms_picture(looked, factor), gradients_picture(looked, factor)]
    shares = [shares_picture(looked, factor, prefix) for prefix in ("dead", "saturated")]
    sections = [
        Section("works", "Where training works", tuple(range_pictures(searched, factor))),
        Section("curves", "Learning curves of the confirmed trainings", there([*curves, *time])),
        Section("inside", "Inside the networks", there([*inside, *shares, ravine_picture(factor)])),
    ]
    if searched.runs:
        found, names = importance_pictures(searched, searched.runs)
        shown = [searches_picture(evidence, factor), strategies_picture(searched, factor, names)]
        shown += [steps_picture(evidence, names), slices_picture(searched, factor), *found[:1]]
        more = [*found[1:], parallel_picture(searched, searched.runs)]
        sections.append(Section("search", "The searches", there(shown), there(more), "More of the searches"))
    return sections
