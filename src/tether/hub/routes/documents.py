"""The JSON bodies that come and go."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tether.hub.access import Scope
from tether.hub.database.models import RepositoryRow

Name = Annotated[str, Field(min_length=1, max_length=100)]
Kind = Literal["data", "model"]


class Document(BaseModel):
    """A body; fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Me(Document):
    """Who is signed in."""

    name: str
    admin: bool
    scope: Scope


class NewRepository(Document):
    """What is asked for when a repository is made."""

    owner: Name
    name: Name
    private: bool = False
    kind: Kind = "data"


class RepositoryDocument(Document):
    """A repository as all its readers see it; times are microseconds since 1970."""

    id: str
    owner: str
    name: str
    private: bool
    kind: str
    archived: bool
    created: int

    @classmethod
    def of(cls, row: RepositoryRow) -> "RepositoryDocument":
        """Return the document of a row."""
        return cls(
            id=row.id,
            owner=row.owner.name,
            name=row.name,
            private=row.private,
            kind=row.kind,
            archived=row.archived,
            created=row.created,
        )
