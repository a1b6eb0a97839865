"""Facts of repositories on the hub: counted by a job after the default branch moved, kept by commit, shown.

A push asks for the job in the transaction in which the root moves, so none is forgotten, and does not wait
for it. `tether.repo.facts` counts.
"""

import json
from contextlib import closing, suppress
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import delete, select

from tether.core.digest import Digest, parse_digest
from tether.core.namekinds import DataKind
from tether.core.progress import SILENT, Progress
from tether.errors import Conflict
from tether.hub.database.facts import FactsRow
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.repo.facts import SHOWN, Amount, Contents, Facts, Large, find_facts
from tether.repo.repository import Repository

VERSION = 1
"""Of the rules by which is counted, with the table of endings; another one lets all be counted anew."""
KEPT = 10
"""Commits of one repository whose facts are kept: those of a branch that goes back and forth."""
_REMEMBERED = 64
"""Repositories whose facts a process remembers."""


class Known(NamedTuple):
    """What is known of a repository.

    Attributes:
        head: The newest commit of the default branch; None before the first.
        made: When the facts were counted.
        facts: Those of `head`, or those that were counted last until they are; None where there are none.
    """

    head: Digest | None
    made: int | None
    facts: Facts | None


_COUNTED: dict[tuple[str, Digest, int], Known] = {}
"""Facts by repository, commit and rules: what was counted of a commit never changes. The oldest go first."""
_COUNTING = Lock()


def refresh(hub: Hub, row: RepositoryRow, repository: Repository, progress: Progress = SILENT) -> bool:
    """Count the head of the default branch, unless it was counted before; say whether it was now.

    It begins from what was counted last, so its work follows what changed since.

    Args:
        hub: Has the repository.
        row: Of the repository.
        repository: What it stands for.
        progress: Told of it; what it raises ends the work.

    Raises:
        Corrupt, NotFound: The repository is damaged.
        Unavailable: The storage or the database does not answer.
    """
    head = repository.root().head_commit()
    if head is None or _load(hub, row, head)[1] is not None:
        return False
    facts = find_facts(repository, head, _load(hub, row)[1], progress)
    with suppress(Conflict), hub.database.session() as session:  # another worker stored the same
        session.merge(_row(row, facts, hub.now()))
        session.flush()
        newest = select(FactsRow.commit_id).where(FactsRow.repository_id == row.id)
        newest = newest.order_by(FactsRow.made.desc(), FactsRow.commit_id).limit(KEPT)
        kept = list(session.scalars(newest))
        old = delete(FactsRow).where(FactsRow.repository_id == row.id, FactsRow.commit_id.not_in(kept))
        session.execute(old, execution_options={"synchronize_session": False})
    return True


def known(hub: Hub, row: RepositoryRow) -> Known:
    """Return what is known of a repository; errors as for `refresh`."""
    with closing(open_repository(hub, row)) as repository:
        return known_of(hub, row, repository.root().head_commit())


def known_of(hub: Hub, row: RepositoryRow, head: Digest | None) -> Known:
    """Return what is known of a repository whose default branch is at a commit, or at none yet."""
    if head is None:
        return Known(None, None, None)
    name = (row.id, head, VERSION)
    known = _COUNTED.get(name)
    if known is None:
        made, facts = _load(hub, row, head)
        if facts is None:
            return Known(head, *_load(hub, row))
        known = Known(head, made, facts)
        _keep(name, known)
    return known


def _keep(name: tuple[str, Digest, int], known: Known) -> None:
    with _COUNTING:
        _COUNTED[name] = known
        while len(_COUNTED) > _REMEMBERED:
            del _COUNTED[next(iter(_COUNTED))]


def shown(known: Known) -> dict[str, Any]:
    """Return the document of what is known; bytes of a path that are not UTF-8 are half characters."""
    document: dict[str, Any] = {
        "head": known.head.hex() if known.head is not None else None,
        "made": known.made,
        **dict.fromkeys(("commit", "commits", "committed", "files", "bytes", "folders", "kinds", "largest")),
    }
    facts = known.facts
    if facts is not None:
        document |= _plain(facts)
        if document["largest"] is not None:
            document["largest"] = document["largest"][:SHOWN]
        del document["tree"], document["more"]
    return document


def _load(hub: Hub, row: RepositoryRow, commit: Digest | None = None) -> tuple[int | None, Facts | None]:
    """Return the facts of a commit or those that were counted last, and when."""
    query = select(FactsRow).where(FactsRow.repository_id == row.id, FactsRow.version == VERSION)
    if commit is not None:
        query = query.where(FactsRow.commit_id == commit.hex())
    query = query.order_by(FactsRow.made.desc(), FactsRow.commit_id).limit(1)
    with hub.database.session(reads_only=True) as session:
        found = session.scalar(query)
    return (None, None) if found is None else (found.made, _facts(json.loads(found.document)))


def _row(row: RepositoryRow, facts: Facts, made: int) -> FactsRow:
    document = json.dumps(_plain(facts))
    return FactsRow(
        repository_id=row.id, commit_id=facts.commit.hex(), version=VERSION, made=made, document=document
    )


def _plain(facts: Facts) -> dict[str, Any]:
    """Return facts as JSON has them."""
    document: dict[str, Any] = {
        "commit": facts.commit.hex(),
        "tree": facts.tree.hex(),
        "commits": facts.commits,
        "committed": facts.committed,
        "files": facts.files,
        "bytes": facts.bytes,
        **dict.fromkeys(("folders", "kinds", "largest", "more")),
    }
    contents = facts.contents
    if contents is not None:
        largest = [{"path": _text(each.path), "size": each.size} for each in contents.largest]
        kinds = {kind.value: each._asdict() for kind, each in contents.kinds.items()}
        document |= {"folders": contents.folders, "kinds": kinds, "largest": largest, "more": contents.more}
    return document


def _facts(document: dict[str, Any]) -> Facts:
    """Return facts that were stored."""
    contents = None
    if document["kinds"] is not None:
        kinds = {DataKind(kind): Amount(**each) for kind, each in document["kinds"].items()}
        largest = tuple(Large(_bytes(each["path"]), each["size"]) for each in document["largest"])
        contents = Contents(document["folders"], kinds, largest, more=document["more"])
    commit, tree = parse_digest(document["commit"]), parse_digest(document["tree"])
    numbers = {name: document[name] for name in ("commits", "committed", "files", "bytes")}
    return Facts(commit=commit, tree=tree, contents=contents, **numbers)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
