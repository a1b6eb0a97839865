"""Files stored as the difference to others are found by their bytes and read as before."""

import json
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tests.format.reader import Reader
from tests.support.faults import Stopped
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.compression import Codec, Compressor
from tether.core.difference import Base, encode_difference
from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.errors import Corrupt, Unsupported
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import DATA, FRAME_SIZE, WITH_DIFFERENCES, Stored
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.objectdb import ObjectDb
from tether.repo.packs import PackWriter, has_differences, pack_key, read_contents
from tether.repo.packstream import PackStream
from tether.repo.repair import repair_repository
from tether.repo.repository import Repository, Storage
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.sync.serving import Serving
from tether.sync.upload import _find, _packs
from tether.sync.wire import read_frames

LATER = Time(1_800_000_000_000_000, 0)
PLAIN = GcOptions(retention_days=0, grace_s=0)
DIFFERENCES = GcOptions(retention_days=0, grace_s=0, differences=True)


def checkpoint(step: int, *, seed: int = 1, numbers: int = 600_000) -> bytes:
    """Return weights of float32 that move a little at each step, behind a header that gets longer."""
    random_source = np.random.default_rng(seed)
    weights = random_source.normal(0, 0.02, numbers)
    for _ in range(step):
        weights = weights + random_source.normal(0, 1e-5, numbers)
    header = json.dumps({"step": "9" * (3 * step + 1), "w": {"dtype": "F32", "shape": [numbers]}})
    header += " " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header.encode() + weights.astype("<f4").tobytes()


def collect(repository: Repository, options: GcOptions = DIFFERENCES) -> int:
    """Run gc at a moment after everything and return the bytes of the packs."""
    return execute_gc(repository, plan_gc(repository, LATER, options)).kept


def differing(repository: Repository) -> list[Digest]:
    """Return the chunks that are stored as differences."""
    root, backend = repository.root(), repository.backend
    tables = [read_contents(backend, name) for name in root.data_packs]
    return [frame.digest for table in tables for frame in table if frame.codec == Codec.DIFFERENCE]


