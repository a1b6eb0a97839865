"""Makes OpenTelemetry spans of what the hub and the library tell a `tether.core.tracing.Tracer`.

What runs is kept in a variable of the context, which goes along into the threads that answer requests. Texts
of errors are never told: they have names of repositories, refs and paths.
"""

from collections import Counter
from contextlib import AbstractContextManager
from contextvars import ContextVar
from threading import Lock
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tether.core.tracing import NOTHING, Fact, Span, Tracer
from tether.errors import Corrupt, TetherError, Unavailable

MOST_SPANS = 64
"""Pieces of one name in one request or job that are told apart; more are only counted and summed up."""
_HEADER = "traceparent"
_here: "ContextVar[OpenSpan | None]" = ContextVar("tether-span", default=None)


class _Whole:
    """What is summed up for one request or job."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer, self._lock = tracer, Lock()
        self._begun: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self, name: str) -> bool:
        """Say whether one piece more of a name is told apart."""
        with self._lock:
            self._begun[name] += 1
            return self._begun[name] <= MOST_SPANS

    def ended(self, name: str, size: int) -> None:
        """Count a piece."""
        with self._lock:
            self._counts[name] += 1
            self._bytes[name] += size

    def sums(self) -> dict[str, int]:
        """Return how many pieces of each name there were, and the bytes of those that moved some."""
        with self._lock:
            found = {f"tether.sum.{_word(name)}.count": count for name, count in self._counts.items()}
            found |= {f"tether.sum.{_word(name)}.bytes": size for name, size in self._bytes.items() if size}
            return found


class OpenSpan:
    """A span from its begin to its end; what runs in the block lies below it.

    Args:
        whole: The request or job.
        name: Of the span.
        span: What OpenTelemetry made.
        above: What it lies in; None for the request or the job itself.
    """

    def __init__(self, whole: _Whole, name: str, span: trace.Span, above: "OpenSpan | None") -> None:
        self._whole, self._name, self._span, self._above = whole, name, span, above
        self._bytes = 0
        self._before: OpenSpan | None = None

    def begin(self, name: str, facts: dict[str, Fact]) -> "OpenSpan":
        """Return a span below this one."""
        span: trace.Span = trace.INVALID_SPAN
        if self._whole.take(name) and self._span.is_recording():
            context = trace.set_span_in_context(self._span, Context())
            span = self._whole.tracer.start_span(name, context)
        made = OpenSpan(self._whole, name, span, self)
        made.note(**facts)
        return made

    def note(self, **facts: Fact) -> None:
        """Add what is known now."""
        for name, value in facts.items():
            self._span.set_attribute(f"tether.{name}", value)
        self._bytes = int(facts.get("bytes", self._bytes))

    def rename(self, name: str, facts: dict[str, Fact], *, failed: bool) -> None:
        """Say what it was in the end, with facts that have names by the conventions of OpenTelemetry."""
        self._span.update_name(name)
        self._span.set_attributes(facts)
        if failed:
            self._span.set_status(StatusCode.ERROR)

    def __enter__(self) -> Self:
        self._before = _here.get()
        _here.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        _here.set(self._before)
        if error is not None:
            self._span.set_attribute("error.type", _kind_of(error))
            if _is_failure(error):
                self._span.set_status(StatusCode.ERROR)
        if self._above is None:
            self._span.set_attributes(self._whole.sums())
        else:
            self._whole.ended(self._name, self._bytes)
        self._span.end()


class HubTracer:
    """Tells OpenTelemetry; see `tether.core.tracing.Tracer`.

    Args:
        tracer: Of OpenTelemetry.
        at: What this thread works for, where the context does not say.
    """

    is_silent = False

    def __init__(self, tracer: trace.Tracer, at: OpenSpan | None = None) -> None:
        self._tracer, self._at = tracer, at

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Take the block as a piece of what runs here."""
        above = _here.get() or self._at
        return NOTHING if above is None else above.begin(name, facts)

    def job(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Take the block as work of its own."""
        made = self._root(name, Context(), SpanKind.INTERNAL)
        if made is None:
            return NOTHING
        made.note(**facts)
        return made

    def request(self, method: str, parent: str | None) -> OpenSpan | None:
        """Return the span of a request, or None if it is not told.

        Args:
            method: Of the request.
            parent: Its header `traceparent`, which may be anything. Nothing else of the request is taken up:
                `tracestate` and `baggage` are texts of others.
        """
        carrier = {} if parent is None else {_HEADER: parent}
        above = TraceContextTextMapPropagator().extract(carrier, Context())
        return self._root(method, above, SpanKind.SERVER)

    def below(self) -> Tracer:
        """Return a tracer for threads that work for what runs here."""
        return HubTracer(self._tracer, _here.get() or self._at)

    def _root(self, name: str, context: Context, kind: SpanKind) -> OpenSpan | None:
        span = self._tracer.start_span(name, context, kind)
        return OpenSpan(_Whole(self._tracer), name, span, None) if span.is_recording() else None


def _word(name: str) -> str:
    return name.replace(" ", "_")


def _kind_of(error: BaseException) -> str:
    return error.code if isinstance(error, TetherError) else type(error).__qualname__


def _is_failure(error: BaseException) -> bool:
    """Say whether somebody should look at it: most refusals are what was to be expected."""
    return not isinstance(error, TetherError) or isinstance(error, Corrupt | Unavailable)
