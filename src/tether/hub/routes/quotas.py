"""Routes of quotas: what an owner has, and how much they may have."""

from fastapi import APIRouter

from tether.hub import quotas
from tether.hub.acting import acting
from tether.hub.routes import rights_documents as doc
from tether.hub.routes.dependencies import TheHub, ThePrincipal

router = APIRouter(prefix="/quotas", tags=["quotas"])


@router.get("/{owner}")
def show(hub: TheHub, principal: ThePrincipal, owner: str) -> doc.UsageDocument:
    """Tell what an owner has stored; for the owner, its members and administrators."""
    with hub.database.session(reads_only=True) as session:
        return doc.UsageDocument.of(quotas.show(session, hub, principal, owner))


@router.put("/{owner}")
def set_quota(hub: TheHub, principal: ThePrincipal, owner: str, body: doc.QuotaBody) -> doc.UsageDocument:
    """Say how much an owner may store; for administrators."""
    with acting(hub, principal) as act:
        changed = quotas.set_quota(act, owner, body.max_bytes, body.max_repositories)
        return doc.UsageDocument.of(changed)
