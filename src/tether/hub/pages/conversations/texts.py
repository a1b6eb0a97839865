"""What people said, as HTML: Markdown whose mentions are links, so much of it on a page."""

from collections.abc import Iterable

from markupsafe import Markup
from sqlalchemy.orm import Session

from tether.hub.conversations.mentions import known_names, names_in
from tether.pages.markdown import render

MOST = 512 * 1024
"""Characters that are made HTML for one page; texts behind them are shown as they were written."""


class Texts:
    """Makes texts of one page HTML.

    Args:
        session: For the names that are called.
        texts: All of the page.
        base: The address of the repository, for relative links.
        rev: The revision of those links.
    """

    def __init__(self, session: Session, texts: Iterable[str], base: str, rev: str) -> None:
        self._room, self._base, self._rev = MOST, base, rev
        keys = dict.fromkeys(key for text in texts for key in names_in(text))
        self._people = known_names(session, list(keys))

    def html(self, text: str) -> Markup:
        """Return a text as HTML."""
        self._room -= len(text)
        if self._room < 0:
            return Markup("<pre>{}</pre>").format(text)
        return render(text, self._base, self._rev, people=self._people)