def sound(repository: Repository) -> bool:
    """Say whether every byte is as it should be."""
    return not check_repository(repository, CheckOptions(full=True)).problems


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Return four checkpoints of one training, and a file of the same size that has nothing to do with it."""
    found = {f"step-{step}": checkpoint(step) for step in range(4)}
    return found | {"other": checkpoint(0, seed=2)}


@pytest.fixture
def repository(tmp_path: Path, files: dict[str, bytes]) -> Iterator[Repository]:
    """Yield a repository with one commit of each file, after gc with differences."""
    made = make_repository(tmp_path)
    for name, data in files.items():
        commit_files(made, {name: data}, name, branch=f"refs/heads/{name}")
    collect(made)
    yield made
    made.close()


def tip(repository: Repository, name: str) -> Digest:
    """Return the commit of a branch."""
    return repository.root().refs[f"refs/heads/{name}"]


def test_checkpoints_get_small_and_read_as_before(tmp_path: Path, files: dict[str, bytes]) -> None:
    """A fifth and more is saved, and every file is as it was, in whole and in part."""
    repository = make_repository(tmp_path)
    for name, data in files.items():
        commit_files(repository, {name: data}, name, branch=f"refs/heads/{name}")
    before = collect(repository, PLAIN)

    after = collect(repository)

    assert after < 0.8 * before
    for name, data in files.items():
        assert read_files(repository, tip(repository, name)) == {name: data}
        assert repository.contents.read(hash_bytes(data), 1_000_003, 70_000) == data[1_000_003:1_070_003]
    assert sound(repository)


def test_another_reader_finds_the_bases(tmp_path: Path) -> None:
    """A reader written from the pages alone gives back a file that is stored as differences."""
    repository, chance = make_repository(tmp_path), np.random.default_rng(4)
    old = chance.normal(0, 0.02, 280_000).astype("<f4")
    new = (old + chance.normal(0, 1e-5, len(old))).astype("<f4").tobytes()
    commit_files(repository, {"old": old.tobytes(), "new": new}, "both")
    collect(repository)

    assert len(differing(repository)) > 8
    assert Reader(tmp_path / ".tether").file(hash_bytes(new)) == new


def test_unrelated_files_of_one_size_stay_whole(repository: Repository, files: dict[str, bytes]) -> None:
    """Nothing of the other file is a difference, nor of the first checkpoint."""
    chunks = set(differing(repository))

    assert chunks.isdisjoint(repository.contents.chunks(hash_bytes(files["other"])))
    assert chunks.isdisjoint(repository.contents.chunks(hash_bytes(files["step-0"])))
    assert len(chunks) > 80


def test_what_is_done_is_left_alone(repository: Repository) -> None:
    """A second run changes no pack."""
    before = repository.root().data_packs

    collect(repository)

    assert repository.root().data_packs == before


def test_a_base_that_nothing_needs_goes(repository: Repository, files: dict[str, bytes]) -> None:
    """Without its branch the base goes at a gc, and what was the difference to it reads as before."""
    chunks = list(repository.contents.chunks(hash_bytes(files["step-0"])))
    with repository.transaction("branch -d") as transaction:
        transaction.set_ref("refs/heads/step-0", None)

    collect(repository, GcOptions(retention_days=0, grace_s=0, thorough=True))

    # The first chunk, of a header alone, is another in each file; of the rest nothing is shared.
    assert not any(repository.objects.has_many(chunks))
    for name in ("step-1", "step-2", "step-3"):
        assert read_files(repository, tip(repository, name)) == {name: files[name]}
    assert differing(repository)
    assert sound(repository)


def test_an_older_tether_does_not_open_it(repository: Repository, tmp_path: Path) -> None:
    """The format file names the feature, so who does not know it stops with a clear error."""
    text = (tmp_path / ".tether/format").read_text()

    assert 'features = ["differences"]' in text
    Repository.open(tmp_path / ".tether", clock=ticking()).close()
    (tmp_path / ".tether/format").chmod(0o644)
    (tmp_path / ".tether/format").write_text(text.replace("differences", "differences-2"))
    with pytest.raises(Unsupported, match="needs differences-2"):
        Repository.open(tmp_path / ".tether", clock=ticking())


def test_what_is_sent_needs_no_base(repository: Repository, files: dict[str, bytes]) -> None:
    """Frames and packs for others have no differences, packs with some are not offered, and refused."""
    chunks = differing(repository)[:20]
    length, reply = Serving(repository).objects(chunks)
    sent = list(reply)

    assert sum(map(len, sent)) == length
    assert {frame.digest for frame, _ in read_frames(sent)} == set(chunks)
    assert all(frame.codec != Codec.DIFFERENCE for frame, _ in read_frames(sent))
    assert Serving(repository).shares(chunks) == []
    for pack in _packs(repository, _find(repository, chunks), _find(repository, []), {}):
        stream = PackStream()
        stream.feed(memoryview(pack.data))
        assert len(stream.finish().kinds) == len(chunks)
    name = next(name for name in repository.root().data_packs if has_differences(repository.backend, name))
    with pytest.raises(Unsupported, match="does not travel"):
        PackStream().feed(memoryview(repository.backend.read(pack_key(name))))


def test_a_difference_outside_such_a_pack_is_refused(repository: Repository) -> None:
    """A stranger's frame that is a difference is damage, whatever pack it comes in."""
    name = next(name for name in repository.root().data_packs if has_differences(repository.backend, name))
    data = bytearray(repository.backend.read(pack_key(name)))
    data[8] = 1

    with pytest.raises(Corrupt, match="unknown codec 7"):
        PackStream().feed(memoryview(data))


