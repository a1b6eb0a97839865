"""The words of a repository are written: those of its name in the change itself."""

from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import delete, insert, select, update
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
    words[part, word] = found_in(1, sample) if known is None else known._replace(number=known.number + 1)


def found_in(number: int, sample: bytes | None) -> Found:
    """Return how often a word is there; a sample that is too long to be shown is left out."""
    return Found(number, None if sample is None or len(sample) > LONGEST_SAMPLE else sample)


def write(session: Session, repository_id: str, words: Words, parts: tuple[Part, ...]) -> None:
    """Let the words of some parts of a repository be these, writing what differs."""
    mine = SearchWord.repository_id == repository_id
    columns = SearchWord.part, SearchWord.word, SearchWord.count, SearchWord.sample
    known = session.execute(select(*columns).where(mine, SearchWord.part.in_(parts)))
    there = {(part, word): Found(count, sample) for part, word, count, sample in known}
    gone = [key for key in there if key not in words]
    for part in parts:
        old = [word for each, word in gone if each == part]
        for start in range(0, len(old), _BATCH):
            some = SearchWord.word.in_(old[start : start + _BATCH])
            one = delete(SearchWord).where(mine, SearchWord.part == part, some)
            session.execute(one, execution_options={"synchronize_session": False})
    new = [_row(repository_id, key, found) for key, found in words.items() if key not in there]
    other = [
        _row(repository_id, key, found) for key, found in words.items() if there.get(key, found) != found
    ]
    for start in range(0, len(new), _BATCH):
        session.execute(insert(SearchWord), new[start : start + _BATCH])
    if other:
        session.execute(update(SearchWord), other)


def _row(repository_id: str, key: tuple[int, bytes], found: Found) -> dict[str, Any]:
    part, word = key
    named = {"repository_id": repository_id, "part": int(part), "word": word}
    return named | {"count": found.number, "sample": found.sample}
