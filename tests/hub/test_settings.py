"""Settings by flag, environment and file; unsafe ones."""

from pathlib import Path
from typing import Any

import pytest

from tether.errors import InvalidInput
from tether.hub.settings import TABLE, load_settings

PAGE = Path(__file__).parents[2] / "docs/hub.md"


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    """Each layer overrides single values of those below; what nobody says has its default."""
    (tmp_path / "hub.toml").write_text(
        'port = 1\nhost = "127.0.0.2"\nsignup = "invite"\nlog_requests = false\n'
    )
    environment = {
        "TETHER_HUB_PORT": "2",
        "TETHER_HUB_HOST": "127.0.0.3",
        "TETHER_HUB_ROOT": "/x",
        "HOME": "/",
    }

    found = load_settings(tmp_path, {"port": 3, "host": None}, environment)

    assert (found.port, found.host, found.signup, found.log_requests) == (3, "127.0.0.3", "invite", False)
    assert found.grace_days == 30
    assert found.database_url == f"sqlite:///{tmp_path}/hub.db"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "did you mean port?"),
        ("x = 1", "the settings are"),
        ("port = -1", "whole number"),
        ("port = 65536", "no such port"),
        ("port = true", "whole number"),
        ('allow_unsafe = "maybe"', "true or false"),
        ("host = 1", "one line"),
        ('signup = "perhaps"', "closed, invite, open"),
        ('jobs = "nowhere"', "here, elsewhere"),
        ('public_url = "hub.example.org"', "https://HOST"),
        ('presign = "maybe"', "off, on, auto"),
        ('presign = "on"', "set storage"),
        ("presign_s = 0", "1 to 604800"),
        ('presign_endpoint = "data.example.org"', "https://HOST"),
        ('traces = "collector.example.org"', "https://HOST"),
        ('traces = "https://me:secret@collector.example.org"', "https://HOST"),
        ("traces_sample = 1.5", "from 0 to 1"),
        ('trusted_proxies = "proxy.example.org"', "10.1.0.0/16"),
        ('trusted_proxies = "10.1.0.7/16"', "no address"),
        ("port = ", "not a TOML file"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message or the hint says what would be right."""
    (tmp_path / "hub.toml").write_text(text)

    with pytest.raises(InvalidInput) as caught:
        load_settings(tmp_path, {}, {})

    assert told in f"{caught.value} {caught.value.hint}"


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    """A variable that looks like a setting and is none is a mistake."""
    with pytest.raises(InvalidInput, match="the environment"):
        load_settings(tmp_path, {}, {"TETHER_HUB_SIGNUPS": "open"})


@pytest.mark.parametrize(
    ("settings", "safe"),
    [
        ({"host": "127.0.0.1"}, True),
        ({"host": "::1"}, True),
        ({"host": "localhost"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "hub.example.org"}, False),
        ({"host": "0.0.0.0", "public_url": "http://hub.example.org"}, False),
        ({"host": "0.0.0.0", "public_url": "https://hub.example.org"}, True),
        ({"host": "0.0.0.0", "allow_unsafe": True}, True),
    ],
)
def test_open_sign_up_on_a_public_address(tmp_path: Path, settings: dict[str, Any], safe: bool) -> None:
    """It needs TLS before it, or the word that it is meant."""
    if safe:
        assert load_settings(tmp_path, {"signup": "open", **settings}, {}).signup == "open"
        return
    with pytest.raises(InvalidInput, match="sign-up is open"):
        load_settings(tmp_path, {"signup": "open", **settings}, {})


@pytest.mark.parametrize("everybody", ["*", "10.1.0.7, 0.0.0.0/0", "::/0"])
def test_proxies_that_are_everybody(tmp_path: Path, everybody: str) -> None:
    """If all who ask could say for whom they ask, no limit by address would hold, so it must be meant."""
    with pytest.raises(InvalidInput, match="trusted_proxies is everybody"):
        load_settings(tmp_path, {"trusted_proxies": everybody}, {})

    for proxies, unsafe in ((everybody, True), ("10.1.0.7,10.2.0.0/16, fd12::1", False), ("", False)):
        told = {"trusted_proxies": proxies, "allow_unsafe": unsafe}
        assert load_settings(tmp_path, told, {}).trusted_proxies == proxies


def test_an_unknown_setting_of_a_command_is_refused(tmp_path: Path) -> None:
    """`--set` takes settings alone."""
    with pytest.raises(InvalidInput, match="unknown setting 'signups' in the command"):
        load_settings(tmp_path, {"signups": "open"}, {})


def test_every_setting_has_its_text() -> None:
    """The table in the docs has a row for each setting with its default and its meaning, and no other."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    found = {row.split("`")[1]: row for row in rows if "TETHER_HUB_" in row}

    assert set(found) == {each.name for each in TABLE}
    for each in TABLE:
        default = str(each.default).lower() if isinstance(each.default, bool) else str(each.default)
        assert found[each.name] == (
            f"| `{each.name}` | `TETHER_HUB_{each.name.upper()}` | {each.metadata['help']} | "
            + (f"`{default}` |" if default else "|")
        )
