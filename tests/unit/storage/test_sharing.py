"""Values given to another place: by a second name on one disk, by bytes otherwise."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tether.errors import AlreadyExists, Forbidden, NotFound
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.storage.sharing import share
from tether.storage.wrappers import Wrapper

KEY = "packs/x.pack"


@pytest.fixture
def source(tmp_path: Path) -> LocalBackend:
    """Return a folder with a value."""
    made = LocalBackend(tmp_path / "source")
    made.write_new(KEY, b"value")
    return made


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on another disk."""
    folder = Path("/dev/shm", f"tether-{os.getpid()}-{secrets.token_hex(4)}")
    if not folder.parent.is_dir() or folder.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one disk only")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_one_disk(source: LocalBackend, tmp_path: Path) -> None:
    """The file gets a second name, also when it has it already; each is taken away alone."""
    target = LocalBackend(tmp_path / "target")
    assert share(Wrapper(source), Wrapper(target), KEY)
    assert share(source, target, KEY)
    assert (source.path / KEY).samefile(target.path / KEY)
    source.delete(KEY)
    assert target.read(KEY) == b"value"


def test_another_disk(source: LocalBackend, far: Path) -> None:
    """The bytes are copied, and the source keeps its own."""
    target = LocalBackend(far)
    assert not share(source, target, KEY)
    assert target.read(KEY) == source.read(KEY) == b"value"


def test_another_kind(source: LocalBackend) -> None:
    """From a disk to something else and back bytes are copied."""
    target = MemoryBackend()
    assert not share(source, target, KEY)
    source.delete(KEY)
    assert not share(target, source, KEY)
    assert not share(target, MemoryBackend(), KEY)
    assert source.read(KEY) == b"value"


def test_refusals(source: LocalBackend, tmp_path: Path) -> None:
    """What is not there, what is there with another size, and a folder that may not be written to."""
    target = LocalBackend(tmp_path / "target")
    with pytest.raises(NotFound):
        share(source, target, "packs/none.pack")
    target.write_new(KEY, b"another value")
    with pytest.raises(AlreadyExists, match="another value"):
        share(source, target, KEY)
    assert target.read(KEY) == b"another value"
    shut = tmp_path / "shut"
    (shut / "packs").mkdir(parents=True)
    (shut / "packs").chmod(0o500)
    if os.geteuid():
        with pytest.raises(Forbidden):
            share(source, LocalBackend(shut), KEY)
