"""Rules of branches: who may push, rewind and delete which branch, and change which paths."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk

from tether.core.digest import Digest
from tether.errors import Forbidden, TetherError
from tether.hub.guarding import PushGuard
from tether.hub.repositories import find, open_repository
from tether.hub.tokens import find_principal
from tether.sync.guarding import PushView
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RefMove

# Rules are kept as one document and judged in Python; teams, locks and pushes are tested on both databases.
pytestmark = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)

NOBODY: dict[str, Any] = {"role": None, "users": [], "teams": []}


class Shared:
    """Ada's repository of an organisation, in which Bob may write and Eve maintains."""

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub = hub
        self.ada, self.bob, self.eve = (hub.user(name) for name in ("ada", "bob", "eve"))
        hub.ok("POST", "/organisations", self.ada, {"name": "lab"})
        hub.ok("PUT", "/organisations/lab/members/bob", self.ada, {"role": "member"})
        hub.repository(self.ada, "lab/x", private=True)
        hub.ok("PUT", "/repos/lab/x/collaborators/bob", self.ada, {"role": "write"})
        hub.ok("PUT", "/repos/lab/x/collaborators/eve", self.ada, {"role": "maintain"})
        self.desk = Desk(hub, folder, "lab/x")

    def rule(self, name: str, branches: str, **content: Any) -> None:
        """Set a rule."""
        self.hub.ok("PUT", f"/repos/lab/x/rules/{name}", self.ada, {"branches": branches, **content})

    def refused(self, token: str, branch: str = "main", **options: Any) -> str:
        """Push, which must be forbidden and move nothing; return the message."""
        before = self.desk.tip(token, branch)
        with pytest.raises(Forbidden) as caught:
            self.desk.push(token, branch, **options)
        assert self.desk.tip(token, branch) == before
        assert caught.value.hint
        return str(caught.value)


@pytest.fixture
def shared(hub: HubRoom, tmp_path: Path) -> Shared:
    """Return a repository with one commit on `main`."""
    shared = Shared(hub, tmp_path / "desk")
    shared.desk.commit({"a": b"1", "schemas/one": b"1", "schemas-old": b"1"})
    shared.desk.push(shared.bob)
    return shared


def test_a_new_repository_keeps_its_default_branch(shared: Shared) -> None:
    """Nobody but maintainers makes it lose commits or deletes it; other branches are free."""
    desk, bob, eve = shared.desk, shared.bob, shared.eve
    first = desk.tip(bob)
    assert first is not None
    desk.commit({"a": b"2"})
    desk.push(bob)
    other = desk.past.commit("other", {"b": b"3"}, branch="other", parents=[first])
    desk.move("main", other)

    assert shared.refused(bob, force=True) == "rule default-branch: main may not lose commits"
    assert shared.refused(bob, delete=True) == "rule default-branch: main may not be deleted"
    desk.push(eve, force=True)
    assert desk.tip(bob) == other
    desk.push(bob, "other")
    desk.move("other", first)
    desk.push(bob, "other", force=True)
    desk.push(bob, "other", delete=True)
    assert desk.tip(bob, "other") is None
    desk.push(eve, delete=True)
    assert desk.tip(bob) is None


def test_the_default_branch_is_the_one_that_a_clone_checks_out(hub: HubRoom, tmp_path: Path) -> None:
    """Also where the first push named it otherwise than `main`."""
    shared = Shared(hub, tmp_path / "desk")
    shared.desk.commit({"a": b"1"}, "trunk")
    shared.desk.push(shared.bob, "trunk")

    assert "trunk may not be deleted" in shared.refused(shared.bob, "trunk", delete=True)


def test_a_token_of_narrow_scope_has_the_lesser_role(shared: Shared) -> None:
    """Who maintains is exempt with a token that may maintain, and not with one that may only write."""
    narrow = shared.hub.token("eve", "write")

    shared.refused(narrow, delete=True)
    shared.desk.push(shared.eve, delete=True)


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [("release/*", ["release/1"]), ("**", ["free", "release/1", "release/1/a"]), ("HEAD", [])],
)
def test_patterns_of_branches(shared: Shared, pattern: str, refused: list[str]) -> None:
    """A star stays within one part of a name, two stars go beyond; new branches count too."""
    shared.rule("closed", pattern, push=NOBODY)
    tip = shared.desk.tip(shared.bob)
    assert tip is not None

    for branch in ("free", "release/1", "release/1/a"):
        shared.desk.move(branch, tip)
        if branch in refused:
            message = shared.refused(shared.bob, branch)
            assert message == f"rule closed: bob may not push to {branch} with this token"
        else:
            shared.desk.push(shared.bob, branch)
            shared.desk.push(shared.bob, branch, delete=True)


