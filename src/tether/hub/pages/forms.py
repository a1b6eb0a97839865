"""What people send with the forms of pages."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput, TetherError
from tether.hub.problems import status_of
from tether.pages.rendering import page

FORM = "application/x-www-form-urlencoded"
_FIELDS = 200
Body = TypeVar("Body", bound=BaseModel)
Form: TypeAlias = Mapping[str, str]
Endpoint: TypeAlias = Callable[[Request, Form], Response]


class Tried(NamedTuple):
    """What was sent with a form that failed, and why; a page that is looked at first has neither."""

    form: Form = MappingProxyType({})
    failure: TetherError | None = None

    def page(self, request: Request, template: str, **context: Any) -> Response:
        """Return a page that shows both again, or says that something was done."""
        status = 200 if self.failure is None else status_of(self.failure)
        done = "saved" in request.query_params
        return page(request, template, status, form=self.form, failure=self.failure, saved=done, **context)


NOTHING = Tried()


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


def as_document(kind: type[Body], values: Mapping[str, Any]) -> Body:
    """Return the values of a form as the document of a route, whose limits hold for them too.

    Raises:
        InvalidInput: They are none; the message names the first field that is wrong.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = " ".join(str(part) for part in first["loc"]) or "the form"
        raise InvalidInput(
            f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}", hint="change it"
        ) from None


def local(address: str) -> str:
    r"""Return an address of this hub to go to next; that of the first page where it leads elsewhere.

    Browsers read `//host` and `/\host` as other hosts, and drop tabs and line ends before they look.
    """
    plain = address.isprintable() and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if plain else "/"
