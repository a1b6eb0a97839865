"""`tether hub`, `login`, `logout`, `whoami` and `repo` against a hub in a process of its own."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.hub import HubRoom
from tests.support.served import Served, add_user

from tether.cli.hosting import default_root


@pytest.fixture
def served(room: Room) -> Iterator[Served]:
    """Return a hub that runs, with the users ada, who has a password, and root."""
    made = HubRoom(room.work / "hub")
    made.user("ada", password="a good password")
    made.user("root", admin=True)
    made.close()
    hub = Served(room)
    yield hub
    hub.close()


def test_asking_for_access(room: Room, served: Served) -> None:
    """Clone refuses before a gate and says how to ask; the agreement is shown, agreed to, and clone works."""
    token = room.do("hub", "token", "create", "ada", "--root", "hub", "--scope", "admin").strip()
    url = f"{served.url}/ada/photos"
    room.environ["TETHER_TOKEN"] = token
    room.do("repo", "create", url)
    request = urllib.request.Request(
        f"{served.url}/api/v1/repos/ada/photos/gate",
        json.dumps({"agreement": "Be kind.\n", "automatic": True}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request) as reply:
        digest = json.load(reply)["digest"]
    room.environ["TETHER_TOKEN"] = add_user(room, "eve")
    room.transcript(f"""
        $ tether clone {url} copy
        error: the contents of ada/photos are read on request
        hint: run 'tether repo ask URL' to see the agreement and to ask for access
        [6]
        $ tether repo show {url}
        {url}
          kind       data, public
          created    2026-01-31 12:00:00 +0000 (just now)
          contents   not told to you
        $ tether repo ask {url}
        Be kind.

        access: not asked for
        to agree and ask for access: tether repo ask {url} --agree {digest}
        $ tether repo ask {url} --agree {digest}
        access to {url}: granted
    """)
    room.ok("clone", url, "copy")
    assert room.json("repo", "ask", url, "--withdraw")["state"] == "withdrawn"


def test_describing_a_repository(room: Room, served: Served) -> None:
    """Nothing, then what the hub counted after a push, for people and as JSON; others are told nothing."""
    room.environ["TETHER_TOKEN"] = room.do("hub", "token", "create", "ada", "--root", "hub").strip()
    url = f"{served.url}/ada/photos"
    room.do("repo", "create", "-q", url, "--private")
    assert room.json("repo", "show", url)["facts"]["head"] is None
    for name, size in {
        "a/cat.jpg": 3_000_000,
        "a/b/dog.png": 20_000,
        "labels.csv": 10,
        "a/\t.txt": 1,
    }.items():
        room.write(f"here/{name}", b"1" * size)
    here = room.work / "here"
    room.do("init", "-q", cwd=here)
    room.do("add", "-q", ".", cwd=here)
    room.do("commit", "-q", "-m", "first", cwd=here)
    room.do("remote", "add", "-q", "origin", url, cwd=here)
    room.do("push", "-q", cwd=here)
    head = room.do("log", "--json", cwd=here)
    deadline = time.monotonic() + 60
    while (found := json.loads(room.do("repo", "show", url, "--json")))["facts"]["commit"] is None:
        assert time.monotonic() < deadline
    facts = found["facts"]
    assert facts["commit"] == facts["head"]
    assert facts["commit"] in head
    assert (facts["files"], facts["folders"], facts["bytes"]) == (4, 2, 3_020_011)
    assert facts["largest"][3] == {"path": '"a/\\t.txt"', "size": 1}
    room.transcript(f"""
        $ tether repo show {url}
        {url}
          kind       data, private
          created    2026-01-31 12:00:00 +0000 (just now)
          commit     {facts["commit"][:12]}
          committed  2026-01-31 12:00:00 +0000 (just now)
          commits    1
          files      4 in 2 folders
          size       3.0 MB (3,020,011 bytes)
          images     3.0 MB in 2 files
          tables     10 B in 1 file
          text       1 B in 1 file
          largest
              3.0 MB  a/cat.jpg
             20.0 kB  a/b/dog.png
                10 B  labels.csv
                 1 B  "a/\\t.txt"
    """)
    room.environ["TETHER_TOKEN"] = ""
    assert room.run("repo", "show", url).code == 3


def test_from_nothing_to_a_repository(room: Room, served: Served) -> None:
    """A token signs in, whoami tells so, a repository is made, listed, deleted; logout ends the token."""
    token = room.ok("hub", "token", "create", "ada", "--root", "hub", "--scope", "admin").strip()
    url = served.url

    assert served.get("/readyz") == {"status": "ok"}
    assert room.ok("login", url, "--token-stdin", stdin=token.encode()) == f"signed in to {url} as ada\n"
    assert room.ok("whoami", url) == f"ada at {url}\n"
    assert room.json("whoami") == {"url": url, "user": "ada", "admin": False, "scope": "admin"}
    made = room.json("repo", "create", f"{url}/ada/photos", "--private", "--kind", "model")
    assert (made["owner"], made["name"], made["private"], made["kind"]) == ("ada", "photos", True, "model")
    room.transcript(f"""
        $ tether repo create {url}/ada/photos
        error: there is a repository ada/photos already
        hint: choose another name
        [4]
        $ tether repo create {url}/root/photos
        error: ada cannot make repositories of root
        hint: use the address ada/NAME
        [6]
        $ tether repo list
        {url}/ada/photos	model, private
        $ TETHER_TOKEN=tth_wrong tether whoami {url}
        error: the token is not valid: unknown, expired or revoked
        hint: ...
        [6]
        $ tether repo delete {url}/ada/photos
        deleted {url}/ada/photos
        $ tether repo delete {url}/ada/photos
        error: no repository ada/photos for you here
        hint: ...
        [3]
        $ tether logout
        signed out of {url}
        $ tether whoami {url}
        error: nobody is signed in
        hint: ...
        [6]
        $ tether logout {url}
        error: not signed in to {url}
        [3]
        $ TETHER_TOKEN={token} tether whoami {url}
        error: the token is not valid: unknown, expired or revoked
        hint: ...
        [6]
    """)
    assert room.json("repo", "list", url) == []


def test_signing_in_by_password(room: Room, served: Served) -> None:
    """The token that the hub makes is kept in a file that only the user can read; the password is nowhere."""
    arguments = ("login", served.url, "--user", "ada", "--password-stdin")
    wrong = room.run(*arguments, stdin=b"wrong\n")
    assert (wrong.code, wrong.err) == (
        6,
        "error: name or password is wrong\nhint: try again, or ask an administrator\n",
    )

    done = room.json(*arguments, stdin=b"a good password\n")

    assert done == {"url": served.url, "user": "ada", "scope": "admin"}
    kept = room.home / ".config/tether/credentials.toml"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "a good password" not in kept.read_text()
    assert room.json("whoami")["user"] == "ada"


def test_too_many_wrong_passwords(room: Room) -> None:
    """The command ends at once and says how long to wait; `hub.toml` says how many are too many."""
    room.ok("hub", "user", "add", "-q", "ada", "--root", "hub", "--password-stdin", stdin=b"a good password")
    room.write("hub/hub.toml", "login_attempts = 1\n")
    hub = Served(room, anew=True)
    arguments = ("login", hub.url, "--user", "ada", "--password-stdin")
    assert room.run(*arguments, stdin=b"wrong\n").code == 6

    refused = room.json(*arguments, stdin=b"a good password\n", code=8)

    assert refused["error"]["code"] == "rate-limited"
    assert refused["error"]["hint"].startswith("wait ")
    assert hub.stop()[0] == 0


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--user", "ada"),
        ("--password-stdin",),
        ("--token", "x", "--token-stdin"),
        ("--token", "x", "--user", "ada", "--password-stdin"),
        ("--token-stdin",),
    ],
)
def test_login_wants_one_way(room: Room, options: tuple[str, ...]) -> None:
    """None, half of one and two at once are wrong before anything is sent; so is an empty input."""
    assert room.run("login", "http://127.0.0.1:1", *options).code == 2


def test_a_hub_stops_when_it_is_told(room: Room) -> None:
    """SIGTERM ends it as something that was meant to end, Ctrl-C as an interruption; data is still there."""
    room.environ["TETHER_TOKEN"] = add_user(room, "ada")
    served = Served(room, anew=True)
    room.ok("repo", "create", "-q", f"{served.url}/ada/x")

    code, err = served.stop()

    assert code == 0
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/api/v1/repos", 201)
    ]
    again = Served(room, anew=True)
    assert [row["name"] for row in again.get("/api/v1/repos")] == ["x"]
    assert again.stop(signal.SIGINT)[0] == 130


def test_serving_is_refused(room: Room, served: Served) -> None:
    """A port that is taken, an unsafe setting and an unknown one are told before anything is served."""
    port = served.url.rpartition(":")[2]
    room.transcript(f"""
        $ tether hub serve --root hub --port {port}
        error: cannot listen on 127.0.0.1, port {port}: address already in use
        hint: choose another with --host and --port
        [8]
        $ TETHER_HUB_SIGNUP=open tether hub serve --root hub --host 0.0.0.0
        error: sign-up is open and 0.0.0.0 can be reached by others, but public_url is not https
        hint: ...
        [2]
        $ TETHER_HUB_X=1 tether hub serve --root hub
        error: unknown setting 'x' in the environment
        hint: ...
        [2]
    """)


def test_administration(room: Room, served: Served) -> None:
    """Users and tokens are made and changed on the machine of the hub while it serves."""
    room.transcript("""
        $ tether hub user add ada --root hub
        error: the name ada is taken
        hint: choose another
        [4]
        $ tether hub user add api --root hub
        error: no account can be named api: the hub uses that address itself
        [2]
        $ tether hub token create nobody --root hub
        error: no user named nobody
        [3]
        $ tether hub token create ada --root hub --expires tomorrow
        error: not a time to live: 'tomorrow'
        hint: write it as 12h, 30d or 8w
        [2]
        $ echo short | tether hub user add bob --root hub --password-stdin
        error: a password has 8 to 1000 characters
        hint: choose another
        [2]
        $ tether hub user set ada --root hub --disable
        changed user ada
    """)
    body = room.run("login", served.url, "--user", "ada", "--password-stdin", stdin=b"a good password")
    assert body.code == 6
    changed = room.json("hub", "user", "set", "ada", "--root", "hub", "--enable", "--admin")
    assert changed == {"name": "ada", "admin": True, "disabled": False}
    made = room.json("hub", "token", "create", "ada", "--root", "hub", "--scope", "read", "--expires", "30d")
    assert (made["user"], made["scope"]) == ("ada", "read")
    assert room.json("whoami", served.url, environ={"TETHER_TOKEN": made["token"]})["scope"] == "read"


def test_no_hub_is_meant(room: Room) -> None:
    """Without an address and without any hub that is known, one is asked for."""
    room.transcript("""
        $ tether whoami
        error: 0 hubs could be meant
        hint: give the address of the hub
        [2]
        $ tether whoami ftp://x
        error: not an address of a hub: ftp://x
        hint: write https://HOST/OWNER/NAME
        [2]
    """)


def test_the_hub_of_the_repository_is_meant(room: Room) -> None:
    """In a repository with a remote on a hub that hub is the one."""
    room.ok("init", "-q")
    room.ok("config", "-q", "remote.origin.url", "http://127.0.0.1:1/ada/x")

    assert room.run("logout").err == "error: not signed in to http://127.0.0.1:1\n"


def test_where_the_hub_is(tmp_path: Path) -> None:
    """By the environment, or where programs keep data."""
    assert default_root({"TETHER_HUB_ROOT": "/srv/hub", "XDG_DATA_HOME": "/data"}) == Path("/srv/hub")
    assert default_root({"XDG_DATA_HOME": "/data"}) == Path("/data/tether/hub")
    assert default_root({}) == Path.home() / ".local/share/tether/hub"


def test_without_the_packages(room: Room, tmp_path: Path) -> None:
    """Who installed only the client is told what to install."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name in ('fastapi', 'argon2') else find(name, *rest)\n"
    )

    result = room.run("hub", "serve", environ={"PYTHONPATH": str(hidden), "PATH": os.environ["PATH"]})

    assert (result.code, result.err) == (
        9,
        "error: a hub needs packages that are not installed: argon2, fastapi\n"
        "hint: run: pip install 'tether[hub]'\n",
    )


