"""The JSON bodies of teams, rules, locks and quotas; see `tether.hub.routes.documents`."""

from typing import Annotated

from pydantic import Field

from tether.hub.access import Role
from tether.hub.branchrules import Rule
from tether.hub.database.rights import BRANCH, PATH, FileLock
from tether.hub.quotas import Usage
from tether.hub.routes.documents import Document, Name, NewName, RoleName, Serial


class NewTeam(Document):
    """A wish for a team."""

    name: NewName


class TeamDocument(Document):
    """A team of an organisation."""

    name: str


class TeamMemberDocument(Document):
    """A member of a team."""

    user: str


class TeamRoleDocument(Document):
    """A team that was given a role in a repository."""

    team: str
    role: RoleName

    @classmethod
    def of(cls, team: str, role: Role) -> "TeamRoleDocument":
        """Return the document of a team and a role."""
        return cls.model_validate({"team": team, "role": role.name.lower()})


Names = Annotated[tuple[Name, ...], Field(max_length=100)]
BranchPattern = Annotated[str, Field(min_length=1, max_length=BRANCH)]
CheckName = Annotated[str, Field(min_length=1, max_length=100)]
FilePath = Annotated[str, Field(min_length=1, max_length=PATH)]


class GrantDocument(Document):
    """Some people: all who have at least a role, and users and teams by name."""

    role: RoleName | None = None
    users: Names = ()
    teams: Names = ()


class ProtectedPathDocument(Document):
    """A file, or a folder with all below it, that only some may change."""

    path: FilePath
    who: GrantDocument = GrantDocument()


class RuleBody(Document):
    """What holds for pushes to some branches or tags.

    `branches` is a pattern such as `release/*`, or `HEAD` for the default branch; or `tags` is one such as
    `v*`. `push` are those who may push or make the tag, all who may write if it is null. `force` and `delete`
    say whether a branch may lose commits or a tag be moved, and whether they may be deleted. `review` keeps a
    branch for pull requests, which need as many `approvals` (those of the head as it is alone if `fresh`) and
    the success of all `checks`. The rule does not hold for `exempt`.
    """

    branches: BranchPattern | None = None
    tags: BranchPattern | None = None
    push: GrantDocument | None = None
    force: bool = False
    delete: bool = False
    review: bool = False
    approvals: Annotated[int, Field(ge=0, le=20)] = 1
    fresh: bool = False
    checks: Annotated[tuple[CheckName, ...], Field(max_length=50)] = ()
    paths: Annotated[tuple[ProtectedPathDocument, ...], Field(max_length=100)] = ()
    exempt: GrantDocument = GrantDocument()

    def rule(self, name: str) -> Rule:
        """Return the rule of this content."""
        return Rule.read(name, self.branches or "", self.model_dump())


class RuleDocument(RuleBody):
    """A rule with its name."""

    name: str

    @classmethod
    def of(cls, rule: Rule) -> "RuleDocument":
        """Return the document of a rule whose grants are by name."""
        return cls.model_validate({"name": rule.name, "branches": rule.branches or None, **rule.as_json()})


class NewLock(Document):
    """A wish for a lock; without a branch it is on all of them."""

    path: FilePath
    branch: BranchPattern | None = None


class LockDocument(Document):
    """A file or folder that nobody but its user changes by a push; on all branches if `branch` is null."""

    id: str
    path: str
    branch: str | None
    user: str
    created: int

    @classmethod
    def of(cls, row: FileLock) -> "LockDocument":
        """Return the document of a row."""
        branch = row.branch or None
        return cls(id=row.id, path=row.path, branch=branch, user=row.account.name, created=row.created)


class QuotaBody(Document):
    """How much an owner may have: null is what the settings of the hub say, 0 is without end."""

    max_bytes: Serial | None = None
    max_repositories: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None


class UsageDocument(Document):
    """What an owner has stored, with the limits; null is none."""

    bytes: int
    max_bytes: int | None
    repositories: int
    max_repositories: int | None
    fork_bytes: int

    @classmethod
    def of(cls, usage: Usage) -> "UsageDocument":
        """Return the document of what an owner has."""
        return cls(
            bytes=usage.bytes,
            max_bytes=usage.max_bytes,
            repositories=usage.repositories,
            max_repositories=usage.max_repositories,
            fork_bytes=usage.fork_bytes,
        )
