"""Runs whose work is done in this process: what is said of those that are under way or were stopped."""

import os
from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

from tether.api.lineage import find_users
from tether.api.originals import find_original
from tether.api.repo import Repo
from tether.api.runinputs import RunRequest
from tether.api.running import run_command
from tether.api.stopping import recorded
from tether.errors import InvalidInput, Stopped


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Return a repository with a test set; no Python is asked for its packages."""
    repo = Repo.init(tmp_path / "repo", clock=ticking())
    repo.author = ADA
    (repo.root / "set.csv").write_text("x,y\n1,2\n")
    repo.add()
    repo.commit("A test set")
    monkeypatch.setattr("sys.executable", "/bin/false")
    return repo


def asked(repo: Repo, *words: str) -> RunRequest:
    """Return a run of these words that reads the test set; programs are those in the repository's folder."""
    environ = {**os.environ, "PATH": f"{repo.root}:{os.environ['PATH']}"}
    data = ("data=HEAD:set.csv",)
    return RunRequest(words, Path(repo.root), environ, data=data, checkout=False, observe=False, mlflow=False)


def roles(repo: Repo) -> list[tuple[str, ...]]:
    """Return what those had the set for that judged with it, after a look that nobody was trained on it."""
    found = find_users(repo, "HEAD:set.csv", Path(repo.root))[1]
    assert found.trained.runs == []
    return [use.roles for use in found.judged.runs]


def test_a_bench_that_is_under_way_or_was_stopped_trained_nothing(repo: Repo) -> None:
    """Neither has kept anything yet; the stopped one cannot be repeated as a command."""
    with pytest.raises(Stopped), recorded(repo, asked(repo, "tether", "bench", "HEAD:model.onnx")):
        assert roles(repo) == [("bench",)]
        raise KeyboardInterrupt

    assert roles(repo) == [("bench",)]
    with pytest.raises(InvalidInput, match="is a bench"):
        find_original(repo, "last")


def test_the_same_words_as_a_command_can_be_repeated(repo: Repo) -> None:
    """What `tether run` ran has printed something, whatever it was called."""
    program = Path(repo.root, "tether")
    program.write_text("#!/bin/sh\necho compared\n")
    program.chmod(0o755)
    request = asked(repo, "tether", "bench", "compare", "a", "b")
    shown: list[bytes] = []
    run_command(repo, request, {"stdout": shown.append, "stderr": shown.append})

    assert b"".join(shown) == b"compared\n"
    assert find_original(repo, "last").record.command == request.command
