"""Pictures that people put into what they say: checked, kept in the repository, read by who may read it.

They are files below a ref of their own, which is not told to who fetches, so they are charged to the owner,
kept by garbage collection and backups, and lie where the repository lies. The commit that the ref names has
no parent: what the ref named before is garbage. Its time is when a picture came last.
"""

import io
import re
import warnings
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from sqlalchemy import select

from tether.core.digest import Digest, hash_bytes
from tether.core.filetype import HEAD_SIZE, sniff
from tether.core.identity import Person
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find, iter_directory
from tether.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from tether.hub.access import Principal, Role
from tether.hub.acting import acting
from tether.hub.conversations.finding import talker
from tether.hub.database.conversations import Conversation, ConversationEntry
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.hub.storing import LEVEL, Storing
from tether.repo.history import History
from tether.repo.ingest import ContentWriter
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.sync.arrivals import note_key

ATTACHED = "refs/pulls/attachments"
MOST_BYTES = 8 * 1024 * 1024
"""Of one picture."""
MOST_PIXELS = 40 * 1024 * 1024
MOST_OF_ALL = 1024 * 1024 * 1024
"""Bytes of all pictures of a repository; who may only read adds none when a quarter of it is there."""
GRACE_S = 2 * 86_400
"""Seconds after the last picture came in which none goes: it is pasted before what shows it is said."""
ENDINGS = {"png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_TRIES = 5


class Attached(NamedTuple):
    """A picture that is kept; `address` is of the hub's pages."""

    name: str
    address: str


def attach(hub: Hub, principal: Principal, row: RepositoryRow, data: bytes) -> Attached:
    """Keep a picture for who may take part in the conversations of a repository.

    Raises:
        InvalidInput: It is no picture of a kind that is taken, or damaged.
        TooLarge: It has too many bytes or pixels.
        Unauthenticated, NotFound, Forbidden, Conflict: As for `conversations.finding.talker`, or there are
            too many bytes of pictures.
        QuotaExceeded, Unavailable: As for a push.
    """
    name = f"{hash_bytes(data).hex()}.{ENDINGS[checked(data)]}"
    with acting(hub, principal) as act:
        who = talker(act, row)
    room = MOST_OF_ALL if who.role >= Role.WRITE else MOST_OF_ALL // 4
    for _ in range(_TRIES):
        try:
            _keep(hub, row, name.encode(), data, room)
        except Conflict:
            continue  # somebody else added one just now
        return Attached(name, f"/-/attachments/{row.id}/{name}")
    raise Unavailable("many pictures are added just now", hint="try again")


def checked(data: bytes) -> str:
    """Return the kind of a picture that was decoded to its end.

    Raises:
        InvalidInput: It is none that is taken, or damaged.
        TooLarge: It has too many bytes or pixels.
    """
    from PIL import Image

    if len(data) > MOST_BYTES:
        raise TooLarge(f"a picture may have {MOST_BYTES >> 20} MB", hint="make it smaller")
    kind = sniff(data[:HEAD_SIZE], b"").kind
    if kind not in ENDINGS:
        raise InvalidInput("that is no picture that is taken", hint="use PNG, JPEG, GIF or WebP")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are looked at here
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                pixels = picture.width * picture.height
                if pixels <= MOST_PIXELS:
                    picture.load()
    except Image.DecompressionBombError:
        pixels = MOST_PIXELS + 1
    except Exception as error:  # decoders of hostile files raise everything
        raise InvalidInput("the picture is damaged", hint="save it anew") from error
    if pixels > MOST_PIXELS:
        raise TooLarge(f"a picture may have {MOST_PIXELS >> 20} million pixels", hint="make it smaller")
    return kind


def _keep(hub: Hub, row: RepositoryRow, name: bytes, data: bytes, room: int) -> None:
    with closing(open_repository(hub, row)) as repository:
        with repository.transaction("keep a picture of a conversation") as transaction:
            old = transaction.ref(ATTACHED)
            before = None if old is None else History.of(repository).commit(old)
            tree = EMPTY_TREE if before is None else before.tree
            known = find(repository.objects, tree, name) is not None
            if known and before is not None and _age_s(hub, before) < GRACE_S / 2:
                return
            top = find(repository.objects, tree, b"")
            if not known and (0 if top is None else top.size) + len(data) > room:
                hint = "put it into a branch, or ask an administrator of the repository"
                raise Forbidden(f"{row.full_name} has as many pictures as it may", hint=hint)
            new, packs = _written(hub, row, repository, tree, {name: data})
            transaction.adopt(*packs)
            transaction.set_ref(ATTACHED, new, expected=old)
        for each in (*packs[0], *packs[1]):
            repository.backend.delete(note_key(each))


def _written(
    hub: Hub, row: RepositoryRow, repository: Repository, tree: Digest, files: Mapping[bytes, bytes | None]
) -> tuple[Digest, tuple[list[Digest], list[Digest]]]:
    """Store files, or let go of those that are None; return the commit and the packs of data and metadata.

    To let go of files is not charged: who has no room left could free none.
    """
    charged = any(data is not None for data in files.values())
    storing = Storing(hub, row, repository.backend, charged=charged)
    session = WriteSession(storing, repository.objects, LEVEL)
    writer = ContentWriter(session)
    try:
        changes: dict[bytes, Entry | None] = dict.fromkeys(files)
        for name, data in files.items():
            if data is not None:
                writer.add(data)
                changes[name] = Entry(name, EntryKind.FILE, len(data), hash_bytes(data))
        writer.close()
        after, now, nobody = edit_tree(session, tree, changes).digest, hub.clock(), Person("hub", "")
        made = Commit(after, (), nobody, now, nobody, now, "Pictures of conversations\n")
        digest = session.put(ObjectKind.COMMIT, made.encode())
        sealed = session.seal()
    except BaseException:
        writer.close()
        session.abort()
        raise
    return digest, ([each for each, _ in sealed.data], [each for each, _ in sealed.meta])


def drop_unused(hub: Hub, row: RepositoryRow) -> int:
    """Let go of pictures that no conversation of the repository shows any more; return how many.

    Garbage collection frees them afterwards. A picture that is put in again within the grace comes anew.
    What is written for this is not charged, so that it goes on where the quota is used up.

    Raises:
        Conflict: Something else was changed in this moment, such as a picture that came.
        Corrupt, Unavailable: As for a push.
    """
    with closing(open_repository(hub, row)) as repository:
        old = repository.root().refs.get(ATTACHED)
        if old is None:
            return 0
        commit = History.of(repository).commit(old)
        if _age_s(hub, commit) < GRACE_S:
            return 0
        held = {entry.name for entry in iter_directory(repository.objects, commit.tree)}
        unused = held - _shown(hub, row)
        if not unused:
            return 0
        packs: tuple[list[Digest], list[Digest]] = ([], [])
        with repository.transaction("let go of pictures that nothing shows") as transaction:
            if transaction.ref(ATTACHED) != old:
                return 0  # one came just now
            new = None
            if held - unused:
                new, packs = _written(hub, row, repository, commit.tree, dict.fromkeys(unused))
                transaction.adopt(*packs)
            transaction.set_ref(ATTACHED, new, expected=old)
        for each in (*packs[0], *packs[1]):
            repository.backend.delete(note_key(each))
    return len(unused)


def _age_s(hub: Hub, commit: Commit) -> float:
    return (hub.clock().micros - commit.committed.micros) / 1_000_000


def _shown(hub: Hub, row: RepositoryRow) -> set[bytes]:
    """Return the names of the pictures that the conversations of a repository show, whatever their state."""
    start = f"/-/attachments/{row.id}/"
    named = re.compile(re.escape(start) + r"([0-9a-f]{64}\.[a-z]+)")
    said = select(Conversation.body).where(Conversation.repository_id == row.id)
    answered = select(ConversationEntry.body).join(Conversation).where(Conversation.repository_id == row.id)
    found: set[bytes] = set()
    with hub.database.session(reads_only=True) as session:
        for query, body in ((said, Conversation.body), (answered, ConversationEntry.body)):
            for text in session.scalars(query.where(body.contains(start, autoescape=True))):
                found.update(name.encode() for name in named.findall(text))
    return found


def find_attached(repository: Repository, name: str) -> Entry:
    """Return the picture of a name in a repository that the caller may read.

    Raises:
        NotFound: There is none.
    """
    ref, entry = repository.root().refs.get(ATTACHED), None
    if ref is not None and name.isascii() and name.replace(".", "").isalnum():
        entry = find(repository.objects, History.of(repository).commit(ref).tree, name.encode())
    if entry is None or entry.kind is not EntryKind.FILE:
        raise NotFound("no such picture")
    return entry
