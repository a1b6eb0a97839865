"""The jobs as Prometheus reads them: counted in the database, so each process tells of all workers."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tether.errors import TetherError
from tether.hub.hub import Hub
from tether.hub.jobs.listing import count_jobs, outbox


class JobNumbers(Collector):
    """Asks the database each time; while it does not answer there are no such numbers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def describe(self) -> list[GaugeMetricFamily]:
        """Ask nothing yet."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the numbers."""
        try:
            with self._hub.database.session(reads_only=True) as session:
                counts, waiting = count_jobs(session, self._hub.now()), outbox(session).waiting
        except TetherError:
            return
        jobs = GaugeMetricFamily("tether_jobs", "Jobs by how they ended last.", labels=("kind", "outcome"))
        for (kind, outcome), count in sorted(counts.by_outcome.items()):
            jobs.add_metric((kind, outcome), count)
        running = GaugeMetricFamily("tether_jobs_running", "Jobs under way.", labels=("kind",))
        for kind, count in sorted(counts.running.items()):
            running.add_metric((kind,), count)
        yield jobs
        yield running
        yield GaugeMetricFamily("tether_jobs_late_seconds", "How long a job is due.", value=counts.late_s)
        yield GaugeMetricFamily("tether_deliveries_waiting", "Deliveries of webhooks.", value=waiting)
