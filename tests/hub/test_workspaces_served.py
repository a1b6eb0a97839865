"""Workspaces of a hub in a process, by the Python interface: what a kill, a cut and a conflict leave."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.served import Served, check_hub
from tests.support.shelf import Shelf

import tether
from tether.core.identity import Person
from tether.errors import Conflict, TetherError, Unsupported

LARGE = random.Random(9).randbytes(40_000_000)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return the repository and a hub that runs."""
    shelf = Shelf(tmp_path / "shelf")
    yield shelf
    shelf.hub.stop()


def restart(shelf: Shelf) -> None:
    """Kill the hub and start it again at the same address."""
    port = shelf.hub.port
    shelf.hub.kill()
    shelf.hub = Served(shelf.keeper, "--port", port)


def tip(shelf: Shelf) -> str:
    """Return the commit of `main`."""
    with tether.RemoteRepo(shelf.url, shelf.token, "main") as remote:
        return remote.id


def test_a_workspace_in_python(shelf: Shelf, tmp_path: Path) -> None:
    """Files are staged, renamed and removed, seen, and committed; a block that raises leaves nothing."""
    large = tmp_path / "large.bin"
    large.write_bytes(LARGE)
    with tether.RemoteRepo(shelf.url, shelf.token) as remote, remote.workspace("main", name="w") as workspace:
        workspace.put("models/large.bin", large)
        workspace.put("README", b"new\n")
        workspace.put("empty", b"")
        workspace.remove("run.sh")
        workspace.rename("images", "pictures")
        seen = [(each.change, each.path, each.new_size) for each in workspace.diff()]
        assert ("added", "models/large.bin", len(LARGE)) in seen
        assert ("removed", "run.sh", None) in seen
        assert ("added", "pictures/cat.png", 3) in seen
        assert workspace.conflicts() == []
        same = remote.workspace(id=workspace.id)
        commit = workspace.commit("From here")
        assert same.commit("From here") == commit
        with pytest.raises(KeyError), remote.workspace() as lost:
            lost.put("a", b"1")
            raise KeyError
        with pytest.raises(TetherError):
            remote.workspace(id=lost.id)
    with tether.RemoteRepo(shelf.url, shelf.token, "main") as remote:
        assert remote.id == commit
        assert remote.read_bytes("models/large.bin") == LARGE
        assert remote.read_bytes("pictures/cat.png") == b"cat"
    with tether.RemoteRepo(shelf.source) as here, pytest.raises(Unsupported):
        here.workspace()
    check_hub(shelf.keeper)


def test_a_folder_is_uploaded_as_one_commit(shelf: Shelf, tmp_path: Path) -> None:
    """With all that is in it; a file goes to its path."""
    (tmp_path / "set/deep").mkdir(parents=True)
    for name in ("a.txt", "deep/b.txt"):
        (tmp_path / "set" / name).write_text(name)
    before, ada = tip(shelf), Person("Ada", "ada@example.org")
    with tether.RemoteRepo(shelf.url, shelf.token) as remote:
        remote.upload(tmp_path / "set", "data", "A folder", ada)
        commit = remote.upload(tmp_path / "set/a.txt", "c.txt", "A file", ada, branch="main")
    with tether.RemoteRepo(shelf.url, shelf.token, "main") as remote:
        assert remote.id == commit
        assert remote.read_bytes("data/set/deep/b.txt") == b"deep/b.txt"
        assert remote.read_bytes("c.txt") == b"a.txt"
    with tether.RemoteRepo(shelf.url, shelf.token, "main~2") as remote:
        assert remote.id == before


def test_a_conflict_keeps_the_workspace(shelf: Shelf) -> None:
    """It names the path, and what is staged can be mended and committed."""
    with tether.RemoteRepo(shelf.url, shelf.token) as remote:
        first, second = remote.workspace(), remote.workspace()
        first.put("README", b"first\n")
        second.put("README", b"second\n")
        second.put("other", b"1")
        first.commit("first")
        with pytest.raises(Conflict, match="README"):
            second.commit("second")
        assert second.conflicts() == ["README"]
        second.put("README", b"first\n")
        second.update()
        assert [each.path for each in second.diff()] == ["other"]
        second.commit("second")


def test_the_hub_is_killed_in_an_upload(shelf: Shelf) -> None:
    """Nothing of the file is staged, what was staged before is, and the upload is done again."""
    with tether.RemoteRepo(shelf.url, shelf.token) as remote:
        workspace = remote.workspace()
        workspace.put("before", b"1")
        at = f"/api/v1/repos/ada/photos/workspaces/{workspace.id}/files/large.bin"
        head = f"PUT {at} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shelf.token}\r\n"
        with socket.create_connection(("127.0.0.1", int(shelf.hub.port))) as connection:
            connection.sendall(f"{head}Content-Length: {len(LARGE)}\r\n\r\n".encode())
            connection.sendall(LARGE[:25_000_000])
            restart(shelf)
        assert [each.path for each in workspace.diff()] == ["before"]
        with socket.create_connection(("127.0.0.1", int(shelf.hub.port))) as connection:
            connection.sendall(f"{head}Content-Length: {len(LARGE)}\r\n\r\n".encode())
            connection.sendall(LARGE[:25_000_000])
        assert [each.path for each in workspace.diff()] == ["before"]
        workspace.put("large.bin", LARGE)
        commit = workspace.commit("both")
    with tether.RemoteRepo(shelf.url, shelf.token, "main") as remote:
        assert remote.id == commit
        assert remote.read_bytes("large.bin") == LARGE
    check_hub(shelf.keeper)


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.15])
def test_the_hub_is_killed_in_a_commit(shelf: Shelf, wait_s: float) -> None:
    """The branch is where it was or has the commit; asked again there is one commit and not two."""
    before = tip(shelf)
    with tether.RemoteRepo(shelf.url, shelf.token) as remote:
        workspace = remote.workspace()
        for number in range(5):
            workspace.put(f"new/{number}", LARGE[number * 500_000 : (number + 1) * 500_000])
        made: list[str] = []

        def work() -> None:
            with suppress(TetherError):
                made.append(workspace.commit("once"))

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(wait_s)
        restart(shelf)
        thread.join()
        commit = workspace.commit("once")
        assert made in ([], [commit])
    with tether.RemoteRepo(shelf.url, shelf.token, "main~1") as remote:
        assert remote.id == before
    assert tip(shelf) == commit
    check_hub(shelf.keeper)
