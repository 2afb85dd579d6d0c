"""One part of the page: its pictures, and those that are folded away."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.figures.picture import Picture


@dataclass(frozen=True)
class Section:
    """A part of the page: its pictures, and those that are folded away."""

    name: str
    title: str
    pictures: tuple[Picture, ...]
    more: tuple[Picture, ...] = ()
    more_title: str = ""


def there(pictures: list[Picture | None]) -> tuple[Picture, ...]:
    """The pictures that there are."""
    return tuple(picture for picture in pictures if picture is not None)
