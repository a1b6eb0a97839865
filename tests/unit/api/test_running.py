"""Commands as runs, where something of ours fails while they run, and at a terminal."""

import os
import signal
from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

from tether.api import running
from tether.api.repo import Repo
from tether.errors import NotFound


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Return an empty repository, in its folder."""
    repo = Repo.init(tmp_path / "repo", clock=ticking())
    repo.author = ADA
    monkeypatch.chdir(repo.root)
    return repo


def test_a_run_is_kept_whatever_fails_meanwhile(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes on to its end, and what it printed, measured and left is stored by the next run."""
    monkeypatch.setattr(running, "_FOR_THE_END", ("tether.no_such_module",))
    script = "sleep 0.1; echo weights > out.txt; echo printed; echo '{\"loss\": 1}' >> $TETHER_METRICS"

    with pytest.raises(ModuleNotFoundError):
        repo.run_command(["sh", "-c", script], artefacts=["out.txt"])
    repo.seal_runs()

    [found] = repo.runs()
    assert (str(found.record.status), found.record.metrics["loss"].last) == ("lost", 1)
    assert repo.find_run(found.id).output() == b"printed\n"
    assert repo.at(f"runs/{found.id}").read_text("artefacts/out.txt") == "weights\n"


def test_of_a_command_that_is_not_there_nothing_is_left(repo: Repo) -> None:
    """It was never started."""
    with pytest.raises(NotFound, match="no such command"):
        repo.run_command(["no-such-command"])

    assert repo.runs() == []
    assert list((repo.root / ".tether/runs").iterdir()) == []


def test_ctrl_c_at_a_terminal_comes_once(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends that to the command itself; what only this process got is not passed on to it there."""
    (repo.root / "data.txt").write_text("data")
    repo.add()
    repo.commit("Data")
    monkeypatch.setattr(os, "isatty", {0: True, 1: False, 2: False}.__getitem__)
    command = ["sh", "-c", "echo ready; sleep 0.2; echo whole"]

    def strike(printed: bytes) -> None:
        if printed == b"ready\n":
            os.kill(os.getpid(), signal.SIGINT)

    first = repo.run_command(command, name="first", show=strike)
    again = repo.repro("first", environment="current", show=strike)
    other = repo.retrain("first", show=strike)

    found = [str(each.status) for each in (first.record, again.record, other.record)]
    assert found == ["finished"] * 3
    assert (first.code, first.told) == (0, 2)
