"""Local hooks: programs in `.tether/hooks` that may refuse a commit or a push, or are told of one."""

from tests.support.cli import Room


def hook(room: Room, name: str, script: str) -> None:
    """Write an executable hook; one without `#!` is a script of sh."""
    room.write(f".tether/hooks/{name}", script).chmod(0o755)


def begin(room: Room) -> None:
    """Make a repository with a staged file."""
    room.ok("init", "-q")
    room.write("a.txt", "one\n")
    room.ok("add", "a.txt", "-q")


def test_pre_commit_refuses(room: Room) -> None:
    """What it prints goes to stderr, the commit is not made, and --no-verify leaves it out."""
    begin(room)
    hook(room, "pre-commit", "#!/bin/sh\necho no good\nexit 3\n")

    room.transcript("""
        $ tether commit -m one
        no good
        error: the hook pre-commit refused with exit code 3
        hint: --no-verify leaves the hooks out
        [6]
        $ tether status --short
        A  a.txt
        $ tether commit --json -m one 2>/dev/null
        {"error": {"code": "forbidden", ...}}
        [6]
        $ tether commit --no-verify -q -m one
        $ tether status --short
    """)


def test_pre_commit_sees_what_will_be_committed(room: Room) -> None:
    """It runs in the top folder, and with -a the changes are staged before."""
    begin(room)
    room.ok("commit", "-q", "-m", "one")
    room.write("sub/b.txt", "")
    room.write("a.txt", "two\n")
    hook(room, "pre-commit", "tether diff --staged --name-only\npwd\n")

    result = room.run("commit", "-a", "-m", "two", "-q", cwd=room.work / "sub")

    assert (result.code, result.out, result.err) == (0, "", f"a.txt\n{room.work}\n")


def test_commit_msg_changes_the_message(room: Room) -> None:
    """The file that it is given holds the message, and what it leaves there is committed."""
    begin(room)
    hook(room, "commit-msg", '#!/bin/sh\ngrep -q data "$1" || exit 1\necho "Checked: yes" >> "$1"\n')

    assert room.run("commit", "-m", "one").code == 6
    room.ok("commit", "-q", "-m", "data one")

    assert room.json("log")[0]["message"] == "data one\nChecked: yes"
    assert not (room.work / ".tether/COMMIT_MSG").exists()


def test_post_commit_is_told(room: Room) -> None:
    """It runs after the commit is made and cannot take it back."""
    begin(room)
    hook(room, "post-commit", "tether log --oneline\nexit 1\n")

    result = room.run("commit", "-q", "-m", "one")

    assert result.code == 0
    assert result.err.splitlines()[0].endswith("(HEAD -> main) one")
    assert result.err.splitlines()[1].startswith("warning: the hook post-commit ended with exit code 1")


def test_pre_push_refuses(room: Room) -> None:
    """It gets the name and address of the remote, and the branches with their commits."""
    begin(room)
    commit = room.json("commit", "-m", "one")["id"]
    room.ok("remote", "add", "-q", "hub", str(room.home / "hub"))
    hook(room, "pre-push", '#!/bin/sh\necho "$1" "$2"\ncat\nexit 1\n')

    refused = room.run("push", "hub", "main")

    assert refused.code == 6
    assert refused.err.splitlines()[:2] == [f"hub {room.home / 'hub'}", f"refs/heads/main {commit}"]
    assert not (room.home / "hub").exists()
    room.ok("push", "hub", "main", "-q", "--no-verify")


def test_a_hook_that_may_not_be_executed_is_none(room: Room) -> None:
    """As in git, an example that is not executable does nothing."""
    begin(room)
    room.write(".tether/hooks/pre-commit", "#!/bin/sh\nexit 1\n")

    room.ok("commit", "-q", "-m", "one")


def test_a_clone_has_no_hooks(room: Room) -> None:
    """Hooks are nobody else's business."""
    begin(room)
    room.ok("commit", "-q", "-m", "one")
    hook(room, "pre-commit", "exit 1\n")
    room.ok("clone", "-q", str(room.work), str(room.home / "copy"))

    assert not (room.home / "copy/.tether/hooks").exists()
