"""Mail of what happens in conversations, to a server that takes it."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.support.hub import DAY, SECOND, HubRoom
from tests.support.mailbox import Mailbox

from tether.errors import InvalidInput
from tether.hub.database.mail import Mail
from tether.hub.jobs.scheduler import Ran, Scheduler
from tether.hub.settings import load_settings

FROM = "Hub <hub@example.org>"
AT = "/repos/ada/x/conversations/1"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Return a server."""
    with Mailbox() as made:
        yield made


@pytest.fixture
def room(hub: HubRoom, mailbox: Mailbox) -> HubRoom:
    """Return a hub that sends mail, with Ada's private repository, which Bob may read."""
    told = {"mail_server": mailbox.address, "mail_security": "none", "mail_from": FROM}
    for name, value in {**told, "public_url": "https://hub.example.org"}.items():
        object.__setattr__(hub.hub.settings, name, value)
    ada, _ = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x", private=True)
    hub.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "read"})
    return hub


def work(room: HubRoom) -> Ran:
    """Do the job that sends, if it is due."""
    ran = Scheduler(room.hub, "me", lambda: room.now / SECOND, threading.Event()).run_due()
    return next(each for each in ran if each.kind == "mail")


def left(room: HubRoom) -> int:
    """Return how many mails wait."""
    with room.hub.database.session(reads_only=True) as session:
        return session.scalar(select(func.count()).select_from(Mail)) or 0


def confirmed(room: HubRoom, mailbox: Mailbox, name: str) -> str:
    """Give an address for somebody, and say what came there; return a token of theirs."""
    token = room.token(name)
    room.ok("PUT", "/me/mail", token, {"address": f"{name}@example.net"})
    assert work(room).message == "1 sent, 0 dropped, 0 left"
    to, message = mailbox.mails.pop()
    assert to == f"{name}@example.net"
    secret = re.search(r"^tth_\S+$", text_of(message), re.M)
    assert secret is not None
    assert room.api("POST", "/me/mail/confirm", token, {"secret": "tth_other"}).code == "not-found"
    shown = room.ok("POST", "/me/mail/confirm", token, {"secret": secret[0]})
    assert shown == {"address": to, "confirmed": True, "sends": True}
    room.now += 60 * SECOND
    return token


def text_of(message: Any) -> str:
    """Return the text of a mail."""
    text: str = message.get_content()
    return text.replace("\r\n", "\n")


def test_what_happens_comes_by_mail(room: HubRoom, mailbox: Mailbox) -> None:
    """To those who take part and said that an address is theirs, and not to who did it."""
    bob, ada = confirmed(room, mailbox, "bob"), confirmed(room, mailbox, "ada")
    room.ok("POST", "/repos/ada/x/discussions", bob, {"title": "Blurred pictures", "body": "Look, @ada"})
    room.now += 1  # mails go in the order of their times
    room.ok("POST", f"{AT}/entries", ada, {"body": "I see\nä"})

    assert work(room).message == "2 sent, 0 dropped, 0 left"

    (first, opened), (second, comment) = mailbox.mails
    assert (first, second) == ("ada@example.net", "bob@example.net")
    assert (opened["From"], opened["Subject"]) == (FROM, "[ada/x] Blurred pictures (#1)")
    assert comment["References"] == opened["References"] != comment["Message-ID"]
    assert "I see\nä" in text_of(comment)
    assert "https://hub.example.org/ada/x/discussions/1#entry-1" in text_of(comment)
    assert left(room) == 0


def test_nothing_goes_to_who_may_not_read(room: HubRoom, mailbox: Mailbox) -> None:
    """The right is asked when it is sent, and so is whether the address is still wanted."""
    bob, ada = confirmed(room, mailbox, "bob"), room.token("ada")
    room.ok("POST", "/repos/ada/x/discussions", bob, {"title": "t"})
    room.ok("POST", f"{AT}/entries", ada, {"body": "secret"})
    room.ok("DELETE", "/repos/ada/x/collaborators/bob", ada)
    assert work(room).message == "0 sent, 1 dropped, 0 left"
    room.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "read"})
    room.now += 60 * SECOND
    room.ok("POST", f"{AT}/entries", ada, {"body": "more"})
    room.ok("DELETE", "/me/mail", bob)
    assert work(room).message == "0 sent, 1 dropped, 0 left"
    assert mailbox.mails == []
    assert room.ok("GET", "/me/mail", bob) == {"address": None, "confirmed": False, "sends": True}


