"""What people write with forms: limits, and the status of a page that comes again with what was wrong."""

from markupsafe import Markup

from tether.errors import InvalidInput, TetherError
from tether.hub.pages.conversations.held import Held
from tether.hub.pages.conversations.texts import Texts
from tether.hub.pages.forms import Form
from tether.hub.problems import status_of

LONGEST = 100_000
"""Characters of a text."""
_TITLE = 250


def texts_of(form: Form) -> None:
    """Refuse texts that are longer than programs may send.

    Raises:
        InvalidInput: One is.
    """
    if len(form.get("title", "")) > _TITLE:
        raise InvalidInput(f"a title has {_TITLE} characters at most", hint="say the rest in the text")
    if any(len(value) > LONGEST for value in form.values()):
        raise InvalidInput(f"a text has {LONGEST:,} characters at most", hint="put it into a file")


def failed(failure: TetherError) -> int:
    """Return the status of a page that tells of a failure; nobody is asked to sign in by the browser."""
    return status_of(failure)


def preview_of(held: Held, form: Form) -> Markup | None:
    """Return how what was written will look, if somebody asks; None otherwise."""
    if "preview" not in form:
        return None
    text = form.get("body", "")
    with held.hub.database.session(reads_only=True) as session:
        return Texts(session, [text], held.shown.base, held.shown.branch).html(text)
