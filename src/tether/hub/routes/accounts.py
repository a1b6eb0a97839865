"""Routes of users: who am I, and tokens."""

from fastapi import APIRouter

from tether.hub.access import require_user
from tether.hub.routes.dependencies import ThePrincipal
from tether.hub.routes.documents import Me

router = APIRouter(tags=["accounts"])


@router.get("/me")
def me(principal: ThePrincipal) -> Me:
    """Tell who is signed in, and how far the token goes."""
    user = require_user(principal)
    return Me(name=user.name, admin=user.admin, scope=principal.scope)
