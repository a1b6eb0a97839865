"""Repositories that fit words: by the index alone, and only what the asker may know of.

Each word of the query must be the beginning of some word of the repository. What weighs most of each is
added up: a name counts more than a topic, that more than a path.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select
from sqlalchemy.orm import Session

from tether.hub.access import Principal
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.searching import SearchState, SearchWord
from tether.hub.repositories import only_visible, readable_ids
from tether.hub.search.words import Part, words_of

PAGE = 20
MOST = 1000
"""Results that can be paged through; who wants later ones writes another word."""
WORDS = 6
"""Words of a query that are looked for."""
SAMPLES = 3
_LOOKED_AT = 400
"""Rows of words that are read to show where one page of results has them."""


class Sample(NamedTuple):
    """Where a word was found.

    Attributes:
        part: In what.
        text: A path, a line of the README or a tag.
        number: Of paths, in how many the word is.
    """

    part: Part
    text: bytes
    number: int


class Hit(NamedTuple):
    """A repository that fits; `branch` is the one in which its samples are."""

    row: RepositoryRow
    branch: str
    samples: Sequence[Sample]


class Results(NamedTuple):
    """One page of results; `next` is where the next one begins, None where this is the last."""

    hits: Sequence[Hit]
    next: int | None


def find(session: Session, principal: Principal, query: str, first: int = 0) -> Results:
    """Return what fits a query, best first.

    Args:
        session: The transaction.
        principal: Who asks.
        query: As it was written.
        first: How many results to leave out, at most `MOST`.
    """
    words = list(dict.fromkeys(words_of(query[:500])))[:WORDS]
    first = max(0, min(first, MOST))
    if not words:
        return Results((), None)
    found = [_repositories_with(word, principal) for word in words]
    score = sum((each.c.weight for each in found[1:]), start=found[0].c.weight)
    chosen = select(RepositoryRow).join(RepositoryRow.owner).where(RepositoryRow.deleted_at.is_(None))
    for each in found:
        chosen = chosen.join(each, each.c.repository_id == RepositoryRow.id)
    ordered = only_visible(chosen, principal).order_by(score.desc(), Account.key, RepositoryRow.key)
    rows = session.scalars(ordered.offset(first).limit(PAGE + 1)).all()
    more = len(rows) > PAGE and first + PAGE < MOST
    return Results(_with_samples(session, principal, rows[:PAGE], words), first + PAGE if more else None)


def _begins(word: bytes) -> ColumnElement[bool]:
    """Say which words of the index begin with one; a single letter must be the whole word."""
    if len(word.decode()) < 2:
        return SearchWord.word == word
    # 0xff is in no text, so it stands behind all that goes on from here.
    return and_(SearchWord.word >= word, SearchWord.word < word + b"\xff")


def _may_see(principal: Principal) -> ColumnElement[bool]:
    """Contents are found by those alone who may read them; what a list shows, by all who see the list."""
    return or_(SearchWord.part >= Part.ABOUT, SearchWord.repository_id.in_(readable_ids(principal)))


def _repositories_with(word: bytes, principal: Principal) -> Subquery:
    weight = func.max(SearchWord.part).label("weight")
    query = select(SearchWord.repository_id, weight).where(_begins(word), _may_see(principal))
    return query.group_by(SearchWord.repository_id).subquery()


def _with_samples(
    session: Session, principal: Principal, rows: Sequence[RepositoryRow], words: Sequence[bytes]
) -> list[Hit]:
    ids = [row.id for row in rows]
    states = select(SearchState.repository_id, SearchState.branch).where(SearchState.repository_id.in_(ids))
    branches = {row.repository_id: row.branch for row in session.execute(states)}
    where = (SearchWord.repository_id.in_(ids), SearchWord.sample.is_not(None), _may_see(principal))
    query = select(SearchWord).where(*where, or_(*(_begins(word) for word in words)))
    query = query.order_by(SearchWord.part.desc(), SearchWord.count.desc(), SearchWord.word)
    samples: dict[str, dict[tuple[int, bytes], Sample]] = {each: {} for each in ids}
    for each in session.scalars(query.limit(_LOOKED_AT)):
        mine = samples[each.repository_id]
        assert each.sample is not None
        if len(mine) < SAMPLES:
            mine.setdefault((each.part, each.sample), Sample(Part(each.part), each.sample, each.count))
    return [Hit(row, branches.get(row.id, ""), list(samples[row.id].values())) for row in rows]
