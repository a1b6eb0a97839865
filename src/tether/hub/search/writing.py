"""The words of a repository are written: those of its name in the change itself."""

from typing import NamedTuple, TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tether.hub.database.models import RepositoryRow
from tether.hub.database.searching import LONGEST_SAMPLE, SearchWord
from tether.hub.search.words import Part, words_of

_BATCH = 500


class Found(NamedTuple):
    """How often a word is in a part, and a sample of it."""

    number: int
    sample: bytes | None


Words: TypeAlias = dict[tuple[int, bytes], Found]


def index_name(session: Session, row: RepositoryRow) -> None:
    """Bring the words of a repository's name, line and topics to what they are, in the same transaction."""
    words: Words = {}
    for part, text in ((Part.NAME, row.full_name), (Part.ABOUT, row.about), (Part.TOPIC, row.topics)):
        for word in words_of(text):
            add(words, part, word, None)
    for topic in row.topics.split():
        add(words, Part.TOPIC, topic.encode(), None)
    write(session, row.id, words, tuple(part for part in Part if part >= Part.ABOUT))


def add(words: Words, part: Part, word: bytes, sample: bytes | None) -> None:
    """Count a word in a part; the first sample stays."""
    known = words.get((part, word))
    if known is None:
        words[part, word] = Found(1, None if sample is None or len(sample) > LONGEST_SAMPLE else sample)
    else:
        words[part, word] = Found(known.number + 1, known.sample)


def write(session: Session, repository_id: str, words: Words, parts: tuple[Part, ...]) -> None:
    """Let the words of some parts of a repository be these, writing what differs."""
    of_parts = SearchWord.repository_id == repository_id, SearchWord.part.in_(parts)
    there = {(row.part, row.word): row for row in session.scalars(select(SearchWord).where(*of_parts))}
    gone = [row for key, row in there.items() if key not in words]
    for part in parts:
        mine = [row.word for row in gone if row.part == part]
        for start in range(0, len(mine), _BATCH):
            some = SearchWord.word.in_(mine[start : start + _BATCH])
            one = delete(SearchWord).where(SearchWord.repository_id == repository_id, SearchWord.part == part)
            session.execute(one.where(some), execution_options={"synchronize_session": False})
    for key, found in words.items():
        row = there.get(key)
        if row is None:
            made = SearchWord(repository_id=repository_id, part=key[0], word=key[1])
            made.count, made.sample = found
            session.add(made)
        elif (row.count, row.sample) != found:
            row.count, row.sample = found
    session.flush()
