"""`tether.run`: a block of Python as a run of its own, or as a part of a command's."""

from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

import tether
from tether.api.pinned import FOLDER
from tether.api.repo import Repo
from tether.api.runinputs import RunRequest
from tether.api.running import RUN_FOLDER, begun
from tether.errors import AlreadyExists, InvalidInput, NotFound, Unavailable
from tether.repo.history import History
from tether.runs.pinning import PINNED
from tether.runs.reading import find_run


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Return a repository with a folder `train`, in its folder; no Python is asked for its packages."""
    repo = Repo.init(tmp_path / "repo", clock=ticking())
    repo.author = ADA
    (repo.root / "train").mkdir()
    (repo.root / "train/cat.txt").write_text("a cat\n")
    repo.add()
    repo.commit("A cat")
    monkeypatch.chdir(repo.root)
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    return repo


def test_a_block_is_a_run(repo: Repo) -> None:
    """Parameters, metrics and artefacts are stored at its end; artefacts as they were when given."""
    with tether.run(
        repo, name="base", data=["train=HEAD:train"], parameters={"lr": 0.1}, seeds={"s": 1}
    ) as run:
        assert (run.data["train"] / "cat.txt").read_text() == "a cat\n"
        run.param("layers", 3)
        for step in range(3):
            run.metric("loss", 1 / (step + 1), step)
        run.metric("loss", float("nan"))
        Path("out").mkdir()
        Path("out/weights.bin").write_text("first")
        run.artefact("out")
        Path("out/weights.bin").write_text("second")
        [under_way] = repo.runs()
        assert str(under_way.record.status) == "running"

    [found] = repo.runs("lr=0.1", "layers=3")
    record = found.record
    assert (str(record.status), record.name, record.seeds) == ("finished", "base", {"s": 1})
    assert (record.metrics["loss"].count, record.metrics["loss"].last, record.metrics["loss"].least) == (
        4,
        "NaN",
        1 / 3,
    )
    assert repo.at(f"runs/{found.id}").read_text("artefacts/out/weights.bin") == "first"
    assert record.resources.wall_s is not None
    assert not [ref for ref in repo.repository.root().refs if ref.startswith(PINNED)]
    with pytest.raises(NotFound):
        run.metric("loss", 1.0)


def test_a_block_that_fails(repo: Repo) -> None:
    """The exception goes on, and its name is in the record."""
    with pytest.raises(ZeroDivisionError), tether.run(repo) as run:
        run.metric("loss", 1)
        raise ZeroDivisionError

    [found] = repo.runs("status=failed")
    assert found.record.exit.error == "ZeroDivisionError"


def test_what_cannot_be(repo: Repo) -> None:
    """A parameter has one value, a metric is a number, data and artefacts must be there."""
    with tether.run(repo) as run:
        run.param("lr", 1)
        run.param("lr", 1)
        with pytest.raises(AlreadyExists):
            run.param("lr", 2)
        with pytest.raises(InvalidInput):
            run.metric("loss", "high")
        with pytest.raises(NotFound):
            run.artefact("nothing")
        with pytest.raises(InvalidInput):
            run.artefact("train", "../out")
    with pytest.raises(InvalidInput), tether.run(repo, data=["HEAD:train", "train=HEAD"]):
        pass
    with pytest.raises(InvalidInput), tether.run(repo, data=["a/b=HEAD:train"]):
        pass
    assert len(repo.runs()) == 1


def test_a_block_in_a_command(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes to the run of the command, which goes on after it."""
    request = RunRequest(("x",), repo.root, {"PATH": ""}, data=("HEAD:train",))
    with begun(repo, request) as under_way:
        for name, value in under_way.variables.items():
            monkeypatch.setenv(name, value)
        with tether.run(data=["train"], parameters={"lr": 0.1}) as run:
            run.metric("loss", 0.5)
            assert run.data["train"] == under_way.folders["train"]
        with pytest.raises(InvalidInput), tether.run(data=["test=HEAD:train"]):
            pass
        found = find_run(repo.repository, run.id).record

    assert (found.parameters, found.metrics["loss"].last) == ({"lr": 0.1}, 0.5)
    assert [str(each.record.status) for each in repo.runs()] == ["lost"]


def test_a_run_that_cannot_be_stored_is_stored_later(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the end loses nothing: the next run stores it as it ended."""

    def full(*_: object) -> None:
        raise Unavailable("disk full")

    with pytest.raises(Unavailable), tether.run(repo, name="first") as run:
        run.metric("loss", 0.5)
        monkeypatch.setattr(type(repo.repository.roots), "swap", full)
    monkeypatch.undo()
    monkeypatch.chdir(repo.root)
    monkeypatch.setattr("sys.executable", "/bin/false")

    [lost] = repo.runs()
    with tether.run(repo, name="second"):
        pass

    assert str(lost.record.status) == "lost"
    assert [(str(each.record.status), each.record.name) for each in repo.runs()] == [
        ("finished", "second"),
        ("finished", "first"),
    ]


def test_links_and_single_files_are_pinned(repo: Repo) -> None:
    """A folder with a link and a program, and a file alone, come as they are; nobody may write to them."""
    (repo.root / "train/run.sh").write_text("#!/bin/sh\n")
    (repo.root / "train/run.sh").chmod(0o755)
    (repo.root / "train/newest").symlink_to("cat.txt")
    repo.add()
    repo.commit("More")

    with tether.run(repo, data=["HEAD:train", "one=HEAD:train/cat.txt"]) as run:
        folder, file = run.data["train"], run.data["one"]

    assert sorted(path.name for path in folder.iterdir()) == ["cat.txt", "newest", "run.sh"]
    assert (folder / "newest").is_symlink()
    assert (folder / "newest").read_text() == file.read_text() == "a cat\n"
    assert file.name == "cat.txt"
    assert file.stat().st_ino == (folder / "cat.txt").stat().st_ino
    assert [(folder / name).stat().st_mode & 0o777 for name in ("cat.txt", "run.sh")] == [0o444, 0o555]
    assert repo.repository.directory / FOLDER in folder.parents


def test_who_runs_it_is_found_as_the_command_does(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the user's settings, or in the environment, which goes before."""
    settings = tmp_path / "config/tether/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[user]\nname = "Bob"\nemail = "bob@example.org"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TETHER_USER_NAME", "TETHER_USER_EMAIL"):
        monkeypatch.delenv(name, raising=False)

    with tether.run():
        pass
    monkeypatch.setenv("TETHER_USER_NAME", "Eve")
    monkeypatch.setenv("TETHER_USER_EMAIL", "eve@example.org")
    with tether.run("train"):
        pass

    found = [History.of(repo.repository).commit(each.commit) for each in repo.runs() if each.commit]
    assert [commit.author.name for commit in found] == ["Eve", "Bob"]


def test_undo_while_a_run_is_under_way(repo: Repo) -> None:
    """What the run pinned is taken back with it, and is a part of the run all the same."""
    with tether.run(repo, data=["train=HEAD:train"]):
        assert repo.undo().operation.command.endswith("begins")

    [found] = repo.runs()
    assert repo.at(f"runs/{found.id}").read_text("data/train/cat.txt") == "a cat\n"
    assert repo.at(f"runs/{found.id}").read_text("work/train/cat.txt") == "a cat\n"
    assert repo.fsck(full=True).problems == []
