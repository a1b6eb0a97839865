"""What people send with the forms of pages."""

from collections.abc import Callable
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput

FORM = "application/x-www-form-urlencoded"
_FIELDS = 200
Form: TypeAlias = dict[str, str]
Endpoint: TypeAlias = Callable[[Request, Form], Response]


def of_form(answer: Endpoint) -> Callable[[Request], "object"]:
    """Return an endpoint that reads the form that was sent, and answers in a thread.

    Raises:
        InvalidInput: What was sent is no form.
    """

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise InvalidInput("this page takes forms only", hint="use the page, or /api/v1 from programs")
        form = parse_form(await request.body())
        return await run_in_threadpool(answer, request, form)

    return endpoint


def parse_form(body: bytes) -> Form:
    """Return the fields of a form, the last of each name.

    Raises:
        InvalidInput: It is no form.
    """
    from urllib.parse import parse_qsl

    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"
        )
    except (ValueError, UnicodeDecodeError):
        raise InvalidInput("the form cannot be read", hint="send it again from the page") from None
    return dict(pairs)


def local(address: str) -> str:
    r"""Return an address of this hub to go to next; that of the first page where it leads elsewhere.

    Browsers read `//host` and `/\host` as other hosts, and drop tabs and line ends before they look.
    """
    plain = address.isprintable() and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if plain else "/"
