"""Colours that keep their meaning: one colour per level, in every figure, in light and in dark.

Figures are drawn once, in the light colours below. Inside the page each of these hex values is replaced by a CSS
variable of the same name, so one drawing serves light, dark and print. The eight level colours were chosen by
maximising the smallest distance between any two (OKLab) under normal vision and simulated protanopia, deuteranopia
and tritanopia (Machado et al. 2009), with at least 3:1 contrast to the paper (WCAG 2.2, 1.4.11); their smallest
distance is about 1.4 times that of the Okabe-Ito palette. Colour is never the only sign: panels carry their level's
name, and markers differ as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#ffffff",
        "ink": "#1d2329",
        "muted": "#626b75",
        "faint": "#dde2e8",
        "ghost": "#b9c1ca",
        "alarm": "#c0271a",
        "level0": "#3860e0",
        "level1": "#d57e0a",
        "level2": "#05a38e",
        "level3": "#a43b73",
        "level4": "#751aa0",
        "level5": "#716c00",
        "level6": "#790001",
        "level7": "#22374c",
        # Layers have an order, so they get a ramp: from the input (pale) to the output (deep).
        "layer0": "#bf8400",
        "layer1": "#d07c1c",
        "layer2": "#d46a35",
        "layer3": "#cc5450",
        "layer4": "#b9386e",
        "layer5": "#9b2a80",
        "layer6": "#76248c",
        "layer7": "#4a218a",
    }
)
DARK: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#15181d",
        "ink": "#e8ebef",
        "muted": "#9aa4af",
        "faint": "#2c323a",
        "ghost": "#545d68",
        "alarm": "#ff7b6b",
        "level0": "#7799ee",
        "level1": "#f89021",
        "level2": "#34d7b2",
        "level3": "#b9579b",
        "level4": "#8954fd",
        "level5": "#f4d754",
        "level6": "#e6472e",
        "level7": "#cceeff",
        "layer0": "#8a6bf0",
        "layer1": "#a866e6",
        "layer2": "#c662d3",
        "layer3": "#de63b8",
        "layer4": "#ee6e98",
        "layer5": "#f68279",
        "layer6": "#f79f5d",
        "layer7": "#f5c04a",
    }
)
LEVELS = 8
LAYERS = 8
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")


def assign(levels: Sequence[str], order: Sequence[str] = ()) -> dict[str, int]:
    """The colour number of each level: its place in `order` (the registry's), the same in every report.

    A level such as "normal 0.01" takes the place of its first word. Levels unknown to `order` follow after it. Where
    two levels shown together would meet on one number, the later one takes the next free number; beyond eight,
    colours repeat.
    """
    places = {name: place for place, name in enumerate(order)}
    colours: dict[str, int] = {}
    for level in levels:
        place = places.get(level, places.get(level.split(" ", 1)[0], len(order)))
        taken = set(colours.values()) if len(colours) < LEVELS else set()
        tries = ((place + step) % LEVELS for step in range(LEVELS))
        colours[level] = next((number for number in tries if number not in taken), place % LEVELS)
    return colours


def level(number: int) -> str:
    """The light colour of a level's number; the page replaces it by the variable `--level<number>`."""
    return LIGHT[f"level{number % LEVELS}"]


def marker(number: int) -> str:
    """The marker that goes with a level's colour."""
    return MARKERS[number % LEVELS]


def layer(index: int, count: int) -> str:
    """The colour of layer `index` (from 0) of `count`: over the whole ramp, the last layer always the deepest."""
    place = LAYERS - 1 if count <= 1 else round(index * (LAYERS - 1) / (count - 1))
    return LIGHT[f"layer{place}"]


def variables(theme: Mapping[str, str]) -> str:
    """The CSS declarations of a theme: `--ink:#1d2329;…`."""
    return "".join(f"--{name}:{colour};" for name, colour in theme.items())
