"""Routes of users: signing in and up, who am I, tokens, and what accounts say of themselves."""

from fastapi import APIRouter, Request

from tether.errors import NotFound
from tether.hub import describing, signin, tokens
from tether.hub.access import Scope, require_user
from tether.hub.acting import acting
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OPEN, TheHub, ThePrincipal

router = APIRouter(tags=["accounts"])


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


@router.post("/login", status_code=201, openapi_extra=OPEN)
def login(hub: TheHub, request: Request, body: doc.LogIn) -> doc.MadeToken:
    """Make a token for a name and a password."""
    user, token, secret = signin.log_in(hub, body.user, body.password, body.label, _address(request))
    return doc.MadeToken(token=secret, user=user.name, about=doc.TokenDocument.of(token))


@router.post("/signup", status_code=201, openapi_extra=OPEN)
def signup(hub: TheHub, request: Request, body: doc.SignUp) -> doc.UserDocument:
    """Make an account, where the hub allows it."""
    made = signin.sign_up(hub, body.name, body.password, body.invitation, _address(request))
    return doc.UserDocument.of(made)


@router.get("/me")
def me(principal: ThePrincipal) -> doc.Me:
    """Tell who is signed in, and how far the token goes."""
    user = require_user(principal)
    return doc.Me(name=user.name, admin=user.admin, scope=principal.scope)


@router.post("/me/password", status_code=204)
def change_password(hub: TheHub, principal: ThePrincipal, body: doc.NewPassword) -> None:
    """Change one's password."""
    signin.change_password(hub, principal, body.old, body.new)


@router.get("/accounts/{name}", openapi_extra=OPEN)
def show_account(hub: TheHub, name: str) -> doc.AccountDocument:
    """Tell what a user or an organisation says of itself."""
    with hub.database.session(reads_only=True) as session:
        return doc.AccountDocument.of(describing.described(session, name))


@router.patch("/accounts/{name}")
def describe_account(
    hub: TheHub, principal: ThePrincipal, name: str, body: doc.DescriptionChanges
) -> doc.AccountDocument:
    """Change what oneself, or an organisation that one owns, says of itself; administrators clear it."""
    with acting(hub, principal) as act:
        wanted = describing.Description(**body.model_dump())
        return doc.AccountDocument.of(describing.describe(act, name, wanted))


@router.get("/tokens")
def list_tokens(hub: TheHub, principal: ThePrincipal) -> list[doc.TokenDocument]:
    """List one's tokens that were not revoked, the newest first."""
    user = require_user(principal, Scope.ADMIN)
    with hub.database.session(reads_only=True) as session:
        return [doc.TokenDocument.of(row) for row in tokens.list_tokens(session, user)]


@router.post("/tokens", status_code=201)
def create_token(hub: TheHub, principal: ThePrincipal, body: doc.NewToken) -> doc.MadeToken:
    """Make a token for oneself."""
    user = require_user(principal, Scope.ADMIN)
    with acting(hub, principal) as act:
        expires = None if body.days is None else act.now + body.days * tokens.DAY
        token, secret = tokens.create_token(act, user, body.scope, label=body.label, expires=expires)
        return doc.MadeToken(token=secret, user=user.name, about=doc.TokenDocument.of(token))


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(hub: TheHub, principal: ThePrincipal, token_id: str) -> None:
    """End one of one's tokens; `current` is the one that asks."""
    wanted = principal.token_id if token_id == "current" else token_id
    user = require_user(principal, Scope.READ if wanted == principal.token_id else Scope.ADMIN)
    if wanted is None:
        raise NotFound(f"no token {token_id}")
    with acting(hub, principal) as act:
        tokens.revoke_token(act, user, wanted)
