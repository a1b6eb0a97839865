"""Where one wants mail is said on the page of one's settings, and proven there."""

import re
from pathlib import Path

from sqlalchemy import select
from tests.hub.test_pages_settings import Browser
from tests.support.hub import SECOND, HubRoom

from tether.hub.database.mail import Mail

HERE = "/-/settings"


def test_an_address_is_given_confirmed_and_taken_back(tmp_path: Path) -> None:
    """Each step by a form; what is wrong is said on the page, and another's secret proves nothing."""
    hub = HubRoom(tmp_path / "hub", mail_server="127.0.0.1:9", mail_from="hub@example.org")
    ada = Browser(hub, hub.user("ada"))
    assert "No mail is sent to you" in ada.look(HERE)
    wrong = ada.send(f"{HERE}/mail", address="no address")
    assert (wrong.status, b'value="no address"' in wrong.body) == (400, True)

    ada.change(f"{HERE}/mail", address="ada@example.net")
    page = ada.look(HERE)
    assert "ada@example.net" in page
    assert "not confirmed yet" in page
    assert ada.send(f"{HERE}/mail/confirm", secret="tth_other").status == 404
    hub.now += 61 * SECOND
    with hub.hub.database.session() as session:
        (mail,) = session.scalars(select(Mail)).all()
    secret = re.search(r"^tth_\S+$", mail.body, re.M)
    assert secret is not None
    ada.change(f"{HERE}/mail/confirm", secret=f" {secret[0]} ")
    page = ada.look(HERE)
    assert "goes to <strong>ada@example.net" in page
    assert "not confirmed yet" not in page

    ada.change(f"{HERE}/mail/forget")
    assert "No mail is sent to you" in ada.look(HERE)
    assert hub.ok("GET", "/me/mail", hub.token("ada"))["address"] is None
    hub.close()


def test_taking_an_address_back_ends_no_pause_between_mails(tmp_path: Path) -> None:
    """Nobody makes the hub write to a stranger again and again; what waits to be sent is not sent either."""
    hub = HubRoom(tmp_path / "hub", mail_server="127.0.0.1:9", mail_from="hub@example.org")
    ada = Browser(hub, hub.user("ada"))

    def waiting() -> list[tuple[str, str]]:
        with hub.hub.database.session(reads_only=True) as session:
            return [(mail.address, mail.body.split("tth_")[1]) for mail in session.scalars(select(Mail))]

    ada.change(f"{HERE}/mail", address="zoe@example.net")
    (_, secret), *_ = waiting()
    ada.change(f"{HERE}/mail/forget")
    assert waiting() == []
    assert ada.send(f"{HERE}/mail/confirm", secret=f"tth_{secret}".strip()).status == 404
    assert ada.send(f"{HERE}/mail", address="zoe@example.net").status == 409
    assert waiting() == []

    hub.now += 61 * SECOND
    ada.change(f"{HERE}/mail", address="zoe@example.net")
    hub.now += 61 * SECOND
    ada.change(f"{HERE}/mail", address="ada@example.net")
    assert [address for address, _ in waiting()] == ["ada@example.net"]
    hub.close()


def test_a_hub_that_sends_no_mail_asks_for_no_address(tmp_path: Path) -> None:
    """The page says so, and a form that comes all the same changes nothing."""
    hub = HubRoom(tmp_path / "hub")
    ada = Browser(hub, hub.user("ada"))

    assert "This hub sends no mail" in ada.look(HERE)
    assert 'action="/-/settings/mail"' not in ada.look(HERE)
    assert ada.send(f"{HERE}/mail", address="ada@example.net").status >= 400
    hub.close()
