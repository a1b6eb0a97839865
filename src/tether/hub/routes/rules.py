"""Routes of the rules of branches."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tether.hub import rules
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.routes import rights_documents as doc
from tether.hub.routes.dependencies import Hosted, repository_for

router = APIRouter(prefix="/repos/{owner}/{name}/rules", tags=["rules"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Administered = Annotated[Hosted, Depends(repository_for(Role.ADMIN))]


@router.get("")
def list_rules(found: Readable) -> list[doc.RuleDocument]:
    """List the rules, for those who may push."""
    with found.hub.database.session(reads_only=True) as session:
        return [doc.RuleDocument.of(rule) for rule in rules.list_rules(session, found.principal, found.row)]


@router.put("/{rule}", status_code=204)
def set_rule(found: Administered, rule: str, body: doc.RuleBody) -> None:
    """Add a rule, or put it in the place of the one of that name."""
    with acting(found.hub, found.principal) as act:
        rules.set_rule(act, found.row, body.rule(rule))


@router.delete("/{rule}", status_code=204)
def remove_rule(found: Administered, rule: str) -> None:
    """Remove a rule."""
    with acting(found.hub, found.principal) as act:
        rules.remove_rule(act, found.row, rule)
