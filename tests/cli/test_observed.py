"""What a command opens is held against what was declared: real Pythons, also odd and killed ones."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import TETHER, Room

PYTHON = f"{sys.base_prefix}/bin/python3"
"""With few packages: those of a run are listed."""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with a repository that has data, and files besides."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    room.write("train/cat.txt", "a cat\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A cat")
    room.write("extra.csv", "1,2\n")
    return room


def observed(room: Room, *arguments: str, script: str) -> Any:
    """Run a script and return what was observed, None where nothing was."""
    done = room.run("run", "-q", *arguments, "--", PYTHON, "-c", script)
    assert done.code == 0, done
    return json.loads(room.do("runs", "show", "last", "--json"))["observed"]


def test_files_that_were_not_declared_are_told(room: Room) -> None:
    """With size and digest, from where the command ran; the user is warned."""
    script = "import os; open(os.environ['TETHER_DATA_TRAIN'] + '/cat.txt').read(); open('extra.csv').read()"

    done = room.run("run", "-q", "--data", "train=HEAD:train", "--", PYTHON, "-c", script)

    assert done.err == "warning: read but not declared: extra.csv\n"
    found = json.loads(room.do("runs", "show", "last", "--json"))["observed"]
    assert found["declared"] == {"train": 1}
    [file] = found["undeclared"]
    assert (file["path"], file["bytes"]) == ("extra.csv", 4)
    assert len(file["digest"]) == 64
    assert "extra.csv" in room.do("runs", "show", "last")


def test_what_is_no_input_is_not_told(room: Room) -> None:
    """Own results, code, packages, what does not exist, hidden files, and tracked files."""
    room.write(".secret", "token")
    script = (
        "import json, email.mime.text\n"
        "open('out.txt', 'w').write('x'); open('out.txt').read()\n"
        "open('train/cat.txt').read(); open('.secret').read(); open('/dev/null').read()\n"
        "try: open('missing.csv')\n"
        "except OSError: pass\n"
    )

    assert observed(room, script=script) == {
        "version": 1, "declared": {"work": 1}, "code": 0, "undeclared": [], "unnamed": 1,
    }  # fmt: skip


def test_an_input_may_be_read_in_the_working_copy(room: Room) -> None:
    """Without folders for it, what has the same content at the same path is the declared one."""
    script = "open('train/cat.txt').read()"
    arguments = ("--data", "train=HEAD:train", "--no-checkout")

    found = observed(room, *arguments, script=script)

    assert found["undeclared"] == []
    assert sum(found["declared"].values()) == 1


def test_children_and_forks_are_seen(room: Room) -> None:
    """Also those that end without notice, and after others have closed all files."""
    for number in range(300):
        room.write(f"many/{number}.txt", "x")
    script = (
        "import os, subprocess, sys\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    for number in range(100): open(f'many/{number}.txt').read()\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "os.closerange(3, 100)\n"
        "for number in range(100, 200): os.close(os.open(f'many/{number}.txt', os.O_RDONLY))\n"
        "subprocess.run([sys.executable, '-c', \"for n in range(200, 300): open(f'many/{n}.txt').read()\"])\n"
    )

    found = observed(room, script=script)

    assert {each["path"] for each in found["undeclared"]} == {f"many/{number}.txt" for number in range(300)}


def test_a_sitecustomize_of_the_user_stays(room: Room) -> None:
    """It runs as without us, is the module of that name, and PYTHONPATH goes on to mean the same."""
    room.write("own/sitecustomize.py", "import builtins; builtins.customised = __file__")
    room.environ["PYTHONPATH"] = str(room.work / "own")
    script = "import sitecustomize, sys; print(customised == sitecustomize.__file__, len(sys.path))"

    with_us = room.do("run", "-q", "--", PYTHON, "-c", script)
    without = room.do("run", "-q", "--no-observe", "--", PYTHON, "-c", script)

    assert with_us == without
    assert with_us.startswith("True ")
    room.environ["PYTHONPATH"] = ""


def test_a_sitecustomize_that_fails_fails_as_before(room: Room) -> None:
    """The interpreter goes on, and says what it says without us."""
    room.write("own/sitecustomize.py", "raise ValueError('mine')")
    room.environ["PYTHONPATH"] = str(room.work / "own")

    done = room.run("run", "-q", "--", PYTHON, "-c", "print(1)")

    assert done.out == "1\n"
    assert "ValueError: mine" in done.err


def test_it_can_be_turned_off(room: Room) -> None:
    """And a command that is no Python, or does not look for modules of others, is not observed."""
    assert observed(room, "--no-observe", script="open('extra.csv').read()") is None
    room.do("run", "-q", "--", "cat", "extra.csv")
    assert json.loads(room.do("runs", "show", "last", "--json"))["observed"] is None
    room.do("run", "-q", "--", PYTHON, "-I", "-c", "open('extra.csv').read()")
    assert json.loads(room.do("runs", "show", "last", "--json"))["observed"] is None


def test_odd_names(room: Room) -> None:
    """Bytes that are no text, line breaks, and things that are no paths."""
    for name in (b"a\xff.csv", b"line\nbreak.csv"):
        (Path(os.fsdecode(os.fsencode(room.work) + b"/" + name))).write_bytes(b"x")
    script = (
        "import os, pathlib, sys\n"
        "open(b'a\\xff.csv').read(); open(pathlib.Path('line\\nbreak.csv')).read()\n"
        "open(os.open('extra.csv', 0)).read()\n"
        "for odd in ((), ('x',), (object(), None, 0), ('x', 'r', 'flags')): sys.audit('open', *odd)\n"
        "os.chdir('train'); open('../extra.csv').read()\n"
    )

    found = observed(room, script=script)

    assert [each["path"] for each in found["undeclared"]] == ["a\\xff.csv", "extra.csv", "line\nbreak.csv"]


def test_a_killed_command_told_what_it_had_opened(room: Room) -> None:
    """The first files are written down at once."""
    room.inside = False
    script = (
        "open('extra.csv').read(); import os; print(os.getpid(), flush=True); import time; time.sleep(100)"
    )
    with subprocess.Popen(
        [TETHER, "run", "-q", "--", PYTHON, "-c", script], cwd=room.work, env=room.environ,
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        process.wait(20)

    found = json.loads(room.do("runs", "show", "last", "--json"))

    assert found["status"] == "killed"
    assert [each["path"] for each in found["observed"]["undeclared"]] == ["extra.csv"]


def test_each_open_costs_little(room: Room) -> None:
    """Thousands of files are all seen, for less than 20 microseconds of processor time each."""
    count = 5000
    folder = room.work / "many"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}").touch()
    script = (
        "import os, time\n"
        "began = time.process_time()\n"
        f"for number in range({count}): os.close(os.open(f'many/{{number}}', os.O_RDONLY))\n"
        "print(time.process_time() - began)\n"
    )

    runs = [room.run("run", "-q", *more, "--", PYTHON, "-c", script) for more in (["--no-observe"], [])]

    found = json.loads(room.do("runs", "show", "last", "--json"))["observed"]
    assert len(found["undeclared"]) + found["unnamed"] == count
    assert runs[1].err.endswith(" and 4,997 more\n")
    plain, seen = (float(done.out) for done in runs)
    assert (seen - plain) / count < 20e-6
