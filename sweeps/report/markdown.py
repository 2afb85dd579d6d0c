"""The report's summary as Markdown: the answer, its cautions, and the levels judged (or the best points), for a chat,
an issue or a mail.
"""

from __future__ import annotations

import re

from sweeps.report.page import Page
from sweeps.report.tables import Table

_special = re.compile(r"([\\`*_{}\[\]|~$])")
_opening = re.compile(r"^(\d*)([-+=#](?=[-=#\s]|$)|(?<=\d)[.)](?=\s))")  # what would begin a list, a rule or a heading
MOST_ROWS = 5


def summary(page: Page) -> str:
    """Markdown of the page's first screen. Whatever came from a sweep stands there as plain words."""
    found = page.answer
    lines = [f"# {escape(page.question)}", "", escape(page.subject), "", f"**{escape(found.headline)}**"]
    if found.settings:
        lines += ["", ", ".join(f"{escape(name)} {escape(value)}" for name, value in found.settings)]
    if found.detail:
        lines += ["", escape(found.detail)]
    if found.cautions:
        lines += ["", "Before you rely on this:", "", *(f"- {escape(caution)}" for caution in found.cautions)]
    if page.sure is not None:
        lines += ["", *_rows(page.sure.levels), "", *(f"- {escape(sentence)}" for sentence in page.sure.sentences), ""]
    else:
        lines += ["", *_rows(page.best), ""]
    return "\n".join(lines)


def _rows(table: Table) -> list[str]:
    if not table.rows:
        return []
    head = [escape(text) or " " for text, _ in table.head]
    rule = ["---:" if number else "---" for _, number in table.head]
    rows = [[escape(cell) for cell in row] for row in table.rows[:MOST_ROWS]]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def escape(text: str) -> str:
    """Text on one line in which nothing is Markdown, HTML, a link or a mention."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    line = _special.sub(r"\\\1", line).replace("://", ":\\//").replace("www.", "www\\.")
    return _opening.sub(r"\1\\\2", line)
