"""Users: who they are and how they sign in."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tether.errors import AlreadyExists, Conflict, NotFound
from tether.hub.acting import Act
from tether.hub.database.models import Account
from tether.hub.naming import account_name, key_of
from tether.hub.secret import hash_password, new_id

USER, ORGANISATION = "user", "organisation"


def find_account(session: Session, name: str) -> Account | None:
    """Return the user or organisation of that name, or None."""
    return session.scalar(select(Account).where(Account.key == key_of(name)))


def find_user(session: Session, name: str) -> Account:
    """Return a user.

    Raises:
        NotFound: There is none of that name.
    """
    account = find_account(session, name)
    if account is None or account.kind != USER:
        raise NotFound(f"no user named {name}")
    return account


def create_user(act: Act, name: str, *, password: str | None = None, admin: bool = False) -> Account:
    """Make a user; without a password they sign in by tokens alone.

    Raises:
        InvalidInput: The name or the password is not allowed.
        AlreadyExists: The name is taken.
    """
    hashed = None if password is None else hash_password(password)
    account = new_account(name, USER, act.now)
    account.password, account.admin = hashed, admin
    insert_account(act.session, account)
    act.record("user.create", name, admin=admin)
    return account


def new_account(name: str, kind: str, now: int) -> Account:
    """Return the row of a new user or organisation; errors as for `account_name`."""
    return Account(
        id=new_id(),
        kind=kind,
        name=account_name(name),
        key=key_of(name),
        password=None,
        admin=False,
        disabled=False,
        created=now,
    )


def insert_account(session: Session, account: Account) -> None:
    """Write the row of a new account.

    Raises:
        AlreadyExists: The name is taken.
    """
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise AlreadyExists(f"the name {account.name} is taken", hint="choose another") from None


def list_users(session: Session, after: str = "", limit: int = 100) -> Sequence[Account]:
    """Return users by name, at most `limit` behind the name `after`."""
    query = select(Account).where(Account.kind == USER, Account.key > key_of(after))
    return session.scalars(query.order_by(Account.key).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What is to be different of a user; None leaves it as it is."""

    admin: bool | None = None
    disabled: bool | None = None
    password: str | None = None


def change_user(act: Act, name: str, changes: UserChanges) -> Account:
    """Change a user; the tokens of a disabled one are good for nothing, from now on.

    Raises:
        NotFound: There is no such user.
        InvalidInput: The password is too short or too long.
        Conflict: The actor would lock themselves out.
    """
    account = find_user(act.session, name)
    oneself = act.actor.user is not None and act.actor.user.id == account.id
    if oneself and (changes.disabled or changes.admin is False):
        raise Conflict("nobody takes their own rights away", hint="ask another administrator")
    if changes.password is not None:
        account.password = hash_password(changes.password)
        act.record("user.password", account.name)
    for field, value in (("admin", changes.admin), ("disabled", changes.disabled)):
        if value is not None and getattr(account, field) != value:
            setattr(account, field, value)
            act.record("user.change", account.name, repository=None, **{field: value})
    return account
