"""The table of the facts of repositories: what was counted at commits of their default branches.

It joins those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tether.hub.database.models import MICROS, Base


class FactsRow(Base):
    """What was counted at one commit; the newest few of a repository are kept.

    Attributes:
        version: By which rules; rows of others are passed over.
        made: When.
        document: The facts as JSON; see `tether.hub.facts`.
    """

    __tablename__ = "facts"

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    commit_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int]
    made: Mapped[int] = mapped_column(MICROS)
    document: Mapped[str] = mapped_column(Text)
