"""The examples in docstrings and guides are true: each runs in a repository of its own."""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.photos import make_photos

import tether
from tether.api.repo import Repo
from tether.api.snapshot import Snapshot

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class with those that it inherits."""
    for name in dir(kind):
        member = inspect.getattr_static(kind, name)
        if not name.startswith("_") and (callable(member) or isinstance(member, classmethod | property)):
            yield f"{kind.__name__}.{name}", member


MEMBERS = dict([*public_members(Repo), *public_members(Snapshot)])
DOCUMENTED = {
    **{name: inspect.getdoc(member) or "" for name, member in MEMBERS.items()},
    "Repo": inspect.getdoc(Repo) or "",
    "Snapshot": inspect.getdoc(Snapshot) or "",
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
