"""Messages to people when something changed: addresses from the environment or a private file, sent by Apprise.

Addresses are Apprise's URLs (https://github.com/caronc/apprise/wiki): `json://host/path` and `jsons://` (a webhook),
`slack://…`, `mailto://` and `mailtos://`, and a hundred more. They hold secrets, so they are taken from KURABE_NOTIFY
(several with blanks between them) or from a file that nobody else may read, never from the command line, and no message
of this module shows more of one than its place and its kind.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sweeps.schedule.mistakes import ScheduleError

VARIABLE = "KURABE_NOTIFY"
_KIND = re.compile(r"[a-z][a-z0-9]{0,19}(?=://)", re.IGNORECASE)


@dataclass(frozen=True)
class Addresses:
    """Where messages go, in order; `urls` are secret and never part of a text."""

    urls: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Addresses({', '.join(self.kinds)})"

    @property
    def kinds(self) -> tuple[str, ...]:
        """What may be shown of each address."""
        return tuple(f"address {place} ({_kind(url)})" for place, url in enumerate(self.urls, 1))

    def send(self, title: str, text: str, told: Collection[int] = ()) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Send a message to all but those at the places `told` (from 0).

        Returns:
            The places that have it now, and a sentence about each that could not be reached.
        """
        done, problems = set(told), []
        for place, url in enumerate(self.urls):
            if place in done:
                continue
            if _send(url, title, text):
                done.add(place)
            else:
                problems.append(f"the message to {self.kinds[place]} was not taken")
        return tuple(sorted(done)), tuple(problems)


def addresses(environment: Mapping[str, str] = os.environ, file: Path | None = None) -> Addresses:
    """The addresses of the variable and of a file (one a line; `#` begins a comment).

    Raises:
        ScheduleError: the file cannot be read or others may read it, or an address is none that Apprise knows.
    """
    found = environment.get(VARIABLE, "").split()
    if file is not None:
        found += _private_lines(file)
    _refuse_unknown(found)
    return Addresses(tuple(found))


def _private_lines(file: Path) -> list[str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'not a text'})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ScheduleError(f"{file}: others may read it, and it holds secrets: chmod 600 {file}")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _refuse_unknown(urls: Sequence[str]) -> None:
    if not urls:
        return
    apprise = _apprise()
    wrong = [f"address {place} ({_kind(url)})" for place, url in enumerate(urls, 1) if not apprise.Apprise().add(url)]
    if wrong:
        raise ScheduleError(
            f"{', '.join(wrong)}: not an address that Apprise knows; expected for example json://host/path, "
            f"slack://TokenA/TokenB/TokenC or mailto://user:password@example.org, in {VARIABLE} with blanks between "
            "them or in a file, one a line"
        )


def _send(url: str, title: str, text: str) -> bool:
    server = _apprise().Apprise()
    server.add(url)
    try:
        return bool(server.notify(body=text, title=title, body_format="text"))
    except Exception:  # noqa: BLE001  # a hundred plugins, each with kinds of its own; their texts may show the address
        return False


def _apprise() -> ModuleType:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it says of a failure shows hosts and paths
    return apprise


def _kind(url: str) -> str:
    found = _KIND.match(url)
    return found[0].lower() if found else "without a kind"
