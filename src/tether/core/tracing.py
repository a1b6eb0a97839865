"""How a long operation tells where its time goes; what becomes of that, who hands a tracer in decides."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, TypeAlias

Fact: TypeAlias = str | int | float | bool


class Span(Protocol):
    """A piece of work under way."""

    def note(self, **facts: Fact) -> None:
        """Add what is known of it now; never a secret, and no name of a repository, a ref or a path."""
        ...


class Tracer(Protocol):
    """Takes pieces of work, which lie in each other; safe to use from several threads."""

    @property
    def is_silent(self) -> bool:
        """Whether nobody hears."""
        ...

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Take the block as a piece of the work that it is part of; outside of such work it is not told.

        Args:
            name: One of few: `verify pack`.
            facts: As for `Span.note`; the fact `bytes` is summed up for the whole.
        """
        ...

    def job(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Take the block as work of its own; otherwise as `span`."""
        ...

    def below(self) -> "Tracer":
        """Return a tracer for threads that work for the piece under way here, which they cannot see."""
        ...


class _Nothing:
    """A piece of work of which nobody hears."""

    __slots__ = ()

    def note(self, **facts: Fact) -> None:
        """Do nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


NOTHING: Final[AbstractContextManager[Span]] = _Nothing()


class _Silent:
    """Takes work and tells nobody."""

    __slots__ = ()
    is_silent = True

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Return the span of which nobody hears."""
        return NOTHING

    def job(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Return the span of which nobody hears."""
        return NOTHING

    def below(self) -> Tracer:
        """Return this."""
        return self


UNTRACED: Final[Tracer] = _Silent()
