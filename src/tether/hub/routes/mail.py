"""Routes of the address to which one wants mail."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from tether.hub.acting import acting
from tether.hub.database.mail import ADDRESS, MailAddress
from tether.hub.mail import addresses
from tether.hub.routes.dependencies import TheHub, ThePrincipal
from tether.hub.routes.documents import Document, Secret

router = APIRouter(prefix="/me/mail", tags=["mail"])


class AddressBody(Document):
    """Where one wants mail."""

    address: Annotated[str, Field(min_length=3, max_length=ADDRESS)]


class ConfirmationBody(Document):
    """What came by mail."""

    secret: Secret


class AddressDocument(Document):
    """Where one wants mail, and whether one said that it came; the address is null where none was given.

    `sends` says whether this hub sends mail at all.
    """

    address: str | None
    confirmed: bool
    sends: bool


@router.get("")
def show(hub: TheHub, principal: ThePrincipal) -> AddressDocument:
    """Show the address that one gave."""
    with hub.database.session(reads_only=True) as session:
        found = addresses.address_of(session, principal)
    return _document(hub, found)


@router.put("")
def set_address(hub: TheHub, principal: ThePrincipal, body: AddressBody) -> AddressDocument:
    """Give an address; a mail asks there whether it is right."""
    with acting(hub, principal) as act:
        return _document(hub, addresses.set_address(act, body.address))


@router.post("/confirm")
def confirm(hub: TheHub, principal: ThePrincipal, body: ConfirmationBody) -> AddressDocument:
    """Say what was in that mail; from then on one is told by mail too."""
    with acting(hub, principal) as act:
        return _document(hub, addresses.confirm(act, body.secret))


@router.delete("", status_code=204)
def forget(hub: TheHub, principal: ThePrincipal) -> None:
    """Take the address back."""
    with acting(hub, principal) as act:
        addresses.forget(act)


def _document(hub: TheHub, found: MailAddress | None) -> AddressDocument:
    address = None if found is None else found.address
    confirmed = found is not None and found.code is None
    return AddressDocument(address=address, confirmed=confirmed, sends=bool(hub.settings.mail_server))
