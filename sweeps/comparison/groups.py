"""Which alternatives stand together, and which above the others, by what the tests have shown and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Beats = tuple[str, str]  # (better, worse)


def together(names: Sequence[str], beats: Iterable[Beats]) -> tuple[tuple[str, ...], ...]:
    """The largest groups of names no two of which are separated, by insertion and absorption (Piepho 2004).

    "Not separated" is not transitive: a name may stand in several groups. The names of a group, and the groups by their
    first names, keep the order of `names`.
    """
    groups = [frozenset(names)] if names else []
    for pair in beats:
        split = [part for group in groups for part in _without(group, pair)]
        groups = [one for one in dict.fromkeys(split) if not any(one < other for other in split)]
    ordered = [tuple(name for name in names if name in group) for group in groups]
    return tuple(sorted(ordered, key=lambda group: [names.index(name) for name in group]))


def _without(group: frozenset[str], pair: Beats) -> list[frozenset[str]]:
    return [group - {name} for name in pair] if group.issuperset(pair) else [group]


def unbeaten(names: Sequence[str], beats: Iterable[Beats]) -> tuple[str, ...]:
    """The names that no other was shown to beat."""
    beaten = {worse for _, worse in beats}
    return tuple(name for name in names if name not in beaten)
