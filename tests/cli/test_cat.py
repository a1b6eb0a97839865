"""`tether cat`."""

import random

from tests.support.cli import TETHER, Room
from tests.support.rooms import commit, start_repo


def test_bytes_come_out_as_they_went_in(room: Room) -> None:
    """Binary contents, links, several files, the stage, and paths from the current folder."""
    data = random.Random(5).randbytes(400_000)
    repo = start_repo(room)
    room.work.joinpath("link").symlink_to("dir/x")
    commit(repo, "first", {"big": data, "dir/x": b"x\n"})
    (room.work / "dir/x").write_bytes(b"staged\n")
    repo.add()
    repo.close()

    import subprocess

    done = subprocess.run(
        [TETHER, "cat", "HEAD:big"], cwd=room.work, env=room.environ, capture_output=True, check=True
    )
    assert done.stdout == data
    room.transcript(
        """
        $ tether cat HEAD:dir/x HEAD:link && echo
        x
        dir/x
        $ cd dir && tether cat HEAD:./x :./x
        x
        staged
        $ tether cat HEAD:dir
        error: HEAD:dir is a folder
        hint: 'tether ls HEAD:dir' lists it
        [2]
        $ tether cat HEAD:absent
        error: no such file: HEAD:absent
        hint: 'tether ls -r HEAD' lists what is there
        [3]
        $ tether cat big
        error: not a file of a revision: big
        hint: write HEAD:big
        [2]
        """
    )


def test_json_has_text_or_base64(room: Room) -> None:
    """What is UTF-8 is text."""
    repo = start_repo(room)
    commit(repo, "first", {"t": "grün\n".encode(), "b": b"\xff\0"})
    repo.close()

    text, binary = room.json("cat", "HEAD:t", "HEAD:b")

    assert (text["path"], text["text"], text["size"]) == ("t", "grün\n", 6)
    assert binary["base64"] == "/wA="


def test_nothing_slow_is_imported(room: Room) -> None:
    """A short command stays short."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"a"})
    repo.close()

    for arguments in ("['cat', 'HEAD:a']", "['log']", "['branch']"):
        script = (
            "import sys; from tether.cli.context import Context; from tether.cli.main import run; "
            f"code = run(Context(), {arguments}); "
            "bad = {'numpy', 'rich', 'httpx', 'blosc2', 'asyncio'} & set(sys.modules); "
            "sys.stderr.write(str(sorted(bad))); sys.exit(code or bool(bad))"
        )
        result = room.shell(f'{TETHER.parent / "python"} -c "{script}"')
        assert result.code == 0, result
