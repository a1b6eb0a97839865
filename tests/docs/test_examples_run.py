"""The examples in docstrings and guides are true: each runs in a repository of its own."""

import doctest
import inspect
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Room
from tests.support.guides import DATABASE, masked, ran
from tests.support.photos import make_photos

import tether
from tether.api.models import Model
from tether.api.remoterepo import RemoteRepo
from tether.api.repo import Repo
from tether.api.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class with those that it inherits."""
    for name in dir(kind):
        member = inspect.getattr_static(kind, name)
        if not name.startswith("_") and (callable(member) or isinstance(member, classmethod | property)):
            yield f"{kind.__name__}.{name}", member


MEMBERS = dict(member for kind in (Repo, Snapshot, RemoteRepo, Model) for member in public_members(kind))
DOCUMENTED = {
    **{name: inspect.getdoc(member) or "" for name, member in MEMBERS.items()},
    "Model": inspect.getdoc(Model) or "",
    "RemoteRepo": inspect.getdoc(RemoteRepo) or "",
    "Repo": inspect.getdoc(Repo) or "",
    "Snapshot": inspect.getdoc(Snapshot) or "",
    "run": inspect.getdoc(tether.run) or "",
    "tether": inspect.getdoc(tether) or "",
}


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the examples may use: the public names, `repo`, and `Path`."""
    repo = make_photos(tmp_path)
    monkeypatch.chdir(tmp_path)
    public = {name: getattr(tether, name) for name in tether.__all__}
    return {**public, "tether": tether, "repo": repo, "Path": Path}


def run(text: str, names: dict[str, Any], title: str) -> None:
    """Run the examples in a text; a difference is shown as doctest shows it."""
    test = doctest.DocTestParser().get_doctest(text, names, title, None, 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_name_has_an_example_that_runs(name: str, names: dict[str, Any]) -> None:
    """The docstring has an example, and the example gives what it says."""
    assert ">>> " in DOCUMENTED[name], "an example is missing"
    run(DOCUMENTED[name], names, name)


@pytest.mark.parametrize("path", sorted((ROOT / "docs/guides").glob("*.md")), ids=lambda path: path.stem)
def test_guides_print_what_they_say(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each shell block of a guide runs, what stands below it is what it prints, and no hub logs a token."""
    page = path.read_text()
    if "curl " in page and shutil.which("curl") is None:
        pytest.skip("the guide uses curl, which is not there")
    with ExitStack() as stack:
        database = ""
        if DATABASE in page:
            database = stack.enter_context(request.getfixturevalue("postgres").database())

        assert masked(page) == masked(ran(page, tmp_path, database)), "run `make reference`"
    if path.stem == "hub":
        assert said_by_hubs(tmp_path).count('"request"') > 10
    assert "tth_" not in said_by_hubs(tmp_path), "a token is in the log"


def said_by_hubs(folder: Path) -> str:
    """Return what the background commands of a guide wrote on stderr."""
    return "".join(path.read_text(errors="replace") for path in sorted(folder.glob("background-*.log")))


def test_the_guide_of_python_runs(names: dict[str, Any]) -> None:
    """All examples of the page run one after the other."""
    blocks = re.findall(r"^```pycon\n(.*?)^```$", (ROOT / "docs/guides/python.md").read_text(), re.M | re.S)

    assert len(blocks) > 5
    run("\n".join(blocks), names, "python.md")


def test_the_session_of_the_readme_runs(tmp_path: Path) -> None:
    """Every line of the session in README.md works as it is written, with the pictures that it copies."""
    room = Room(tmp_path)
    for name in ("pictures/cats/a.jpg", "pictures/dogs/b.jpg", "labels.csv"):
        (room.home / name).parent.mkdir(parents=True, exist_ok=True)
        (room.home / name).write_bytes(name.encode())
    session = re.search(r"^## A session\n\n((?: {4}.*\n)+)", (ROOT / "README.md").read_text(), re.M)
    assert session is not None

    done = room.shell("set -e\n" + session[1])

    assert done.code == 0, done.out
    assert (room.work / "animals-labels/labels.csv").is_file()
    assert (room.work / "animals/cats/a.jpg").is_file()
