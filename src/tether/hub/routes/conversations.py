"""Routes of conversations: discussions, and what discussions and pull requests have in common."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tether.core.digest import parse_digest
from tether.hub.access import Role, require_user
from tether.hub.acting import acting
from tether.hub.branchrules import tree_path
from tether.hub.conversations import finding, people, talking
from tether.hub.database.conversations import Subscription
from tether.hub.pulls import opening
from tether.hub.routes import conversation_documents as doc
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.repo.history import History

router = APIRouter(prefix="/repos/{owner}/{name}", tags=["conversations"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Limit = Annotated[int, Query(ge=1, le=finding.PAGE)]
After = Annotated[int, Query(ge=0, lt=1 << 31)]


@router.post("/discussions", status_code=201)
def discuss(found: Readable, body: doc.NewDiscussion) -> doc.ConversationDocument:
    """Begin a discussion on the repository, a file or folder, or a commit."""
    if body.path is not None:
        tree_path(body.path)
    if body.commit is not None:
        with found.open() as repository:
            History.of(repository).commit(parse_digest(body.commit))
    with acting(found.hub, found.principal) as act:
        made = talking.discuss(act, found.row, talking.Wanted(**body.model_dump()))
        number = made.number
    return show(found, number)


@router.get("/conversations", openapi_extra=OPEN)
def list_conversations(
    found: Readable, asked: Annotated[doc.AskedConversations, Query()]
) -> list[doc.ConversationDocument]:
    """List discussions and pull requests, the newest first; the next page is before the last number."""
    with found.hub.database.session(reads_only=True) as session:
        wanted = finding.Asked(**asked.model_dump(exclude={"limit"}))
        rows = finding.list_conversations(session, found.row, wanted, asked.limit)
        return [doc.ConversationDocument.of(row) for row in rows]


@router.get("/conversations/{number}", openapi_extra=OPEN)
def show(found: Readable, number: int) -> doc.ConversationDocument:
    """Show a discussion, or what a pull request has in common with one."""
    with found.hub.database.session(reads_only=True) as session:
        return doc.ConversationDocument.of(finding.find(session, found.row, number))


@router.patch("/conversations/{number}")
def change(found: Readable, number: int, body: doc.ConversationChanges) -> doc.ConversationDocument:
    """Change its title, text or labels, close or reopen it."""
    if show(found, number).kind == finding.PULL:
        wanted = opening.PullChanges(**body.model_dump())
        opening.change_pull(found.hub, found.principal, found.row, number, wanted)
        return show(found, number)
    with acting(found.hub, found.principal) as act:
        talking.change(act, found.row, number, talking.Changes(**body.model_dump()))
    return show(found, number)


@router.get("/conversations/{number}/entries", openapi_extra=OPEN)
def list_entries(
    found: Readable, number: int, after: After = 0, thread: After | None = None, limit: Limit = finding.PAGE
) -> list[doc.EntryDocument]:
    """List what was said and done, in order; the next page is behind the last number."""
    with found.hub.database.session(reads_only=True) as session:
        held = finding.find(session, found.row, number)
        rows = talking.list_entries(session, held, after, limit, thread)
        return [doc.EntryDocument.of(row) for row in rows]


@router.post("/conversations/{number}/entries", status_code=201)
def comment(found: Readable, number: int, body: doc.NewComment) -> doc.EntryNumber:
    """Say something; who is called by `@name` and may read the repository is told."""
    with acting(found.hub, found.principal) as act:
        return doc.EntryNumber(entry=talking.comment(act, found.row, number, body.body, body.thread))


@router.patch("/conversations/{number}/entries/{entry}", status_code=204)
def edit(found: Readable, number: int, entry: int, body: doc.CommentChanges) -> None:
    """Correct what one said; who maintains the repository may correct what others said."""
    with acting(found.hub, found.principal) as act:
        talking.edit_entry(act, found.row, number, entry, body.body)


@router.delete("/conversations/{number}/entries/{entry}", status_code=204)
def delete(found: Readable, number: int, entry: int) -> None:
    """Take back what one said; the entry stays, without text."""
    with acting(found.hub, found.principal) as act:
        talking.delete_entry(act, found.row, number, entry)


@router.get("/conversations/{number}/subscription")
def subscription(found: Readable, number: int) -> doc.SubscribersDocument:
    """List who is told of what happens here."""
    user = require_user(found.principal)
    with found.hub.database.session(reads_only=True) as session:
        held = finding.find(session, found.row, number)
        own = session.get(Subscription, (held.id, user.id))
        users = list(people.subscribers(session, held))
    return doc.SubscribersDocument(subscribed=own is not None and not own.muted, users=users)


@router.put("/conversations/{number}/subscription", status_code=204)
def subscribe(found: Readable, number: int, body: doc.SubscriptionBody) -> None:
    """Say that one wants to be told of what happens here, or hear nothing of it."""
    with acting(found.hub, found.principal) as act:
        user = require_user(found.principal)
        held = finding.find(act.session, found.row, number)
        people.set_subscription(act, held, user, told=body.subscribed)
