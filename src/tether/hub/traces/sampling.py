"""Which requests are traced: a share of them, drawn here, whatever clients say, unless they are believed."""

from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes


class Share(Sampler):
    """Draws for each request and each job; what is below one goes with it.

    Samplers of OpenTelemetry look at the id of the trace. That comes from clients, who could choose ids that
    are always taken.

    Args:
        ratio: Of what is taken, 0 to 1.
        follow: Whether a client that sends a `traceparent` decides for its request.
        draw: Gives a number from 0 to below 1.
    """

    def __init__(self, ratio: float, draw: Callable[[], float], *, follow: bool) -> None:
        self._ratio, self._draw, self._follow = ratio, draw, follow

    def should_sample(  # noqa: PLR0913, PLR0917 - as the base has it
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Say whether a span is told."""
        above = get_current_span(parent_context).get_span_context()
        if above.is_valid and (self._follow or not above.is_remote):
            taken = above.trace_flags.sampled
        else:
            taken = self._draw() < self._ratio
        return SamplingResult(Decision.RECORD_AND_SAMPLE if taken else Decision.DROP)

    def get_description(self) -> str:
        """Return what it does, for a person."""
        return f"Share({self._ratio}, follow={self._follow})"
