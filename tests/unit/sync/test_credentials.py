"""Addresses of hubs, and the tokens for them."""

from pathlib import Path

import pytest

from tether.errors import InvalidInput
from tether.sync.address import HubAddress, parse_hub_address, parse_repository_address
from tether.sync.credentials import Credentials

HUB = "https://hub.example.org"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (HUB, HubAddress(HUB)),
        (f"{HUB}/", HubAddress(HUB)),
        ("HTTPS://Hub.Example.org:443/Ada", HubAddress(HUB, "Ada")),
        ("http://u:secret@[::1]:8000/ada/a%20b/", HubAddress("http://[::1]:8000", "ada", "a b")),
        ("http://localhost:80", HubAddress("http://localhost")),
    ],
)
def test_addresses(text: str, address: HubAddress) -> None:
    """One hub has one spelling; user and password are left out."""
    assert parse_hub_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hub.example.org",
        "ftp://x",
        "http://",
        f"{HUB}/a/b/c",
        f"{HUB}?x=1",
        "http://x:y",
        "http://x:99999",
    ],
)
def test_what_is_no_address(text: str) -> None:
    """It is refused with the form that it should have."""
    with pytest.raises(InvalidInput) as caught:
        parse_hub_address(text)
    assert caught.value.hint is not None


def test_a_repository_has_two_names() -> None:
    """A hub or an owner alone is no repository."""
    assert parse_repository_address(f"{HUB}/ada/x") == HubAddress(HUB, "ada", "x")
    with pytest.raises(InvalidInput):
        parse_repository_address(f"{HUB}/ada")


def test_tokens_are_kept_by_hub(tmp_path: Path) -> None:
    """What was stored is found by another process, each hub has its own, and one is forgotten alone."""
    path = tmp_path / "settings" / "credentials.toml"
    Credentials(path).store(HUB, "one")
    Credentials(path).store("http://other", "two")
    Credentials(path).store(HUB, "three")

    found = Credentials(path)
    assert (found.token(HUB), found.token("http://other"), found.token("http://none")) == (
        "three",
        "two",
        None,
    )
    assert found.hubs() == ["http://other", HUB]
    assert (found.forget(HUB), found.forget(HUB), found.token(HUB)) == (True, False, None)
    assert found.token("http://other") == "two"


def test_nobody_else_reads_them(tmp_path: Path) -> None:
    """The file is closed to others from the first, also where somebody had opened it."""
    path = tmp_path / "credentials.toml"
    Credentials(path).store(HUB, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    Credentials(path).store(HUB, "two")

    assert path.stat().st_mode & 0o777 == 0o600
    leftovers = [each for each in tmp_path.rglob("*") if each.is_file() and each != path]
    assert all(each.stat().st_size == 0 for each in leftovers)


def test_one_token_for_all(tmp_path: Path) -> None:
    """The token of the environment comes first; an empty one is none."""
    path = tmp_path / "credentials.toml"
    Credentials(path).store(HUB, "stored")

    assert Credentials(path, "given").token(HUB) == "given"
    assert Credentials(path, "given").stored(HUB) == "stored"
    assert Credentials(path, "").token(HUB) == "stored"


@pytest.mark.parametrize("data", [b"not toml", b"\xff"])
def test_a_broken_file_is_told(tmp_path: Path, data: bytes) -> None:
    """It is not overwritten."""
    path = tmp_path / "credentials.toml"
    path.write_bytes(data)

    with pytest.raises(InvalidInput, match=r"credentials\.toml"):
        Credentials(path).token(HUB)
    with pytest.raises(InvalidInput):
        Credentials(path).store(HUB, "x")
    assert path.read_bytes() == data


def test_entries_of_another_form_are_no_tokens(tmp_path: Path) -> None:
    """A value where a table is expected gives none."""
    path = tmp_path / "credentials.toml"
    path.write_text('"http://a" = 1\n["http://b"]\ntoken = 2\n')

    assert (Credentials(path).token("http://a"), Credentials(path).token("http://b")) == (None, None)
