"""Routes of reviews of pull requests, their threads and suggestions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.pulls import reviewing, suggesting
from tether.hub.pulls.heads import find_pull, glance
from tether.hub.routes import review_documents as doc
from tether.hub.routes.conversation_documents import EntryNumber
from tether.hub.routes.conversations import After
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.pull_documents import HeadDocument

router = APIRouter(prefix="/repos/{owner}/{name}/pulls/{number}", tags=["reviews"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]


@router.get("/reviews", openapi_extra=OPEN)
def list_verdicts(found: Readable, number: int) -> list[doc.VerdictDocument]:
    """List the review of each reviewer that counts: their newest one that decides."""
    glance(found.hub, found.row, number)
    with found.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, found.row, number)
        return [
            doc.VerdictDocument.model_validate(
                {
                    "user": each.account.name,
                    "verdict": each.verdict,
                    "head": each.commit_id,
                    "current": each.commit_id == pull.head,
                    "entry": each.number,
                    "created": each.created,
                }
            )
            for each in reviewing.verdicts(session, pull)
            if each.account is not None
        ]


@router.post("/reviews", status_code=201)
def review(found: Readable, number: int, body: doc.ReviewBody) -> EntryNumber:
    """Approve a head, ask for changes, or comment, with notes."""
    notes = [each.note() for each in body.notes]
    wanted = reviewing.WantedReview(body.verdict, body.head, body.body, notes)
    placed = _placed(found, number, body.head, notes)
    with acting(found.hub, found.principal) as act:
        return EntryNumber(entry=reviewing.review(act, found.row, number, wanted, placed))


@router.post("/reviews/{entry}/dismiss", status_code=204)
def dismiss(found: Readable, number: int, entry: int, body: doc.DismissalBody) -> None:
    """Let a review not count any more; for those who maintain the repository."""
    with acting(found.hub, found.principal) as act:
        reviewing.dismiss(act, found.row, number, entry, body.reason)


@router.get("/threads", openapi_extra=OPEN)
def list_threads(
    found: Readable, number: int, after: After = 0, limit: Annotated[int, Query(ge=1, le=100)] = 100
) -> list[doc.ThreadDocument]:
    """List the threads with what was said in them; the next page is behind the last number."""
    glance(found.hub, found.row, number)
    with found.open() as repository, found.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, found.row, number)
        rows = reviewing.list_threads(session, repository, pull, after, limit)
        return [doc.ThreadDocument.of(each) for each in rows]


@router.post("/threads", status_code=201)
def begin_thread(found: Readable, number: int, body: doc.NewThread) -> EntryNumber:
    """Write a note at a file, its lines, a row of a table or a region of a picture."""
    [placed] = _placed(found, number, body.head, [body.note()])
    with acting(found.hub, found.principal) as act:
        return EntryNumber(entry=reviewing.note(act, found.row, number, placed))


@router.put("/threads/{thread}", status_code=204)
def settle(found: Readable, number: int, thread: int, body: doc.ResolvedBody) -> None:
    """Say that a thread is settled, or not."""
    with acting(found.hub, found.principal) as act:
        reviewing.set_resolved(act, found.row, number, thread, resolved=body.resolved)


@router.post("/suggestions")
def apply(found: Readable, number: int, body: doc.SuggestionsBody) -> HeadDocument:
    """Make a commit of suggestions on the branch; for who may push to it."""
    wanted = suggesting.WantedSuggestions(body.head, body.threads, body.message)
    head = suggesting.apply_suggestions(found.hub, found.principal, found.row, number, wanted)
    return HeadDocument(head=head)


def _placed(found: Hosted, number: int, head: str, notes: list[reviewing.Note]) -> list[reviewing.Placed]:
    with found.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, found.row, number)
    if not notes:
        return []
    with found.open() as repository:
        return reviewing.placed(repository, pull, head, notes)
