"""Signing in by name and password, making an account, and changing a password."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from tether.errors import Forbidden, InvalidInput, Unauthenticated
from tether.hub import attempts
from tether.hub.access import Principal, Scope, require_administrator, require_user
from tether.hub.accounts import USER, create_user, find_account
from tether.hub.acting import Act, acting
from tether.hub.database.models import Account, Invitation, Token
from tether.hub.hub import Hub
from tether.hub.secret import digest_of, hash_password, new_secret, verify_password
from tether.hub.tokens import DAY, create_token

_INVITATION_DAYS = 14


def log_in(hub: Hub, name: str, password: str, label: str, address: str) -> tuple[Account, Token, str]:
    """Return the user, a new token of theirs that may do all that they may, and its secret.

    Raises:
        Unauthenticated: Name and password do not belong together.
        RateLimited: That was tried too often, by name or from this address.
    """
    subjects = attempts.of_name(name), attempts.of_address(address)
    attempts.begin(hub, *subjects)
    account = _verified(hub, name, password)
    with acting(hub, Principal(account, Scope.ADMIN)) as act:
        attempts.succeed(act.session, *subjects)
        expires = act.now + hub.settings.login_days * DAY
        token, secret = create_token(act, account, Scope.ADMIN, label=label, expires=expires)
    return account, token, secret


def _verified(hub: Hub, name: str, password: str) -> Account:
    """Return the user whom name and password name; the password is hashed outside of any transaction."""
    with hub.database.session(reads_only=True) as session:
        account = find_account(session, name)
    hashed = account.password if account is not None and account.kind == USER else None
    right = verify_password(hashed, password)
    if account is None or not right or account.disabled:
        raise Unauthenticated("name or password is wrong", hint="try again, or ask an administrator")
    return account


def change_password(hub: Hub, principal: Principal, old: str, new: str) -> None:
    """Give the user who asks another password; tokens stay valid.

    Raises:
        Unauthenticated: The old password is wrong.
        InvalidInput: The new one is too short or too long.
        RateLimited: Too many wrong ones.
    """
    user = require_user(principal, Scope.ADMIN)
    attempts.begin(hub, attempts.of_name(user.name))
    _verified(hub, user.name, old)
    hashed = hash_password(new)
    with acting(hub, principal) as act:
        attempts.succeed(act.session, attempts.of_name(user.name))
        set_password(act, user.id, hashed)


def set_password(act: Act, account_id: str, hashed: str) -> None:
    """Write the hash of a new password."""
    account = act.session.get_one(Account, account_id)
    account.password = hashed
    act.record("user.password", account.name)


def sign_up(hub: Hub, name: str, password: str, invitation: str | None, address: str) -> Account:
    """Make an account for somebody who asks for one, as far as the hub allows it.

    Raises:
        Forbidden: Sign-up is closed, or the invitation is not valid.
        InvalidInput: The name or the password is not allowed.
        AlreadyExists: The name is taken.
        RateLimited: Too many tries from this address.
    """
    mode = hub.settings.signup
    if mode == "closed":
        raise Forbidden("this hub makes no accounts on request", hint="ask an administrator of the hub")
    if mode == "invite" and invitation is None:
        raise InvalidInput("an invitation is needed", hint="ask an administrator of the hub for one")
    attempts.begin(hub, attempts.of_address(address))
    with acting(hub, Principal()) as act:
        if mode == "invite":
            check_invitation(act.session, act.now, str(invitation))
        account = create_user(act, name, password=password)
        if mode == "invite":
            use_invitation(act, str(invitation), account)
    return account


def invite(act: Act) -> str:
    """Return the code with which one person may make an account within two weeks.

    Raises:
        Unauthenticated, Forbidden: Not an administrator asks.
    """
    require_administrator(act.actor)
    code, digest = new_secret()
    until = act.now + _INVITATION_DAYS * DAY
    act.session.add(Invitation(digest=digest, created=act.now, expires=until))
    act.record("invitation.create", digest[:12])
    return code


def check_invitation(session: Session, now: int, code: str) -> None:
    """Let an invitation pass that nobody used; otherwise raise Forbidden."""
    found = session.get(Invitation, digest_of(code))
    if found is None or found.used_by is not None or found.expires <= now:
        raise Forbidden("the invitation is not valid: unknown, used or expired", hint="ask for another one")


def use_invitation(act: Act, code: str, account: Account) -> None:
    """Mark an invitation as used; two people who use one at the same time do not both get in."""
    claim = update(Invitation).where(Invitation.digest == digest_of(code), Invitation.used_by.is_(None))
    done = act.session.execute(claim.values(used_by=account.id).returning(Invitation.digest)).all()
    if not done:
        raise Forbidden("the invitation was used just now", hint="ask for another one")