def test_damage_is_found_and_what_is_sound_is_saved(
    repository: Repository, tmp_path: Path, files: dict[str, bytes]
) -> None:
    """A damaged base takes its differences with it, and no more: repair saves the rest."""
    root, backend = repository.root(), repository.backend
    name = next(name for name in root.data_packs if has_differences(backend, name))
    bases = set(repository.contents.chunks(hash_bytes(files["step-0"])))
    frames = [frame for frame in read_contents(backend, name) if frame.digest in bases]
    path = tmp_path / ".tether" / pack_key(name)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(frames[5].offset + FRAME_SIZE + frames[5].stored // 2)
        file.write(bytes(64))
    repository.objects.reset()

    found = check_repository(repository, CheckOptions(full=True))
    repair_repository(repository, LATER, [])

    assert {problem.object for problem in found.problems} >= {name.hex()}
    lost = {digest for digest in found.missing if digest != frames[5].digest}
    assert 3 <= len(lost) <= 12
    reopened = Repository.open(tmp_path / ".tether", clock=ticking())
    for digest in {frame.digest for frame in frames} - {frames[5].digest}:
        assert reopened.objects.get(ObjectKind.CHUNK, digest)
    assert read_files(reopened, tip(reopened, "other")) == {"other": files["other"]}


def test_two_packs_with_differences_from_each_other(tmp_path: Path) -> None:
    """A base is looked for in the pack of its difference, so there are no circles."""
    chance, backend, compressor = random.Random(3), MemoryBackend(), Compressor()
    one = chance.randbytes(50_000)
    two = one[:40_000] + bytes(10_000)
    names = []
    for whole, other in ((one, two), (two, one)):
        writer = PackWriter(backend, DATA, version=WITH_DIFFERENCES)
        writer.add(Stored(ObjectKind.CHUNK, 0, len(whole), hash_bytes(whole), whole))
        base = Base((hash_bytes(whole),), 0)
        made = encode_difference(other, base, whole, compressor, compressor.choose(b""))
        writer.add(Stored(ObjectKind.CHUNK, Codec.DIFFERENCE, len(other), hash_bytes(other), made))
        names.append(writer.finish()[0])

    for live in (names, names[::-1]):
        objects = ObjectDb(backend, lambda live=live: live)  # type: ignore[misc]
        assert objects.get_many(ObjectKind.CHUNK, [hash_bytes(one), hash_bytes(two)]) == [one, two]


def tether(*arguments: str, cwd: Path) -> None:
    """Run a command."""
    person = {"TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org", "HOME": str(cwd)}
    subprocess.run([sys.executable, "-m", "tether.cli", *arguments], cwd=cwd, env=person, check=True)


def test_a_clone_and_a_push_have_whole_files(tmp_path: Path, files: dict[str, bytes]) -> None:
    """By the command: gc with differences, then a clone of the folder and a push, and both read back."""
    work = tmp_path / "work"
    work.mkdir()
    tether("init", "-q", cwd=work)
    for name in ("step-0", "step-1"):
        (work / "model").write_bytes(files[name])
        tether("add", "-q", ".", cwd=work)
        tether("commit", "-q", "-m", name, cwd=work)
    tether("gc", "--differences", "--prune-now", cwd=work)
    tether("clone", "-q", str(work), str(tmp_path / "copy"), cwd=work)
    tether("init", "-q", "--bare", str(tmp_path / "far"), cwd=work)
    tether("remote", "add", "far", str(tmp_path / "far"), cwd=work)
    tether("push", "-q", "far", "main", cwd=work)

    assert (tmp_path / "copy/model").read_bytes() == files["step-1"]
    mine = Repository.open(work / ".tether", clock=ticking())
    assert differing(mine)
    for place in (tmp_path / "copy/.tether", tmp_path / "far"):
        other = Repository.open(place, clock=ticking())
        assert not other.has_differences
        assert not differing(other)
        assert sound(other)
        assert other.contents.read(hash_bytes(files["step-1"])) == files["step-1"]


def test_a_stop_before_any_write_leaves_everything_readable(tmp_path: Path) -> None:
    """Wherever gc is stopped, both files are whole, and the next gc ends with differences."""
    old, new = checkpoint(0, numbers=270_000), checkpoint(1, numbers=270_000)
    made = make_repository(tmp_path / "made")
    commit = commit_files(made, {"old": old, "new": new}, "both")
    made.close()
    for stop in range(60):
        folder = tmp_path / str(stop) / ".tether"
        shutil.copytree(tmp_path / "made/.tether", folder)
        remaining = iter(range(stop, -1, -1))

        def before_write(_name: str, left: Iterator[int] = remaining) -> None:
            if next(left, 0) == 0:
                raise Stopped

        storage = Storage.in_folder(folder, LocalBackend(folder, before_write=before_write))
        with suppress(Stopped):
            collect(Repository.open(folder, clock=ticking(), storage=storage))
            break

        reopened = Repository.open(folder, clock=ticking())
        assert read_files(reopened, commit) == {"old": old, "new": new}
        collect(reopened)
        assert differing(reopened)
        assert read_files(reopened, commit) == {"old": old, "new": new}
    assert 5 < stop < 59
