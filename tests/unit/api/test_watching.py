"""Pinned data that somebody writes to while a run reads it: it is told, recorded, and goes to nobody else."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

import tether
from tether.api import pinned, watching
from tether.api.repo import Repo
from tether.api.running import RUN_FOLDER
from tether.api.runs import clean_data, run_beside
from tether.cli.context import Context
from tether.cli.render_running import warn_altered
from tether.cli.render_runs import run_lines
from tether.core.digest import Digest, hash_bytes
from tether.errors import Unavailable
from tether.runs.altered import Altered
from tether.storage.locks import LockFile

CAT = b"a cat\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Return a repository with a folder `train` with files, a folder and a link, in its folder."""
    repo = Repo.init(tmp_path / "repo", clock=ticking())
    repo.author = ADA
    (repo.root / "train/more").mkdir(parents=True)
    (repo.root / "train/cat.txt").write_bytes(CAT)
    (repo.root / "train/more/dog.txt").write_text("a dog\n")
    (repo.root / "train/newest").symlink_to("cat.txt")
    repo.add()
    repo.commit("A cat")
    monkeypatch.chdir(repo.root)
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    return repo


def overwrite(path: Path) -> None:
    """Write other bytes in place, as its owner may allow himself, and root may anyway."""
    path.chmod(0o644)
    path.write_bytes(b"a bat\n")


def overwrite_in_secret(path: Path) -> None:
    """As `overwrite`, and set mode and time back, as tools do that keep times."""
    found = path.stat()
    overwrite(path)
    path.chmod(found.st_mode)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file in its place."""
    path.parent.chmod(0o755)
    path.unlink()
    path.write_bytes(b"a bat\n")


def remove(path: Path) -> None:
    """Remove it."""
    path.parent.chmod(0o755)
    path.unlink()


@pytest.mark.parametrize("change", [overwrite, overwrite_in_secret, replace, remove])
def test_a_file_that_changed_is_named_and_goes_to_nobody_else(
    repo: Repo, change: Callable[[Path], None]
) -> None:
    """Both runs that read it say so; the next one gets what was pinned, also through another tree."""
    with (
        tether.run(repo, data=["train=HEAD:train"]) as reader,
        tether.run(repo, data=["train=HEAD:train"]) as writer,
    ):
        change(writer.data["train"] / "cat.txt")
    with tether.run(repo, data=["one=HEAD:train/cat.txt", "train=HEAD:train"]) as after:
        assert (after.data["train"] / "cat.txt").read_bytes() == after.data["one"].read_bytes() == CAT

    assert reader.altered == writer.altered == {"train": ("cat.txt",)}
    assert after.altered == {}
    newest, *others = repo.runs()
    assert run_beside(repo, newest)["altered"] is None
    for run in others:
        assert run_beside(repo, run)["altered"]["inputs"] == {"train": {"files": ("cat.txt",), "unnamed": 0}}


def test_a_file_that_came_besides_and_a_link_that_leads_elsewhere(repo: Repo) -> None:
    """A folder with one file more is not what was pinned either."""
    with tether.run(repo, data=["train=HEAD:train"]) as run:
        (run.data["train"] / "more").chmod(0o755)
        (run.data["train"] / "more/bat.txt").touch()
        replace(run.data["train"] / "newest")

    assert run.altered == {"train": ("more/bat.txt", "newest")}


def test_what_another_run_wrote_anew_was_altered_all_the_same(repo: Repo) -> None:
    """A run that begins meanwhile finds the change and mends it, so that nothing of it is left to be seen."""
    with tether.run(repo, data=["train=HEAD:train", "one=HEAD:train/cat.txt"]) as reader:
        overwrite(reader.data["one"])
        with tether.run(repo, data=["train=HEAD:train", "one=HEAD:train/cat.txt"]) as other:
            assert other.data["one"].read_bytes() == CAT
        assert (reader.data["train"] / "cat.txt").read_bytes() == CAT

    assert reader.altered == {"train": ("cat.txt",), "one": ("cat.txt",)}
    assert other.altered == {}
    notes = repo.repository.directory / "pinned/altered"
    assert len([*notes.iterdir()]) == 2
    clean_data(repo)
    assert [*notes.iterdir()] == []


def test_what_is_no_change(repo: Repo) -> None:
    """Further links to a file, another time and another mode leave it what it was."""
    with tether.run(repo, data=["train=HEAD:train"]) as run:
        with tether.run(repo, data=["one=HEAD:train/cat.txt"]) as other:
            pass
        os.utime(run.data["train"] / "more/dog.txt")
        (run.data["train"] / "more/dog.txt").chmod(0o644)

    assert (run.altered, other.altered) == ({}, {})
    assert clean_data(repo) == len("a cat\na dog\n")
    assert [path for path in (repo.repository.directory / "pinned").glob("*/*/*") if path.is_file()] == []


def test_files_are_read_without_the_lock(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that begin need not wait until large data is read; what changed by then is read once more."""
    read: list[str] = []

    def busy(holder: object) -> bool:
        pytest.fail(f"the lock is held by {holder}")

    def digest(place: bytes) -> bytes:
        read.append(Path(os.fsdecode(place)).name)
        if not late:
            with LockFile(repo.repository.directory / "pinned/lock").exclusive(busy):
                pass
        return hash_bytes(Path(os.fsdecode(place)).read_bytes())

    @contextmanager
    def locked(opened: Repo) -> Iterator[None]:
        late.append(opened)
        overwrite(run.data["train"] / "more/dog.txt")
        with pinned.locked(opened):
            yield

    late: list[Repo] = []
    monkeypatch.setattr(watching, "_digest", digest)
    monkeypatch.setattr(watching, "locked", locked)
    with tether.run(repo, data=["train=HEAD:train"]) as run:
        overwrite_in_secret(run.data["train"] / "cat.txt")
        os.utime(run.data["train"] / "more/dog.txt")

    assert run.altered == {"train": ("cat.txt", "more/dog.txt")}
    assert (len(late), sorted(read)) == (1, ["cat.txt", "dog.txt", "dog.txt"])


def test_what_could_not_be_looked_at_is_not_unaltered(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record says so, and people are told at once and later; what was found of other data is kept."""
    real = pinned.healed

    def healed(base: Path, digest: Digest) -> bytes:
        if digest == unlucky:
            raise Unavailable("another process keeps the lock")
        return real(base, digest)

    with tether.run(repo, data=["train=HEAD:train", "one=HEAD:train/cat.txt"]) as run:
        overwrite(run.data["train"] / "cat.txt")
        unlucky = hash_bytes(CAT)
        monkeypatch.setattr(watching, "healed", healed)

    [found] = repo.runs()
    beside = run_beside(repo, found)
    assert (run.altered, run.unchecked) == ({"train": ("cat.txt",)}, ("one",))
    assert (list(beside["altered"]["inputs"]), beside["altered"]["unchecked"]) == (["train"], ("one",))
    ctx = Context(out=io.StringIO(), err=(told := io.StringIO()), environ={})
    assert "  one  it could not be looked at" in [*run_lines(ctx, found, {}, beside)]
    warn_altered(ctx, Altered(unchecked=run.unchecked))
    assert told.getvalue().startswith(
        "warning: data one could not be looked at: it may have been written to "
    )
