"""Asking once more: what cannot be taken back lightly is done by the second of two forms.

The page with the question has all that was sent, and one field more. It needs no script, and rights are asked
for before the question and before the deed.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tether.hub.pages.forms import Form
from tether.pages.rendering import page

_FIELD = "sure"


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody is asked before something dangerous is done.

    Attributes:
        title: The question.
        words: What would become of what.
        button: What is done, on the button.
        back: Where one goes who is not sure.
        typed: What must be typed too; empty if nothing.
    """

    title: str
    words: str
    button: str
    back: str
    typed: str = ""


def is_sure(form: Form, question: Question) -> bool:
    """Say whether somebody was asked and has answered yes."""
    return form.get(_FIELD) == "yes" and (not question.typed or form.get("typed") == question.typed)


def ask(request: Request, form: Form, question: Question) -> Response:
    """Return the page with the question; what was sent comes along."""
    wrong = form.get(_FIELD) == "yes"
    kept = {name: value for name, value in form.items() if name not in (_FIELD, "typed")}
    return page(request, "hub/sure.html", 400 if wrong else 200, question=question, kept=kept, wrong=wrong)