@pytest.mark.parametrize(
    ("push", "may"),
    [
        (None, {"bob", "eve"}),
        (NOBODY, set()),
        ({"role": "maintain"}, {"eve"}),
        ({"users": ["BOB"]}, {"bob"}),
        ({"teams": ["data"], "role": "admin"}, {"bob"}),
    ],
)
def test_who_may_push(shared: Shared, push: object, may: set[str]) -> None:
    """Everybody who may write, or those of a role, of a name, or of a team."""
    shared.hub.ok("POST", "/organisations/lab/teams", shared.ada, {"name": "data"})
    shared.hub.ok("PUT", "/organisations/lab/teams/data/members/bob", shared.ada)
    shared.rule("some", "main", push=push)

    for name, token in (("bob", shared.bob), ("eve", shared.eve)):
        shared.desk.commit({"by": name.encode()})
        if name in may:
            shared.desk.push(token)
        else:
            assert f"{name} may not push to main" in shared.refused(token)


@pytest.mark.parametrize(
    "change",
    [
        {"schemas/one": b"2"},
        {"schemas/new": b"2"},
        {"schemas/deep/new": b"2"},
        {"schemas/one": None},
        {"schemas/one": None, "schemas": b"a file now"},
    ],
)
def test_protected_paths(shared: Shared, change: dict[str, bytes | None]) -> None:
    """Whoever may not change a path changes, adds and removes nothing at it and below; others do."""
    shared.rule("schemas", "main", paths=[{"path": "schemas", "who": {"users": ["eve"]}}])

    shared.desk.commit(change)
    path = sorted(change)[0] if "schemas" not in change else "schemas"

    assert f"rule schemas: bob may not change {path}" in shared.refused(shared.bob)
    shared.desk.push(shared.eve)


def test_a_protected_name_that_is_no_text(shared: Shared) -> None:
    """It is refused as any other, and the message shows the odd byte as an escape."""
    shared.rule("schemas", "main", paths=[{"path": "schemas", "who": {"users": ["eve"]}}])

    shared.desk.commit({os.fsdecode(b"schemas/b\xff"): b"2"})

    assert shared.refused(shared.bob) == r"rule schemas: bob may not change schemas/b\udcff on main"


def test_what_is_beside_a_protected_path_is_free(shared: Shared) -> None:
    """A name that begins alike is another one; what is changed and brought back in between is no change."""
    shared.rule("schemas", "main", paths=[{"path": "schemas"}, {"path": "not-there/x"}])

    shared.desk.commit({"schemas-old": b"2", "a": b"2"})
    shared.desk.commit({"schemas/one": b"for a moment"})
    shared.desk.commit({"schemas/one": b"1"})
    shared.desk.push(shared.bob)


def test_protected_paths_on_branches_that_come_and_go(shared: Shared) -> None:
    """A new branch has the protected files of the default branch; one that has others is not deleted."""
    shared.rule("schemas", "**", delete=True, paths=[{"path": "schemas", "who": {"users": ["eve"]}}])
    tip = shared.desk.tip(shared.bob)
    assert tip is not None
    shared.desk.move("same", tip)
    shared.desk.move("other", tip)
    shared.desk.commit({"schemas/one": b"2"}, "other")

    shared.desk.push(shared.bob, "same")
    assert "may not change schemas/one on other" in shared.refused(shared.bob, "other")
    shared.desk.push(shared.eve, "other")
    assert "may not change schemas/one on other" in shared.refused(shared.bob, "other", delete=True)
    shared.desk.push(shared.eve, "other", delete=True)


def test_a_branch_for_reviewed_changes(shared: Shared) -> None:
    """Only those push to it whom the rule exempts; the hint names the way for all others."""
    shared.rule("reviewed", "main", review=True, exempt={"users": ["eve"]})
    shared.desk.commit({"a": b"2"})

    message = shared.refused(shared.bob)
    assert message == "rule reviewed: main is for reviewed changes"
    shared.desk.push(shared.eve)


def test_one_refused_branch_refuses_the_push(shared: Shared) -> None:
    """All branches of a push move, or none."""
    shared.rule("closed", "closed", push=NOBODY)
    end = shared.desk.end(shared.bob)
    tip = shared.desk.tip(shared.bob)
    assert tip is not None
    moves = tuple(RefMove(f"refs/heads/{name}", None, tip) for name in ("free", "closed"))
    with pytest.raises(Forbidden):
        end.push(PushRequest(bytes(16), (), moves))

    assert shared.desk.tip(shared.bob, "free") is None
    with pytest.raises(Forbidden):
        end.push(PushRequest(bytes(16), (), moves))


