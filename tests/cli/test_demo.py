"""The demonstration: it runs to its end, and says what to do where it cannot begin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.cli import BIN, Room
from tests.support.instead import find_instead

ROOT = Path(__file__).parents[2]
BY_COPIES = """
import sys
from pathlib import Path

tether, root, output = sys.argv[1:]
sys.path.insert(0, root)
import demo.terminal

demo.terminal.TETHER = Path(tether)
from demo.__main__ import main

sys.exit(main([output]))
"""
"""The demonstration, whose commands are run by copies of a process: how they start is shown elsewhere."""
WITHOUT_PILLOW = "import sys; sys.modules['PIL'] = None; import demo.__main__ as d; sys.exit(d.main([]))"


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python, which finds the project's folder where it is started in it."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_package_is_named_with_the_way_to_install_it() -> None:
    """Without the packages of the demo extra there is an error with a hint and no traceback."""
    done = run("-c", WITHOUT_PILLOW)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: the demonstration needs pillow\nhint: pip install '.[demo]', or run 'make demo'\n"
    )


def test_a_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    """Only demo-output is made anew; another folder must be new."""
    (tmp_path / "mine.txt").write_text("mine")

    done = run("-m", "demo", str(tmp_path))

    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_story_ends_with_repositories_that_are_whole(tmp_path: Path, room: Room) -> None:
    """All chapters are told, the files are there, and both people have the same history."""
    output = tmp_path / "out"

    done = run("-c", BY_COPIES, str(find_instead() / "tether"), str(ROOT), str(output), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.findall(r"^== (\d)", done.stdout, re.M) == list("12345678")
    assert "NOT" not in done.stdout
    assert "DIFFERENT" not in done.stdout
    assert len(list((output / "project/digits").rglob("*.png"))) == 1797
    assert (output / "summary.png").stat().st_size > 1000
    histories = [room.json("log", cwd=output / name) for name in ("project", "colleague", "shared")]
    assert histories[0] == histories[1] == histories[2]
    assert room.json("fsck", "--full", cwd=output / "shared")["ok"]