def test_repositories_are_kept_in_order(room: Room, served: Served) -> None:
    """The hub verifies, mends and cleans its repositories while it serves; plain commands refuse."""
    room.environ["TETHER_TOKEN"] = room.do("hub", "token", "create", "ada", "--root", "hub").strip()
    room.do("repo", "create", "-q", f"{served.url}/ada/photos")
    room.do("repo", "create", "-q", f"{served.url}/ada/empty")
    room.do("init", "-q", "mine")
    room.write("mine/a.txt", "one\n")
    room.do("add", "-q", "a.txt", cwd=room.work / "mine")
    room.do("commit", "-q", "-m", "one", cwd=room.work / "mine")
    room.do("remote", "add", "-q", "origin", f"{served.url}/ada/photos", cwd=room.work / "mine")
    room.do("push", "-q", cwd=room.work / "mine")
    room.transcript("""
        $ tether hub fsck --root hub
        ada/empty: checked 0 objects in 0 packs: no problems
        ada/photos: checked 3 objects in ... packs: no problems
        $ tether hub gc ada/photos --root hub
        ada/photos: freed 0 B, kept ...
        $ tether hub fsck nobody/x --root hub
        error: no repository nobody/x on this hub
        [3]
        $ tether hub fsck x --root hub
        error: not a repository of a hub: x
        hint: write OWNER/NAME
        [2]
    """)
    [pack, *_] = sorted((room.work / "hub/repositories").glob("*/packs/*.pack"))
    folder = pack.parent.parent
    refused = room.run("gc", cwd=folder)
    assert (refused.code, "belongs to a hub" in refused.err) == (9, True)

    (folder / "format").write_text('version = 1\nhash = "blake3"\nfeatures = []\n')
    found = room.json("hub", "fsck", "--full", "--root", "hub", code=7)
    assert [problem["kind"] for problem in found["ada/photos"]["problems"]] == ["format"]
    mended = room.json("hub", "fsck", "--repair", "ada/photos", "--root", "hub")
    assert mended["ada/photos"]["repaired"] == ["wrote the format file again"]
    assert "root-elsewhere" in (folder / "format").read_text()
