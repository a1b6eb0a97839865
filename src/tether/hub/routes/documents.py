"""The JSON bodies that come and go; times are microseconds since 1970."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tether.hub.access import Role, Scope
from tether.hub.database.models import Account, AuditEntry, RepositoryRow, Token
from tether.hub.describing import LINE, LONGEST_DISPLAY_NAME, description_of
from tether.hub.describing import LONGEST_ABOUT as LONGEST_ABOUT_ONESELF
from tether.hub.naming import LONGEST, PATTERN
from tether.hub.search.words import LONGEST_ABOUT, MOST_TOPICS
from tether.hub.secret import SHORTEST_PASSWORD


def _without_zero(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds no zero character")
    return text


Storable = AfterValidator(_without_zero)
"""Of a text that goes into the database as it is: not every database takes all characters."""
Name = Annotated[str, Field(min_length=1, max_length=100)]
NewName = Annotated[Name, Field(json_schema_extra={"pattern": PATTERN, "maxLength": LONGEST})]
"""A name that something gets; OpenAPI says which it may be, and who refuses others gives a hint."""
Secret = Annotated[str, Field(min_length=1, max_length=1000)]
NewSecret = Annotated[Secret, Field(json_schema_extra={"minLength": SHORTEST_PASSWORD})]
Label = Annotated[str, Field(max_length=100)]
Serial = Annotated[int, Field(ge=0, lt=1 << 63)]
Kind = Literal["data", "model"]
RoleName = Literal["read", "triage", "write", "maintain", "admin"]
MemberRole = Literal["owner", "member"]
_ONE_LINE = Field(json_schema_extra={"pattern": LINE})
About = Annotated[str, Field(max_length=LONGEST_ABOUT)]
Topics = Annotated[tuple[Annotated[str, Field(max_length=32)], ...], Field(max_length=MOST_TOPICS)]


class Document(BaseModel):
    """A body; fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(Document):
    """What is said of a failure."""

    code: str
    message: str
    hint: str | None


class ProblemDocument(Document):
    """The body of every reply that tells of a failure."""

    error: Problem


class Me(Document):
    """Who is signed in."""

    name: str
    admin: bool
    scope: Scope


class LogIn(Document):
    """A name and a password."""

    user: Name
    password: Secret
    label: Label = ""


class SignUp(Document):
    """A wish for an account."""

    name: NewName
    password: NewSecret
    invitation: Secret | None = None


class NewPassword(Document):
    """A change of a password."""

    old: Secret
    new: NewSecret


class UserDocument(Document):
    """A user as administrators see them."""

    name: str
    admin: bool
    disabled: bool
    created: int

    @classmethod
    def of(cls, row: Account) -> "UserDocument":
        """Return the document of a row."""
        return cls(name=row.name, admin=row.admin, disabled=row.disabled, created=row.created)


class UserChanges(Document):
    """What an administrator changes of a user; what is not given stays."""

    admin: bool | None = None
    disabled: bool | None = None


class AccountDocument(Document):
    """A user or an organisation as everybody sees them; the name is what they are known by."""

    name: str
    kind: Literal["user", "organisation"]
    created: int
    display_name: str
    about: str

    @classmethod
    def of(cls, row: Account) -> "AccountDocument":
        """Return the document of a row."""
        said = description_of(row)
        known = {"name": row.name, "kind": row.kind, "created": row.created}
        return cls.model_validate({**known, "display_name": said.display_name, "about": said.about})


class DescriptionChanges(Document):
    """What an account shall say of itself; what is not given stays, an empty text takes back."""

    display_name: Annotated[str, Field(max_length=LONGEST_DISPLAY_NAME), _ONE_LINE] | None = None
    about: Annotated[str, Field(max_length=LONGEST_ABOUT_ONESELF), _ONE_LINE] | None = None


class NewToken(Document):
    """A wish for a token; without days it is good until it is revoked."""

    scope: Scope = Scope.WRITE
    label: Label = ""
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenDocument(Document):
    """A token without its secret."""

    id: str
    scope: Scope
    label: str
    created: int
    expires: int | None
    last_used: int | None

    @classmethod
    def of(cls, row: Token) -> "TokenDocument":
        """Return the document of a row."""
        return cls(
            id=row.id,
            scope=Scope(row.scope),
            label=row.label,
            created=row.created,
            expires=row.expires,
            last_used=row.last_used,
        )


class MadeToken(Document):
    """A new token; this is the only time that its secret is told."""

    token: str
    user: str
    about: TokenDocument


class Invitation(Document):
    """A code with which one person may make an account."""

    invitation: str


class NewOrganisation(Document):
    """A wish for an organisation."""

    name: NewName


class Organisation(Document):
    """An organisation."""

    name: str


class Member(Document):
    """A member of an organisation."""

    user: str
    role: MemberRole


class MemberChange(Document):
    """What a user shall be in an organisation."""

    role: MemberRole


class NewRepository(Document):
    """What is asked for when a repository is made."""

    owner: Name
    name: NewName
    private: bool = False
    kind: Kind = "data"
    about: About = ""
    topics: Topics = ()


class RepositoryChanges(Document):
    """What shall be different of a repository; what is not given stays."""

    owner: Name | None = None
    name: NewName | None = None
    private: bool | None = None
    archived: bool | None = None
    about: About | None = None
    topics: Topics | None = None


class RepositoryDocument(Document):
    """A repository as all its readers see it."""

    id: str
    owner: str
    name: str
    private: bool
    kind: str
    archived: bool
    created: int
    deleted: int | None
    about: str = ""
    topics: list[str] = []

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
            deleted=row.deleted_at,
            about=row.about,
            topics=row.topics.split(),
        )


class Collaborator(Document):
    """A user who was given a role in a repository."""

    user: str
    role: RoleName

    @classmethod
    def of(cls, user: str, role: Role) -> "Collaborator":
        """Return the document of a user and a role."""
        return cls.model_validate({"user": user, "role": role.name.lower()})


class RoleChange(Document):
    """The role that a user shall have."""

    role: RoleName


class AmountDocument(Document):
    """How many files of one kind there are, and their bytes."""

    files: int
    bytes: int


class LargeDocument(Document):
    """A large file; bytes of a path that are not UTF-8 are half characters."""

    path: str
    size: int


class FactsDocument(Document):
    """What was counted at `commit`; null where nothing was yet, and `head` is the commit that shall be.

    `folders`, `kinds` and `largest` are null also where there are too many names to look at each.
    """

    head: str | None
    made: int | None
    commit: str | None
    commits: int | None
    committed: int | None
    files: int | None
    bytes: int | None
    folders: int | None
    kinds: dict[str, AmountDocument] | None
    largest: list[LargeDocument] | None


class EntryDocument(Document):
    """A file, a link or a folder of a revision; bytes of a path that are not UTF-8 are half characters."""

    path: str
    kind: Literal["file", "executable", "symlink", "directory"]
    size: int
    digest: str
    files: int


class TreeDocument(Document):
    """What is at a path of a revision, and for a folder one page of what it holds."""

    commit: str
    entry: EntryDocument
    entries: list[EntryDocument]
    next: str | None


class AuditDocument(Document):
    """One entry of the audit log."""

    id: int
    time: int
    actor: str
    action: str
    subject: str
    details: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEntry) -> "AuditDocument":
        """Return the document of a row."""
        return cls(
            id=row.id,
            time=row.time,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            details=row.details,
        )
