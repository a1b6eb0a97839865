"""`tether branch`."""

from tests.support.cli import Room
from tests.support.histories import Past
from tests.support.rooms import commit, start_repo


def test_branches_are_made_renamed_and_deleted(room: Room) -> None:
    """Only merged branches go without -D."""
    repo = start_repo(room)
    first = commit(repo, "first", {"a": b"1"})
    Past(repo.repository).commit("more", {"b": b"1"}, branch="open", parents=[bytes.fromhex(first)])  # type: ignore[list-item]
    repo.close()

    room.transcript(
        f"""
        $ tether branch new HEAD
        created branch new at {first[:12]}
        $ tether branch
        * main
          new
          open
        $ tether branch -m new newer
        renamed branch new to newer
        $ tether branch -d newer
        deleted branch newer (was {first[:12]})
        $ tether branch -d open
        error: branch open has commits that are not merged
        hint: 'tether branch -D open' removes it anyway
        [5]
        $ tether branch -D open
        deleted branch open (was ...)
        $ tether branch main
        error: branch main exists already
        hint: 'tether switch main' goes to it
        [4]
        """
    )
    assert room.json("branch") == [
        {"name": "main", "id": first, "current": True, "remote": False, "upstream": None}
    ]


def test_the_long_list_compares_with_the_upstream(room: Room) -> None:
    """Ahead and behind, and the newest message."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"1"})
    with repo.repository.transaction("fetch") as transaction:
        transaction.set_ref("refs/remotes/origin/main", transaction.ref("refs/heads/main"))
    config = repo.repository.directory / "config.toml"
    repo.repository.config.update(config, {"branch.main.remote": "origin", "branch.main.merge": "main"})
    commit(repo, "second", {"a": b"2"})
    repo.close()

    room.transcript(
        """
        $ tether branch -v --all
        * main                ... [origin/main: ahead 1] second
          remotes/origin/main ... first
        """
    )
    assert room.json("branch", "-v")[0]["ahead"] == 1
