"""The JSON bodies of teams, rules, locks and quotas; see `tether.hub.routes.documents`."""

from tether.hub.access import Role
from tether.hub.routes.documents import Document, Name, RoleName


class NewTeam(Document):
    """A wish for a team."""

    name: Name


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