@pytest.mark.parametrize(
    ("who", "request_line", "body", "code"),
    [
        ("ada", "PUT /repos/lab/x/collaborators/bob", {"role": "read"}, "forbidden"),
        ("bob", "DELETE /tokens/current", None, "unauthenticated"),
        ("ada", "PATCH /repos/lab/x", {"archived": True}, "conflict"),
        ("ada", "DELETE /repos/lab/x", None, "not-found"),
    ],
)
def test_rights_that_go_away_while_a_push_is_checked(
    shared: Shared, who: str, request_line: str, body: object, code: str
) -> None:
    """Before refs move it is asked again whether they may: checking a large push takes long."""
    hub = shared.hub.hub
    tip = shared.desk.tip(shared.bob)
    assert tip is not None
    with hub.database.session(reads_only=True) as session:
        principal, row = find_principal(session, hub.now(), shared.bob), find(session, "lab", "x")
    assert row is not None
    guard = PushGuard(hub, principal, row)
    method, path = request_line.split()
    shared.hub.ok(method, path, getattr(shared, who), body)

    with closing(open_repository(hub, row)) as repository, pytest.raises(TetherError) as caught:
        move = RefMove("refs/heads/new", None, tip)
        Serving(repository, guard).push(PushRequest(bytes(16), (), (move,)))

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("request_line", "body", "code"),
    [
        ("PUT /repos/lab/x/rules/new", {"branches": "**", "push": NOBODY}, "unavailable"),
        ("DELETE /repos/lab/x/rules/default-branch", None, "unavailable"),
        ("POST /repos/lab/x/locks", {"path": "a"}, "unavailable"),
        ("PATCH /repos/lab/x", {"archived": True}, "unavailable"),
        ("PUT /repos/lab/x/collaborators/bob", {"role": "read"}, "forbidden"),
        ("PUT /repos/lab/x/collaborators/bob", {"role": "admin"}, "unavailable"),
        ("PATCH /users/bob", {"disabled": True}, "unauthenticated"),
    ],
)
def test_what_changes_between_judgement_and_move(
    shared: Shared, request_line: str, body: object, code: str
) -> None:
    """The root moves only by what holds in this moment; otherwise the push is to come again."""
    hub = shared.hub.hub
    root = shared.hub.user("root", admin=True)
    tip = shared.desk.tip(shared.bob)
    assert tip is not None
    with hub.database.session(reads_only=True) as session:
        principal, row = find_principal(session, hub.now(), shared.bob), find(session, "lab", "x")
    assert row is not None
    guard = PushGuard(hub, principal, row)
    method, path = request_line.split()

    def judged(push: PushView) -> None:
        guard(push)
        shared.hub.ok(method, path, root, body)

    before = shared.desk.tip(shared.bob)
    with (
        closing(open_repository(hub, row, beside=guard.confirm)) as repository,
        pytest.raises(TetherError) as caught,
    ):
        moves = (RefMove("refs/heads/new", None, tip),)
        Serving(repository, judged).push(PushRequest(bytes(16), (), moves))

    assert caught.value.code == code
    assert shared.desk.tip(shared.ada) == before
    assert shared.desk.tip(shared.ada, "new") is None


def test_rules_are_kept_and_recorded(shared: Shared) -> None:
    """A rule is set anew by its name, shown by names, and leaves an entry in the audit log."""
    hub, ada = shared.hub, shared.ada
    hub.ok("POST", "/organisations/lab/teams", ada, {"name": "data"})
    who = {"role": "admin", "users": ["bob"], "teams": ["data"]}
    shared.rule("main", "main", push=who, paths=[{"path": "a/b", "who": who}], exempt=who, force=True)
    shared.rule("MAIN", "main", push=who, delete=True)

    rules = hub.ok("GET", "/repos/lab/x/rules", shared.bob)
    assert [rule["name"] for rule in rules] == ["default-branch", "MAIN"]
    assert rules[0] == {
        "name": "default-branch",
        "branches": "HEAD",
        "tags": None,
        "push": None,
        "force": False,
        "delete": False,
        "review": False,
        "approvals": 1,
        "fresh": False,
        "checks": [],
        "paths": [],
        "exempt": {"role": "maintain", "users": [], "teams": []},
    }
    assert rules[1] == {**rules[0], "name": "MAIN", "branches": "main", "push": who, "delete": True} | {
        "exempt": NOBODY
    }
    hub.ok("DELETE", "/organisations/lab/teams/data", ada)
    assert hub.ok("GET", "/repos/lab/x/rules", ada)[1]["push"]["teams"] == []
    hub.ok("DELETE", "/repos/lab/x/rules/default-branch", ada)
    assert hub.api("DELETE", "/repos/lab/x/rules/default-branch", ada).code == "not-found"
    actions = [entry["action"] for entry in hub.ok("GET", "/repos/lab/x/audit", ada)]
    assert actions[:4] == ["rule.remove", "rule.set", "rule.set", "ref.move"]


