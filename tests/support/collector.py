"""What came to a collector of traces: `tests.support.receiver` takes it, and this reads it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.receiver import Received

KINDS = {1: "internal", 2: "server"}
ERROR = 2


class Told(NamedTuple):
    """One span, as it stood on the wire."""

    trace: str
    id: str
    above: str
    name: str
    kind: str
    facts: dict[str, Any]
    failed: bool
    service: str


class Traces(list[Told]):
    """All spans that came."""

    @classmethod
    def of(cls, received: Sequence[Received]) -> "Traces":
        """Read what came, which must be as OTLP over HTTP says."""
        found = cls()
        for each in received:
            assert (each.path, each.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            found += _spans(ExportTraceServiceRequest.FromString(each.body))
        return found

    def named(self, name: str) -> list[Told]:
        """Return the spans of a name."""
        return [span for span in self if span.name == name]

    def one(self, name: str) -> Told:
        """Return the only span of a name."""
        [span] = self.named(name)
        return span

    def roots(self) -> list[Told]:
        """Return the spans that lie in nothing that came."""
        ids = {span.id for span in self}
        return [span for span in self if span.above not in ids]

    def below(self, root: Told, before: str = "") -> set[str]:
        """Return what lies in a span, as `a > b`."""
        found = set()
        for span in self:
            if span.above == root.id:
                assert span.trace == root.trace
                found |= {before + span.name} | self.below(span, f"{before}{span.name} > ")
        return found


def _spans(request: Any) -> Iterator[Told]:
    for resource in request.resource_spans:
        service = _facts(resource.resource.attributes)["service.name"]
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            assert not span.trace_state
            assert not span.events
            assert not span.links
            assert not span.status.message
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            failed = span.status.code == ERROR
            yield Told(*ids, span.name, KINDS[span.kind], _facts(span.attributes), failed, service)


def _facts(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
