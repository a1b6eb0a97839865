"""The tables of search: the words of repositories, and of which state of them they are.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from tether.hub.database.models import Base

LONGEST_WORD = 48
"""Bytes of a word in the index; longer ones are cut."""
LONGEST_SAMPLE = 1000
"""Bytes of what is shown of where a word is."""


class SearchWord(Base):
    """A word in one part of a repository.

    Words are bytes, since all databases put bytes into the same order, in which those with one beginning
    stand together; texts they sort as the place wants it where they were made.

    Attributes:
        part: In what it is; see `tether.hub.search.words.Part`.
        count: How often it is there, for paths: in how many.
        sample: One path with it, or a line of the README.
    """

    __tablename__ = "search_words"
    __table_args__ = (Index("ix_search_words_word", "word", "part"),)

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    word: Mapped[bytes] = mapped_column(LargeBinary(LONGEST_WORD), primary_key=True)
    count: Mapped[int]
    sample: Mapped[bytes | None] = mapped_column(LargeBinary(LONGEST_SAMPLE))


class SearchState(Base):
    """Of which state of a repository the words are.

    Attributes:
        state: A digest of all of which they were made, with the rules.
        branch: The default branch whose files these are; samples are shown there.
        partial: Whether there were more names than are looked at.
    """

    __tablename__ = "search_states"

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(64))
    branch: Mapped[str] = mapped_column(String(255))
    partial: Mapped[bool]
