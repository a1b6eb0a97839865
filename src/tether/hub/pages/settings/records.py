"""What a repository's administrators look at: what changed, what it takes, what is locked; and its gate."""

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import NotFound
from tether.hub import gates, locks, quotas
from tether.hub.database.jobs import NEVER
from tether.hub.database.rights import StoredBytes
from tether.hub.jobs import enrolling, listing
from tether.hub.jobs.kinds import GARBAGE
from tether.hub.pages import auditing
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, as_document
from tether.hub.pages.settings.frame import Administered, administered, saved, settings_page
from tether.hub.routes.gates import GateBody

_LOCKS, _GATE, _STORAGE = "locks", "gate", "storage"


def show_audit(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show what was changed, the newest first."""
    read = auditing.read(request, found.hub, found.row.id)
    return settings_page(request, found, "audit", tried, read=read)


def export_audit(request: Request) -> Response:
    """Send what was changed as a file."""
    with administered(request) as found:
        return auditing.export(request, found.hub, f"{found.row.name}-audit.jsonl", found.row.id)


def show_storage(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show what it takes, what collecting garbage freed last, and what it would free as a job found out."""
    hub = found.hub
    with hub.database.session(reads_only=True) as session:
        stored = session.get(StoredBytes, found.row.id)
        usage = quotas.usage_of(session, hub, found.row.owner_id)
        jobs = [listing.job_of(session, hub.now(), kind, found.row.id) for kind in ("gc", "verify")]
        garbage = listing.job_of(session, hub.now(), GARBAGE, found.row.id)
    return settings_page(
        request,
        found,
        "storage",
        tried,
        stored=stored,
        usage=usage,
        jobs=[job for job in jobs if job is not None],
        garbage=garbage,
        looking=garbage is not None and (garbage.state == "running" or (garbage.due or NEVER) <= hub.now()),
        facts=found.shown.facts(),
        every_s=hub.settings.gc_every_s,
    )


def look_for_garbage(_: Request, found: Administered, __: Form) -> Response:
    """Let a job find out what collecting garbage would free: that reads the whole history."""
    enrolling.request(found.hub, GARBAGE, found.row.id)
    return saved(found.address(_STORAGE))


def show_locks(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show which files are locked, by whom."""
    with found.hub.database.session(reads_only=True) as session:
        rows = locks.list_locks(session, found.row)
    return settings_page(request, found, "locks", tried, locks=rows)


def unlock(request: Request, found: Administered, form: Form) -> Response:
    """Take a lock away."""
    words = "Whoever holds it may be at work on the file; from then on others can change it."
    question = Question("Take this lock away?", words, "Take it away", found.address(_LOCKS))
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        locks.unlock(act, found.row, form.get("lock", ""), force=True)
    return saved(found.address(_LOCKS))


def show_gate(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show the gate, and who asked to pass it."""
    after = request.query_params.get("after", "")
    with found.hub.database.session(reads_only=True) as session:
        try:
            gate = gates.find_gate(session, found.row)
        except NotFound:
            gate = None
        rows = gates.list_requests(session, found.row, after=after)
    return settings_page(
        request,
        found,
        "gate",
        tried,
        gate=gate,
        requests=rows,
        next=rows[-1].account.name if len(rows) == gates.PAGE else None,
    )


def set_gate(_: Request, found: Administered, form: Form) -> Response:
    """Let contents be read on request only."""
    asked = {"agreement": form.get("agreement", ""), "automatic": form.get("automatic") == "yes"}
    wanted = as_document(GateBody, asked)
    with found.acting() as act:
        gates.set_gate(act, found.row, wanted.agreement, automatic=wanted.automatic)
    return saved(found.address(_GATE))


def remove_gate(request: Request, found: Administered, form: Form) -> Response:
    """Let everybody who may find it read it again."""
    words = "Everybody who may find this repository can read all of it from then on, without an agreement."
    question = Question("Remove the gate?", words, "Remove it", found.address(_GATE))
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        gates.remove_gate(act, found.row)
    return saved(found.address(_GATE))


def decide(_: Request, found: Administered, form: Form) -> Response:
    """Let somebody in, or not."""
    with found.acting() as act:
        gates.decide(act, found.row, form.get("user", ""), grant=form.get("grant") == "yes")
    return saved(found.address(_GATE))
