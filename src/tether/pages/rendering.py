"""Templates filled in: everything is escaped unless a template says that it is HTML already."""

import re
from collections.abc import Callable, MutableMapping
from functools import cache, lru_cache
from types import CodeType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tether.core.phrases import count_text, size_text
from tether.pages import words
from tether.pages.addresses import asked, link
from tether.pages.assets import asset
from tether.pages.differences.text import unfolded
from tether.pages.lasting import ends_at
from tether.pages.shelf import frame_of

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No page has a script or a style inside, and none asks another host for anything."""
_SPECIAL = re.compile("[&<>\"']").search
_TIMES = 256
_REMEMBERED = 1024
"""Results that `once` remembers of a macro; for those that say the same of the same words and numbers."""


def _escaped(value: Any) -> str:
    """Return what `escape` does, as text; what has nothing to escape, as most, takes half as long."""
    kind = type(value)
    if kind is Markup or (kind is str and _SPECIAL(value) is None):
        text: str = value
        return text
    return str(value) if kind is int else escape(value)


class _Template(Template):
    """A template whose output goes through `_escaped`; expressions that make HTML keep the slower one."""

    @classmethod
    def from_code(
        cls,
        environment: Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> Template:
        """Return the template of compiled code, which has `escape` for its output alone."""
        made = super().from_code(environment, code, globals, uptodate)
        made.root_render_func.__globals__["escape"] = _escaped
        return made


class _Environment(Environment):
    template_class = _Template


def _time(micros: int, now: int) -> Markup:
    """Return a time as an element that says how long ago it was; those of one page are often the same."""
    text, ends = _time_at(micros, now)
    ends_at(ends)
    return text


@lru_cache(_TIMES)
def _time_at(micros: int, now: int) -> tuple[Markup, int]:
    stamp, moment, ago = words.stamp(micros), words.moment(micros), words.ago(micros, now)
    # Numbers and words of ours: nothing in them is to be escaped.
    text = Markup(f'<time datetime="{stamp}" title="{moment}">{ago}</time>')
    return text, words.ago_ends(micros, now)


@cache
def _environment() -> Environment:
    made = _Environment(
        loader=PackageLoader("tether.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        size=size_text,
        count="{:,}".format,
        moment=words.moment,
        stamp=words.stamp,
        short=words.short,
        is_id=words.is_id,
        unmarked=words.unmarked,
        shown=words.shown_path,
        can_be_said=words.can_be_said,
        first_line=words.first_line,
        rest=words.rest,
        hue=words.hue,
        figure=words.figure,
        conflict=words.conflict_words,
        asked=asked,
        unfolded=unfolded,
    )
    made.globals.update(
        asset=asset, link=link, plural=count_text, time_element=_time, once=lru_cache(_REMEMBERED)
    )
    return made


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a template filled in, with what stands around it.

    Args:
        request: The request that it answers.
        template: Its name among the templates of the package.
        status: Of the reply.
        context: What the template wants.
    """
    frame = frame_of(request)
    text = _environment().get_template(template).render(frame=frame, here=request.url.path, **context)
    # Messages of errors have bytes of names that are not UTF-8 as lone surrogates.
    data = text.encode("utf-8", "backslashreplace")
    return HTMLResponse(data, status, {"Content-Security-Policy": POLICY, "Vary": "Cookie"})
