"""The rule by which the alias `champion` moves to a new version of a model. Replace `judge`, and it is another rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sweeps.tracking import names

_ALIKE = {  # what two versions must share so that their values can be compared
    names.OBJECTIVE: "objective",
    names.DIRECTION: "direction",
    names.DATA_DIGEST: "data",
    names.SPLIT: "validation part",
}


@dataclass(frozen=True)
class Verdict:
    """Whether the new version becomes the champion, and why, for people."""

    moves: bool
    why: str


def judge(new: Mapping[str, str], champion: Mapping[str, str] | None) -> Verdict:
    """Compare two versions by their tags, on the same data and objective alone: the better mean of a confirmation wins,
    a confirmed one wins over one that was not, and where neither was, the better validation value does.

    A champion whose value cannot be compared stays: somebody has chosen it, or it was chosen for another task.
    """
    if champion is None:
        return Verdict(True, "the first")
    other = [word for name, word in _ALIKE.items() if new.get(name) != champion.get(name)]
    if other or names.VALUE not in champion:
        return Verdict(False, f"not comparable with the champion: another {', '.join(other) or 'kind of version'}")
    confirmed = [names.CONFIRMED in tags for tags in (new, champion)]
    if confirmed == [True, False]:
        return Verdict(True, "confirmed on fresh replicates, which the champion was not")
    if confirmed == [False, True]:
        return Verdict(False, "not confirmed on fresh replicates, as the champion was")
    name, metric, low = names.VALUE, new[names.OBJECTIVE], new[names.DIRECTION] == "minimize"
    if all(confirmed):
        name, metric, low = names.CONFIRMED, f"mean {new[names.MEASURE]}", new[names.MEASURE].endswith("loss")
        if champion.get(names.MEASURE) != new[names.MEASURE]:
            return Verdict(False, "not comparable with the champion: confirmed by another metric")
    ours, theirs = float(new[name]), float(champion[name])
    better = ours < theirs if low else ours > theirs
    word = "better" if better else "not better"
    return Verdict(better, f"{metric} {ours:.5g} is {word} than the champion's {theirs:.5g}")
