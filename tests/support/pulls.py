"""A repository on a hub in the test, with pull requests between people who have a role each."""

from pathlib import Path
from typing import Any

from tests.support.hub import HubRoom, Reply
from tests.support.hubpush import Desk

AT = "/repos/ada/x"


class Review:
    """Ada's private repository: Bob and Eve may write, Max maintains, Tom does triage, and Rex may read.

    Attributes:
        tokens: By name; `nobody` has none.
        desk: Pushes commits.
    """

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub = hub
        people = ("ada", "bob", "eve", "max", "tom", "rex", "out")
        self.tokens: dict[str, str | None] = {name: hub.user(name) for name in people} | {"nobody": None}
        self.ada, self.bob, self.eve = (hub.token(name) for name in ("ada", "bob", "eve"))
        self.max, self.tom, self.rex = (hub.token(name) for name in ("max", "tom", "rex"))
        hub.repository(self.ada, "ada/x", private=True)
        roles = {"bob": "write", "eve": "write", "max": "maintain", "tom": "triage", "rex": "read"}
        for name, role in roles.items():
            hub.ok("PUT", f"{AT}/collaborators/{name}", self.ada, {"role": role})
        self.desk = Desk(hub, folder, "ada/x")
        self.desk.commit({"a.txt": b"one\ntwo\nthree\n", "b": b"1", "data/x": b"1"})
        self.desk.push(self.ada)

    def branch(self, name: str, files: dict[str, bytes | None], token: str | None = None) -> str:
        """Push commits of a branch that begins at `main` if it is new; return its newest commit."""
        refs = self.desk.local.root().refs
        if f"refs/heads/{name}" not in refs:
            self.desk.move(name, refs["refs/heads/main"])
        commit = self.desk.commit(files, name)
        self.desk.push(token or self.bob, name)
        return commit.hex()

    def open(self, source: str, token: str | None = None, **body: Any) -> int:
        """Open a pull request."""
        wanted = {"title": f"bring {source}", "source": source, **body}
        made: int = self.hub.ok("POST", f"{AT}/pulls", token or self.bob, wanted)["number"]
        return made

    def show(self, number: int, part: str = "", token: str | None = None) -> Any:
        """Show a pull request, or a part of it."""
        return self.hub.ok("GET", f"{AT}/pulls/{number}{part}", token or self.rex)

    def entries(self, number: int) -> list[Any]:
        """Return what was said and done."""
        found: list[Any] = self.hub.ok("GET", f"{AT}/conversations/{number}/entries", self.rex)
        return found

    def review(self, token: str, number: int, verdict: str = "approve", **body: Any) -> Reply:
        """Review the head as it is."""
        wanted = {"verdict": verdict, "head": self.show(number)["head"], **body}
        return self.hub.api("POST", f"{AT}/pulls/{number}/reviews", token, wanted)

    def merge(self, token: str, number: int, **body: Any) -> Reply:
        """Merge the head as it is."""
        wanted = {"head": self.show(number)["head"], **body}
        return self.hub.api("POST", f"{AT}/pulls/{number}/merge", token, wanted)

    def post(self, token: str | None, place: str, body: object) -> Reply:
        """Send something to a place below the repository."""
        return self.hub.api("POST", f"{AT}/{place}", token, body)

    def read(self, path: str, rev: str = "main") -> bytes | None:
        """Return a file of the repository; None where there is none."""
        reply = self.hub.call("GET", f"/api/v1{AT}/files/{rev}/{path}", self.rex)
        return reply.body if reply.status == 200 else None

    def tip(self, branch: str = "main") -> str:
        """Return where a branch is."""
        found = self.desk.tip(self.ada, branch)
        assert found is not None
        return found.hex()

    def protect(self, **content: Any) -> None:
        """Let `main` be changed by pull requests alone."""
        body = {"branches": "main", "review": True, **content}
        self.hub.ok("PUT", f"{AT}/rules/reviewed", self.ada, body)
