"""What may be tried: axes, conditions, points, and the grid over them."""

from sweeps.space.axes import Axis, Choice, Condition, Range, ordered
from sweeps.space.grid import Grid, GridTooLarge
from sweeps.space.point import Point, Value
from sweeps.space.space import Space, SpaceError

__all__ = [
    "Axis",
    "Choice",
    "Condition",
    "Grid",
    "GridTooLarge",
    "Point",
    "Range",
    "Space",
    "SpaceError",
    "Value",
    "ordered",
]