def test_a_server_that_refuses(room: HubRoom, mailbox: Mailbox) -> None:
    """What it refuses for good is dropped, what it refuses for now is tried again, and then given up."""
    bob, ada = confirmed(room, mailbox, "bob"), room.token("ada")
    room.ok("POST", "/repos/ada/x/discussions", bob, {"title": "t"})
    room.ok("POST", f"{AT}/entries", ada, {"body": "one"})
    mailbox.answers = ["550 no such person"]
    assert work(room).message == "0 sent, 1 dropped, 0 left"
    room.now += 60 * SECOND
    room.ok("POST", f"{AT}/entries", ada, {"body": "two"})
    for _ in range(7):
        mailbox.answers = ["451 later"]
        assert work(room).message == "0 sent, 0 dropped, 1 left"
        assert left(room) == 1
        room.now += DAY
    mailbox.answers = ["451 later"]
    work(room)
    assert left(room) == 0
    assert mailbox.mails == []


def test_a_server_that_is_not_there(room: HubRoom, mailbox: Mailbox) -> None:
    """The job fails, is tried again, and what was to be sent is kept."""
    bob, ada = confirmed(room, mailbox, "bob"), room.token("ada")
    room.ok("POST", "/repos/ada/x/discussions", bob, {"title": "t"})
    room.ok("POST", f"{AT}/entries", ada, {"body": "one"})
    object.__setattr__(room.hub.settings, "mail_server", "127.0.0.1:1")
    ran = work(room)
    assert (ran.outcome.value, left(room)) == ("failed", 1)
    assert "takes no mail: ConnectionRefusedError" in ran.message

    object.__setattr__(room.hub.settings, "mail_server", mailbox.address)
    room.now += 300 * SECOND

    assert work(room).message == "1 sent, 0 dropped, 0 left"


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
def test_addresses(room: HubRoom) -> None:
    """What is none is refused; one mail a minute asks; a hub without a server says that it sends none."""
    bob = room.token("bob")
    for address in ("bob", "a@b@c", "bob@exa mple", "b\r\nX: y@example.org", "@x", "x@", "a@-b", "a@b..c"):
        assert room.api("PUT", "/me/mail", bob, {"address": address}).code == "invalid-input"
    assert left(room) == 0
    room.ok("PUT", "/me/mail", bob, {"address": "bob@example.net"})
    assert room.api("PUT", "/me/mail", bob, {"address": "bob@example.org"}).code == "conflict"
    assert room.api("PUT", "/me/mail", room.token("bob", "read"), {"address": "b@c"}).code == "forbidden"
    object.__setattr__(room.hub.settings, "mail_server", "")
    assert room.api("PUT", "/me/mail", bob, {"address": "bob@example.org"}).code == "unsupported"
    room.ok("POST", "/repos/ada/x/discussions", bob, {"title": "t"})
    assert left(room) == 1


def test_settings(tmp_path: Path) -> None:
    """A server needs an address to send from; mail goes in the clear on this machine alone."""
    good = {"mail_server": "mx.example.org:587", "mail_from": "hub@example.org"}
    assert load_settings(tmp_path, good, {}).mail_security == "starttls"
    for wrong in (
        {"mail_server": "mx.example.org"},
        {"mail_server": "mx:0"},
        {"mail_server": "mx:70000"},
        {"mail_from": ""},
        {"mail_security": "maybe"},
        {"mail_security": "none"},
    ):
        with pytest.raises(InvalidInput, match="mail"):
            load_settings(tmp_path, {**good, **wrong}, {})
    load_settings(tmp_path, {**good, "mail_security": "none", "mail_server": "127.0.0.1:25"}, {})
