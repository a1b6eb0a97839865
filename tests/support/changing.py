"""A repository of a hub whose files people change on pages, as browsers do it."""

from contextlib import closing
from urllib.parse import urlencode

from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply

from tether.core.tree import EntryKind
from tether.hub.pages.changing.text import LONGEST

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}
FILE = {"content-type": "multipart/form-data; boundary=b", **HTML}
FORM = {"content-type": "application/x-www-form-urlencoded", **HTML}
AT = "/ada/birds"
FILES = {
    b"README.md": b"# Birds\n",
    b"code/run.sh": b"echo a\r\necho b\r\n",
    b"code/two.txt": b"two\n",
    b"bytes.bin": b"\xff\x00\x01",
    b"mixed.txt": b"a\r\nb\n",
    b"long.txt": b"x" * (LONGEST + 1),
    b"odd \xff.txt": b"odd\n",
}


class ChangingRoom:
    """The repository ada/birds, in which ada owns all, bob may write and rex may read."""

    def __init__(self, hub: HubRoom) -> None:
        self.hub = hub
        self.ada, self.bob, self.rex = (hub.user(name) for name in ("ada", "bob", "rex"))
        hub.repository(self.ada, "ada/birds", private=True)
        for name, role in (("bob", "write"), ("rex", "read")):
            hub.ok("PUT", f"/repos/ada/birds/collaborators/{name}", self.ada, {"role": role})
        self.put({**FILES}, {b"code/run.sh": EntryKind.EXECUTABLE})

    def put(self, files: dict[bytes, bytes | None], kinds: dict[bytes, EntryKind] | None = None) -> None:
        """Commit files beside the pages."""
        with closing(open_hosted(self.hub, "ada/birds")) as repository:
            commit_paths(repository, files, kinds)

    def look(self, path: str, token: str | None = None) -> Reply:
        """Ask for a page as a browser does; ada's without a token."""
        cookie = {"cookie": f"tether-session={token or self.ada}"}
        return self.hub.call("GET", AT + path, headers={**HTML, **cookie})

    def send(self, at: str, token: str | None = None, /, **fields: str) -> Reply:
        """Send a form as a browser does."""
        headers = {**FORM, "cookie": f"tether-session={token or self.ada}"}
        return self.hub.call("POST", AT + at, headers=headers, parts=[urlencode(fields).encode()])

    def seen(self, path: str) -> str:
        """Return what the form of a page says that it is about."""
        return self.look(path).body.decode().partition('name="seen" value="')[2].partition('"')[0]

    def edit(self, path: str, text: str, token: str | None = None, **fields: str) -> Reply:
        """Change a file as somebody does who has just opened it."""
        at = f"/edit/main/{path}"
        return self.send(at, token, **{"seen": self.seen(at), "text": text, "do": "commit", **fields})

    def read(self, path: str, rev: str = "main") -> bytes | None:
        """Return a file of the repository; None where there is none."""
        reply = self.hub.call("GET", f"/api/v1/repos/ada/birds/files/{rev}/{path}", self.ada)
        return reply.body if reply.status == 200 else None

    def protect(self) -> None:
        """Let nobody but administrators push to main."""
        body = {"branches": "main", "push": {"role": "admin"}}
        self.hub.ok("PUT", "/repos/ada/birds/rules/closed", self.ada, body)

    def workspaces(self) -> int:
        """Return how many workspaces ada sees."""
        return len(self.hub.ok("GET", "/repos/ada/birds/workspaces", self.ada))

    def begin(self, token: str | None = None, at: str = "main", **fields: str) -> str:
        """Begin an upload and return the path of its workspace."""
        reply = self.send(f"/upload/{at}", token, **fields)
        assert reply.status == 303, reply
        return reply.headers["location"].removeprefix(AT).partition("?")[0]

    def stage(self, workspace: str, path: str, data: bytes, token: str | None = None) -> Reply:
        """Stage a file as the script of the page does."""
        headers = {"sec-fetch-site": "same-origin", "cookie": f"tether-session={token or self.ada}"}
        at = f"/api/v1/repos{AT}{workspace}/files/{path}"
        return self.hub.call("PUT", at, headers=headers, parts=[data])
