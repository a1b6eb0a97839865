"""Failures as pages, for who asked with a browser; programs get the documents of `tether.hub.problems`."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import TetherError
from tether.pages.rendering import page
from tether.pages.shelf import shelf_of

_TITLES = {
    400: "That cannot be done like this",
    401: "Sign in to see this",
    403: "This is not open to you",
    404: "There is nothing here for you",
    409: "Something else was first",
    413: "That is too much",
    429: "Too many requests",
    503: "The hub cannot answer now",
    507: "There is no room for that",
}


def wants_page(request: Request) -> bool:
    """Say whether a browser asks for a page: those of the interface for programs get documents."""
    address = request.url.path
    return "text/html" in request.headers.get("accept", "") and not (address + "/").startswith("/api/")


def failure_page(request: Request, error: TetherError, document: Response) -> Response:
    """Return the page that tells of a failure; nobody in particular is asked to sign in where that may help.

    Args:
        request: What was asked for.
        error: What went wrong.
        document: The reply for programs: its status, and when to come again, hold for browsers too.
    """
    status = document.status_code
    viewer = shelf_of(request).frame().viewer
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/-/signin?next={quote(request.url.path)}", 303)
    answer = page(
        request,
        "failure.html",
        status,
        title=_TITLES.get(status, "Something went wrong"),
        message=str(error),
        hint=None if error.hint is None or "tether login" in error.hint else error.hint,
        code=error.code,
        sign_in=viewer is None and status in (403, 404),
        request_id=getattr(request.state, "request_id", "") if status >= 500 else "",
    )
    if "retry-after" in document.headers:
        answer.headers["Retry-After"] = document.headers["retry-after"]
    return answer
