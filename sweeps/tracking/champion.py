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
    """Compare two versions by their tags: the better validation value wins, on the same data and objective alone.

    A champion whose value cannot be compared stays: somebody has chosen it, or it was chosen for another task.
    """
    if champion is None:
        return Verdict(True, "the first")
    other = [word for name, word in _ALIKE.items() if new.get(name) != champion.get(name)]
    if other or names.VALUE not in champion:
        return Verdict(False, f"not comparable with the champion: another {', '.join(other) or 'kind of version'}")
    ours, theirs = float(new[names.VALUE]), float(champion[names.VALUE])
    better = ours < theirs if new[names.DIRECTION] == "minimize" else ours > theirs
    word = "better" if better else "not better"
    return Verdict(better, f"{new[names.OBJECTIVE]} {ours:.5g} is {word} than the champion's {theirs:.5g}")
