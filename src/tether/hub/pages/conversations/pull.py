"""The page of a pull request: what it is, what was said and done, and whether it can be merged."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tether.core.digest import parse_digest
from tether.errors import TetherError
from tether.hub.access import Role, role_of
from tether.hub.conversations.finding import OPEN
from tether.hub.database.conversations import ConversationEntry, Subscription
from tether.hub.database.pulls import CommitCheck
from tether.hub.pages.conversations.composing import failed, preview_of
from tether.hub.pages.conversations.held import Held, after_in, number_in
from tether.hub.pages.conversations.timeline import timeline
from tether.hub.pages.forms import Form
from tether.hub.pulls import merging, opening, reviewing
from tether.hub.pulls.checks import list_checks
from tether.hub.pulls.heads import find_pull, glance, source_of, tip
from tether.hub.pulls.joining import Relation
from tether.hub.pulls.requirements import Lack, lacking
from tether.hub.pulls.trials import Trial, tried
from tether.pages.rendering import page


@dataclass(frozen=True, slots=True)
class PullHeld:
    """A pull request with what its pages show beside the conversation.

    Attributes:
        shown: The row, the reviewers, and how it stands.
        verdicts: The review that counts of each.
        checks: Of the head.
        lacks: What is lacking for the viewer to merge it.
        trial: What comes of joining it; None where the target is gone or it is not open.
        may_push: Whether the viewer may push to its branch.
        told: Whether the viewer is told of what happens.
    """

    shown: opening.Shown
    verdicts: list[ConversationEntry]
    checks: list[CommitCheck]
    lacks: list[Lack]
    trial: Trial | None
    may_push: bool
    told: bool

    @property
    def open(self) -> bool:
        """Whether it is neither merged nor closed."""
        return bool(self.shown.pull.conversation.state == OPEN)

    @property
    def conflicts(self) -> bool:
        """Whether there is something to decide."""
        return self.trial is not None and self.trial.relation is Relation.CONFLICTS

    @property
    def mergeable(self) -> bool:
        """Whether nothing keeps the viewer from merging it."""
        joins = self.trial is not None and self.trial.relation in (Relation.CLEAN, Relation.AHEAD)
        return self.open and joins and not self.lacks


def hold_pull(held: Held, number: int) -> PullHeld:
    """Return a pull request of the newest commits of its branches.

    Raises:
        NotFound: There is none of that number.
    """
    glance(held.hub, held.row, number)
    repository = held.shown.repository
    with held.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, held.row, number)
        [shown] = opening.shown(session, held.row, [pull])
        lacks = lacking(session, held.row, pull, held.principal, merging.default_of(repository.root()))
        verdicts, checks = (
            list(reviewing.verdicts(session, pull)),
            list(list_checks(session, held.row, pull.head)),
        )
        source = source_of(session, pull)
        role = None if source is None else role_of(session, held.principal, source)
        user = held.principal.user
        own = None if user is None else session.get(Subscription, (pull.conversation_id, user.id))
    trial = None
    into = tip(repository, pull.target_branch) if pull.conversation.state == OPEN else None
    if into is not None:
        trial = tried(held.hub, held.row, repository, into, parse_digest(pull.head))
    may_push = held.viewer is not None and role is not None and role >= Role.WRITE
    told = own is not None and not own.muted
    return PullHeld(shown, verdicts, checks, lacks, trial, may_push, told)


def show(request: Request, held: Held) -> Response:
    """Show the conversation."""
    return show_with(request, held, {})


def show_with(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    """Show the conversation with what somebody was about to say, and what was wrong with it."""
    number = number_in(request)
    found = hold_pull(held, number)
    with held.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, held.row, number)
        held.see(session, pull.conversation_id)
        lines = timeline(held, session, pull.conversation, after_in(request), pull)
        return page(
            request,
            "hub/pull/talk.html",
            200 if failure is None else failed(failure),
            held=held,
            shown=held.shown,
            tab="pulls",
            part="talk",
            found=found,
            pull=pull,
            talk=pull.conversation,
            timeline=lines,
            form=form,
            failure=failure,
            preview=preview_of(held, form),
            roles=Role,
        )
