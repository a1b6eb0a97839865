"""What was said and done in a conversation, in order of time, with threads where they were begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from sqlalchemy.orm import Session

from tether.hub.conversations import talking
from tether.hub.conversations.talking import COMMENTED, NOTED
from tether.hub.database.conversations import Conversation, ConversationEntry
from tether.hub.database.pulls import Pull
from tether.hub.pages.conversations.held import Held
from tether.hub.pages.conversations.places import Excerpt, excerpt_of
from tether.hub.pages.conversations.texts import Texts
from tether.hub.pulls.reviewing import Thread, list_threads

PAGE = 50


@dataclass(frozen=True, slots=True)
class Item:
    """One entry, its text as HTML, and the threads that began with it."""

    entry: ConversationEntry
    html: Markup
    threads: list["ShownThread"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShownThread:
    """A thread with its texts as HTML, and the place that it is about."""

    thread: Thread
    said: Sequence[tuple[ConversationEntry, Markup]]
    place: Excerpt | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of what was said; `next` is the number behind which the next page begins, None at the end."""

    body: Markup
    items: Sequence[Item]
    next: int | None


def timeline(
    held: Held, session: Session, conversation: Conversation, after: int, pull: Pull | None
) -> Timeline:
    """Return a page of what was said and done behind a number."""
    rows = talking.list_entries(session, conversation, after, PAGE + 1)
    more, rows = len(rows) > PAGE, rows[:PAGE]
    last = rows[-1].number if rows else 0
    threads: list[Thread] = []
    if pull is not None and any(row.kind == NOTED for row in rows):
        found = list_threads(session, held.shown.repository, pull, after, PAGE)
        threads = [each for each in found if each.row.number <= last]
    spoken = [entry for thread in threads for entry in thread.entries]
    body = conversation.body if not after else ""
    made = Texts(session, _texts(body, rows, spoken), held.shown.base, held.shown.branch)
    first = made.html(body)
    shown = show_threads(held, threads, made)
    items, by_number = list[Item](), dict[int, Item]()
    for row in rows:
        if row.kind == COMMENTED and row.thread is not None:
            continue
        item = Item(row, made.html(row.body) if row.kind != NOTED else Markup())
        if row.kind == NOTED:
            review = by_number.get(row.thread or 0)
            of_note = [shown[row.number]] if row.number in shown else []
            if review is not None:
                review.threads.extend(of_note)
                continue
            item.threads.extend(of_note)
        by_number[row.number] = item
        items.append(item)
    return Timeline(first, items, last if more else None)


def place_of(entry: int, thread: int | None = None) -> str:
    """Return where an entry is on the pages of a conversation; one of a thread is where that began."""
    before = ((thread or entry) - 1) // PAGE * PAGE
    return (f"?after={before}" if before > 0 else "") + f"#entry-{entry}"


def show_threads(held: Held, threads: Sequence[Thread], made: Texts) -> Mapping[int, ShownThread]:
    """Return threads as they are shown, by number; of the first few with what they are about."""
    found = {}
    for at, each in enumerate(threads):
        place = excerpt_of(held.shown, each.row) if at < _EXCERPTS else None
        said = [(entry, made.html(entry.body)) for entry in each.entries]
        found[each.row.number] = ShownThread(each, said, place)
    return found


_EXCERPTS = 20
"""Threads of a page whose place is read."""


def _texts(body: str, rows: Sequence[ConversationEntry], spoken: Sequence[ConversationEntry]) -> list[str]:
    return [body, *(row.body for row in (*rows, *spoken))]