def test_who_sees_and_changes_rules(shared: Shared) -> None:
    """Administrators change them, those who may push see them, readers do not."""
    hub = shared.hub
    hub.ok("PATCH", "/repos/lab/x", shared.ada, {"private": False})
    reader = hub.user("dan")

    for token, code in ((None, "unauthenticated"), (reader, "forbidden"), (shared.eve, "forbidden")):
        assert hub.api("PUT", "/repos/lab/x/rules/r", token, {"branches": "main"}).code == code
        assert hub.api("DELETE", "/repos/lab/x/rules/default-branch", token).code == code
    assert hub.api("GET", "/repos/lab/x/rules", reader).code == "forbidden"
    assert hub.api("GET", "/repos/lab/x/rules", None).code == "forbidden"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("r", {"branches": "a[b"}, "invalid-input"),
        ("r", {"branches": "a\nb"}, "invalid-input"),
        ("r", {"branches": ""}, "invalid-input"),
        ("r", {}, "invalid-input"),
        ("r", {"branches": "main", "tags": "v*"}, "invalid-input"),
        ("r", {"tags": "v["}, "invalid-input"),
        ("r", {"tags": "v*", "review": True}, "invalid-input"),
        ("r", {"tags": "v*", "paths": [{"path": "a"}]}, "invalid-input"),
        ("r s", {"branches": "main"}, "invalid-input"),
        ("r", {"branches": "main", "push": {"users": ["nobody"]}}, "not-found"),
        ("r", {"branches": "main", "exempt": {"teams": ["none"]}}, "not-found"),
        ("r", {"branches": "main", "paths": [{"path": "../x"}]}, "invalid-input"),
        ("r", {"branches": "main", "paths": [{"path": "a/"}]}, "invalid-input"),
        ("r", {"branches": "main", "paths": [{"path": "a\0"}]}, "invalid-input"),
        ("r", {"branches": "main", "paths": [{"path": "a"}] * 101}, "invalid-input"),
        ("r", {"branches": "main", "push": {"role": "king"}}, "invalid-input"),
    ],
)
def test_rules_that_make_no_sense(shared: Shared, name: str, body: object, code: str) -> None:
    """They are refused, and the rules stay as they were."""
    path = f"/repos/lab/x/rules/{name.replace(' ', '%20')}"

    assert shared.hub.api("PUT", path, shared.ada, body).code == code
    assert len(shared.hub.ok("GET", "/repos/lab/x/rules", shared.ada)) == 1


def test_there_are_not_too_many_rules(shared: Shared) -> None:
    """Each push looks at all of them, so their number is bounded."""
    for number in range(99):
        shared.rule(f"r{number}", "main")
    path = "/repos/lab/x/rules/more"

    assert shared.hub.api("PUT", path, shared.ada, {"branches": "main"}).code == "conflict"
    shared.rule("r5", "other")


def test_tags_that_only_some_make_and_nobody_moves(shared: Shared) -> None:
    """The rule says who may make one; moving and deleting is for the exempt, and other tags are free."""
    desk, bob, eve = shared.desk, shared.bob, shared.eve
    first = desk.tip(bob)
    second = desk.commit({"a": b"2"})
    desk.push(bob)
    rule = {"tags": "v*", "push": {"role": "maintain"}, "exempt": {"role": "admin"}}
    shared.hub.ok("PUT", "/repos/lab/x/rules/releases", shared.ada, rule)
    shown = shared.hub.ok("GET", "/repos/lab/x/rules", bob)[1]
    assert (shown["tags"], shown["branches"]) == ("v*", None)

    def tag(token: str, name: str, old: Digest | None, new: Digest | None) -> None:
        move = RefMove(f"refs/tags/{name}", old, new, force=True)
        desk.end(token).push(PushRequest(os.urandom(16), (), (move,)))

    def refused(token: str, *move: Any) -> str:
        before = desk.end(token).refs()
        with pytest.raises(Forbidden) as caught:
            tag(token, *move)
        assert desk.end(token).refs() == before
        return str(caught.value)

    assert refused(bob, "v1", None, first) == "rule releases: bob may not push tag v1 with this token"
    tag(bob, "seen", None, first)
    tag(bob, "seen", first, second)
    tag(bob, "seen", second, None)
    tag(eve, "v1", None, first)
    assert refused(eve, "v1", first, second) == "rule releases: tag v1 may not be moved"
    assert refused(eve, "v1", first, None) == "rule releases: tag v1 may not be deleted"
    assert refused(bob, "v1", first, None).startswith("rule releases: bob may not")
    tag(shared.ada, "v1", first, second)
    tag(shared.ada, "v1", second, None)
    desk.move("v1", second)
    desk.push(bob, "v1")  # a branch of that name is none of its business
