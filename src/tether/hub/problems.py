"""Every failure as a reply: `{"error": {"code", "message", "hint"}}`, and its status, given here alone."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tether import errors
from tether.hub.pages.failing import failure_page, wants_page
from tether.hub.routes.documents import ProblemDocument
from tether.hub.seldom import Seldom
from tether.storage.oserrors import FULL

STATUSES: dict[type[errors.TetherError], int] = {
    errors.InvalidInput: 400,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.Conflict: 409,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Corrupt: 500,
    errors.Unavailable: 503,
    errors.RateLimited: 429,
    errors.QuotaExceeded: 507,
    errors.Unsupported: 422,
}
_logger = logging.getLogger("tether.hub")
_GONE_S = 10.0
_gone_told = Seldom(_GONE_S)
"""That storage lacks something is no failure where it was merged away, and anybody may ask often."""
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemDocument},
    "5XX": {"model": ProblemDocument},
}
"""What OpenAPI says of failures."""
_CODES = {404: errors.NotFound.code, 405: errors.InvalidInput.code}
_SOON_S = "2"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tether", Basic realm="tether"'}


def status_of(error: errors.TetherError) -> int:
    """Return the status of the nearest class in the table; 500 where none is."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def reply(
    status: int, code: str, message: str, hint: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a reply that tells of a failure; odd bytes of names that are not UTF-8 are shown as escapes."""
    body = {"error": {"code": code, "message": _encodable(message), "hint": hint and _encodable(hint)}}
    return JSONResponse(body, status, headers=dict(headers or {}))


def _encodable(text: str) -> str:
    """Return a text as UTF-8 can hold it: names are bytes, and messages have some as lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def reply_to(error: errors.TetherError) -> JSONResponse:
    """Return the reply for an error of ours."""
    status = status_of(error)
    headers = dict(_CHALLENGE) if status == 401 else {}
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.wait_s)
    elif status == 503:
        headers["Retry-After"] = _SOON_S
    return reply(status, error.code, str(error), error.hint, headers)


def bug(request_id: str) -> JSONResponse:
    """Return the reply for what nobody foresaw: without details, which are in the log under the id."""
    hint = f"report it with the request id {request_id}"
    return reply(500, errors.TetherError.code, "this is a bug in the hub", hint)


def install(app: Starlette) -> None:
    """Let the application answer failures in our form."""
    app.add_exception_handler(errors.TetherError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.TetherError)
    outward = told(request, error)
    return await _as_wanted(request, outward, reply_to(outward))


def told(request: Request, error: errors.TetherError) -> errors.TetherError:
    """Log what the one who asked cannot mend, and return what they are told.

    Whoever shows an error in an answer of their own asks for it here; all others are answered here.
    """
    request_id = request.state.request_id
    where = f"{request.method} {request.url.path}, request {request_id}"
    is_gone = error.of_storage and isinstance(error, errors.NotFound) and not _is_lost(request)
    outward = _gone() if is_gone else _for_outsiders(error, request_id)
    if status_of(outward) >= 500 and not isinstance(error, errors.QuotaExceeded):
        _logger.error("%s failed: %s", where, error, exc_info=None if _is_full(error) else error)
    elif is_gone and (more := _gone_told.due()) is not None:
        others = f", and {more} others before" if more else ""
        _logger.warning("%s found less in storage than is named%s: %s", where, others, error)
    return outward


def _is_lost(request: Request) -> bool:
    """Say whether the folder with all repositories is not there, as when no disk is mounted."""
    hub = getattr(request.state, "hub", None)
    return hub is not None and not hub.settings.repositories.is_dir()


def _gone() -> errors.NotFound:
    return errors.NotFound("what was asked for is not there any more")


def _for_outsiders(error: errors.TetherError, request_id: str) -> errors.TetherError:
    """Return what who asked is told: where storage is, and what it refuses to the hub, is not for them.

    Keys of a bucket that ended would read as a token that ended, and a full disk of the hub as one of theirs.
    """
    if not error.of_storage:
        return error
    hint = f"try again later; the log of the hub has the reason at request {request_id}"
    what = "the hub has no room left on its disk" if _is_full(error) else "the hub cannot use its storage now"
    return errors.Unavailable(what, hint=hint)


def _is_full(error: Exception) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in FULL


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Name the first field that is wrong; the value is not repeated, since it may be a secret."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return reply(
        400,
        errors.InvalidInput.code,
        f"{place}: {first['msg'].lower()}",
        "see /api/v1/openapi.json on this hub",
    )


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, errors.InvalidInput.code)
    answer = reply(error.status_code, code, error.detail.lower(), headers=error.headers)
    return (
        await _as_wanted(request, errors.NotFound("no such page"), answer)
        if error.status_code == 404
        else answer
    )


async def _as_wanted(request: Request, error: errors.TetherError, answer: JSONResponse) -> Response:
    """Return a page in place of a document for who asked with a browser, unless not even that can be made."""
    if not wants_page(request):
        return answer
    with suppress(errors.TetherError):
        return await run_in_threadpool(failure_page, request, error, answer)
    return answer
