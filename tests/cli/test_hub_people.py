"""Accounts that people make themselves, passwords at a terminal, the audit log, settings as options."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.cli import TETHER, Room
from tests.support.served import Served
from tests.support.tables import lay_tables

PASSWORD = "a good password"
ROOT = ("--root", "hub")


@pytest.fixture
def served(room: Room) -> Iterator[Served]:
    """Return a hub that runs, and makes accounts for people with an invitation."""
    lay_tables(room.work / "hub")
    hub = Served(room, "--set", "signup=invite", "--set", "login_days=7")
    yield hub
    hub.close()


def typed(room: Room, lines: list[str], *arguments: str) -> tuple[int, str]:
    """Run `tether` at a terminal, type a line each time that it asks; return its code and what one sees."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [TETHER, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=room.work,
        env=room.environ,
    )
    os.close(terminal)
    shown, answers = b"", iter(lines)
    while True:
        try:
            data = os.read(control, 4096)
        except OSError:  # Linux reports the end of a terminal as EIO
            break
        shown += data
        if shown.endswith((b"password: ", b"again: ")):
            os.write(control, next(answers).encode() + b"\n")
    os.close(control)
    return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def test_an_account_by_invitation(room: Room, served: Served) -> None:
    """The keeper prints a code, with which one person makes an account and is signed in."""
    code = room.do("hub", "user", "invite", *ROOT).strip()
    arguments = ("login", served.url, "--user", "eve", "--password-stdin", "--sign-up")
    stdin = PASSWORD.encode()

    assert "an invitation is needed" in room.run(*arguments, stdin=stdin).err
    done = room.json(*arguments, "--invitation", code, stdin=stdin)

    assert done == {"url": served.url, "user": "eve", "scope": "admin"}
    assert room.do("whoami") == f"eve at {served.url}\n"
    again = room.run("login", served.url, *arguments[2:], "--invitation", code, stdin=stdin)
    assert (again.code, again.err.splitlines()[0]) == (
        6,
        "error: the invitation is not valid: unknown, used or expired",
    )
    [token] = [each for each in exported(room) if each["action"] == "token.create"]
    assert token["details"]["expires"] - token["time"] == 7 * 86_400_000_000


def test_a_password_at_a_terminal(room: Room, served: Served) -> None:
    """It is asked for and not shown; a new one is typed twice."""
    room.ok("hub", "user", "add", "-q", "ada", *ROOT, "--password-stdin", stdin=PASSWORD.encode())

    code, shown = typed(room, [PASSWORD], "login", served.url, "--user", "ada")

    assert (code, shown) == (0, f"password: \nsigned in to {served.url} as ada\n")
    invitation = room.do("hub", "user", "invite", *ROOT).strip()
    new = ("login", served.url, "--user", "eve", "--sign-up", "--invitation", invitation)
    code, shown = typed(room, [PASSWORD, "another one"], *new)
    assert (code, "the two passwords are not the same" in shown) == (2, True)
    assert typed(room, [PASSWORD, PASSWORD], *new)[0] == 0
    assert typed(room, [""], "login", served.url, "--user", "ada")[0] == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--sign-up",),
        ("--sign-up", "--token", "x"),
        ("--invitation", "x", "--user", "ada", "--password-stdin"),
        ("--oidc", "work", "--sign-up"),
    ],
)
@pytest.mark.usefixtures("inside")
def test_signing_up_wants_a_name(room: Room, options: tuple[str, ...]) -> None:
    """Half of it is wrong before anything is sent."""
    assert room.run("login", "http://127.0.0.1:1", *options).code == 2


def test_what_becomes_of_a_repository(room: Room, served: Served) -> None:
    """Commands rename, show, fork, archive, delete it and bring it back."""
    room.do("hub", "user", "add", "-q", "ada", *ROOT)
    room.environ["TETHER_TOKEN"] = room.do("hub", "token", "create", "ada", "--scope", "admin", *ROOT).strip()
    room.inside = True
    at = f"{served.url}/ada"
    room.do("repo", "create", "-q", f"{at}/photos", "--private")

    assert room.do("repo", "set", f"{at}/photos", "--name", "pics", "--public") == f"is now {at}/pics\n"
    assert room.do("repo", "fork", f"{at}/photos", f"{at}/mine", "--private") == f"made {at}/mine\n"
    assert room.do("repo", "set", f"{at}/pics", "--archive") == f"changed {at}/pics\n"
    assert room.do("repo", "list", served.url) == (
        f"{at}/mine\tdata, private\n{at}/pics\tdata, public, archived\n"
    )
    room.do("repo", "set", "-q", f"{at}/pics", "--unarchive", "--private")
    room.do("repo", "delete", "-q", f"{at}/pics")
    assert room.do("repo", "restore", f"{at}/pics") == f"restored {at}/pics\n"
    assert room.do("repo", "list", served.url).endswith(f"{at}/pics\tdata, private\n")
    assert room.run("repo", "set", f"{at}/pics").code == 2
    assert room.run("repo", "fork", f"{at}/pics", "https://elsewhere.example/ada/x").code == 2


def exported(room: Room, *arguments: str) -> list[dict[str, Any]]:
    """Return the entries of the audit log that the command prints."""
    return [json.loads(line) for line in room.do("hub", "audit", *ROOT, *arguments).splitlines()]


@pytest.mark.usefixtures("inside")
def test_the_audit_log_is_exported(room: Room) -> None:
    """All of it, a line each, the oldest first; or bit by bit, behind the entry that one has."""
    lay_tables(room.work / "hub")
    for name in ("ada", "bob", "cleo"):
        room.do("hub", "user", "add", "-q", name, *ROOT)

    found = exported(room)

    assert [(each["action"], each["subject"]) for each in found] == [
        ("user.create", "ada"),
        ("user.create", "bob"),
        ("user.create", "cleo"),
    ]
    assert exported(room, "--after", str(found[0]["id"]), "--limit", "1") == found[1:2]
    assert exported(room, "--after", str(found[-1]["id"])) == []
    assert room.json("hub", "audit", *ROOT) == found
    assert room.run("hub", "audit", "ada/none", *ROOT).code == 3


@pytest.mark.usefixtures("inside")
def test_settings_as_options_that_are_none(room: Room) -> None:
    """What has no value, is told twice or is no setting ends the command before it serves or works."""
    room.transcript("""
        $ tether hub serve --root hub --set signup
        error: --set signup has no value
        hint: write --set NAME=VALUE
        [2]
        $ tether hub serve --root hub --port 1 --set port=2
        error: the setting port is told twice
        hint: tell it once
        [2]
        $ tether hub work --root hub --set signups=open
        error: unknown setting 'signups' in the command
        hint: did you mean signup?
        [2]
    """)
