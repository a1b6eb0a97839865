"""From a person whom a provider named to a user of the hub, and a token for them."""

import re
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from tether.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from tether.hub.access import Principal, Scope, require_user
from tether.hub.accounts import create_user, find_account
from tether.hub.acting import Act, acting
from tether.hub.database.identities import Identity, SignInVerified
from tether.hub.database.models import Account, Token
from tether.hub.hub import Hub
from tether.hub.oidc.browser import find_provider
from tether.hub.oidc.provider import Provider
from tether.hub.secret import digest_of, new_id
from tether.hub.signin import check_invitation, use_invitation
from tether.hub.tokens import DAY, create_token


@dataclass(frozen=True, slots=True)
class Redeeming:
    """What a program sends for a token.

    Attributes:
        code: What the browser showed.
        verifier: What only the program knows; the sign-in was begun with its digest.
        label: Of the token.
        name: For a new account, instead of what the provider proposes.
        invitation: For a new account, where the hub wants one.
        link: Let the person be the user who asks, instead of signing in.
    """

    code: str
    verifier: str
    label: str = ""
    name: str | None = None
    invitation: str | None = None
    link: bool = False


def redeem(hub: Hub, principal: Principal, wanted: Redeeming) -> tuple[Account, Token, str]:
    """Return the user whom a sign-in stands for, and a new token of theirs with its secret.

    A code is good once; it stays good if this fails.

    Raises:
        Unauthenticated: The code is unknown, used, expired or of another program; or the user is disabled.
        Forbidden: There is no user for this person, and none may be made.
        Conflict: The person is another user already.
        InvalidInput, AlreadyExists: The name of the new account may not be, or is taken.
    """
    if wanted.link:
        require_user(principal, Scope.ADMIN)
    with acting(hub, Principal()) as act:
        signed = _take(act, wanted)
        provider = find_provider(hub, signed.provider)
        if signed.issuer != provider.issuer:
            raise Unauthenticated("the settings changed in the meantime", hint="begin again")
        account = _account_for(act, provider, signed, principal, wanted)
        if account.disabled:
            raise Unauthenticated("this user is disabled", hint="ask an administrator of the hub")
        mine = Act(hub, act.session, Principal(account, Scope.ADMIN), act.now)
        expires = act.now + hub.settings.login_days * DAY
        token, secret = create_token(mine, account, Scope.ADMIN, label=wanted.label, expires=expires)
    return account, token, secret


def list_identities(act: Act, account: Account) -> list[Identity]:
    """Return whom providers know a user as."""
    mine = select(Identity).where(Identity.account_id == account.id)
    return list(act.session.scalars(mine.order_by(Identity.created, Identity.id)))


def remove_identity(act: Act, account: Account, identity_id: str) -> None:
    """Take away one way to sign in; tokens stay.

    Raises:
        NotFound: The user has no such identity.
    """
    if not (identity_id.isascii() and identity_id.isalnum()):
        raise NotFound(f"no identity of {account.name} is named so")
    mine = delete(Identity).where(Identity.account_id == account.id, Identity.id == identity_id)
    if act.session.execute(mine.returning(Identity.issuer)).scalar_one_or_none() is None:
        raise NotFound(f"no identity {identity_id[:32]!r} of {account.name}")
    act.record("identity.remove", account.name, identity=identity_id[:32])


def _take(act: Act, wanted: Redeeming) -> SignInVerified:
    """Take the sign-in that a code and its program stand for, which is over when this transaction ends."""
    mine = delete(SignInVerified).where(
        SignInVerified.code == digest_of(wanted.code),
        SignInVerified.challenge == digest_of(wanted.verifier),
        SignInVerified.expires > act.now,
    )
    found = act.session.scalars(mine.returning(SignInVerified)).one_or_none()
    if found is None:
        raise Unauthenticated("the code is not valid: unknown, used or expired", hint="begin again")
    return found


def _account_for(
    act: Act, provider: Provider, signed: SignInVerified, principal: Principal, wanted: Redeeming
) -> Account:
    """Return the user; who they are is told by issuer and subject, and never by a name."""
    same = select(Identity).where(Identity.issuer == signed.issuer, Identity.subject == signed.subject)
    known = act.session.scalar(same)
    asker = principal.user if wanted.link else None
    if known is not None:
        if asker is not None and known.account_id != asker.id:
            raise Conflict(f"this person at {provider.title} is another user here", hint="remove it there")
        known.email = signed.email
        return known.account
    account = asker or _by_email(act, provider, signed.email) or _new(act, provider, signed, wanted)
    _link(act, provider, account, signed)
    return account


def _by_email(act: Act, provider: Provider, email: str | None) -> Account | None:
    """Return the one user who has this verified address from another provider, if the settings say so."""
    if not provider.link_by_email or email is None:
        return None
    trusted = [each.issuer for each in act.hub.settings.providers if each.issuer != provider.issuer]
    same = select(Identity).where(Identity.email == email, Identity.issuer.in_(trusted))
    found = {each.account_id: each.account for each in act.session.scalars(same)}
    return next(iter(found.values())) if len(found) == 1 else None


def _new(act: Act, provider: Provider, signed: SignInVerified, wanted: Redeeming) -> Account:
    """Make an account as far as provider and sign-up policy allow it."""
    mode = act.hub.settings.signup if provider.accounts == "policy" else provider.accounts
    if mode in ("closed", "never"):
        raise Forbidden(
            f"nobody here is linked to this person at {provider.title}, and no account is made for them",
            hint="sign in another way and link it with tether login --oidc NAME --link",
        )
    invited = mode == "invite"
    if invited:
        if wanted.invitation is None:
            raise InvalidInput("an invitation is needed", hint="give it with --invitation")
        check_invitation(act.session, act.now, wanted.invitation)
    account = create_user(act, wanted.name or _free_name(act, signed.name))
    if invited:
        use_invitation(act, str(wanted.invitation), account)
    return account


def _free_name(act: Act, proposed: str) -> str:
    """Return a name that nobody has, like the one that the provider proposes."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", proposed)[:60].strip("-._") or "user"
    for number in range(1, 100):
        tried = name if number == 1 else f"{name}-{number}"
        if find_account(act.session, tried) is None:
            return tried
    raise AlreadyExists(f"the name {name} is taken", hint="give another with --user")


def _link(act: Act, provider: Provider, account: Account, signed: SignInVerified) -> None:
    row = Identity(id=new_id(), issuer=signed.issuer, subject=signed.subject, account_id=account.id)
    row.email, row.created = signed.email, act.now
    try:
        with act.session.begin_nested():
            act.session.add(row)
    except IntegrityError:
        raise Conflict("this person was linked just now", hint="begin again") from None
    act.record("identity.link", account.name, provider=provider.name, identity=row.id)
