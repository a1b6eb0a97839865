"""A repository with a release, and releases that somebody changed behind its back."""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tests.support.cli import Room

from tether.api.repo import Repo
from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.names import path_bytes, release_ref
from tether.core.objects import Commit
from tether.core.tree import Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find
from tether.evals.evaldoc import EvalData, EvalModel, Evaluation, Intervals, Metric, Predictor
from tether.releases.manifest import MANIFEST, Manifest, Part
from tether.releases.reading import KnownRelease, find_release

SCRIPT = """
cp "$TETHER_DATA_TRAIN/labels.csv" /dev/null
echo '{"step": 1, "loss": 0.5}' >> "$TETHER_METRICS"
"""


EVALUATION = Evaluation(
    "classification",
    EvalData("main:data/test", None, "data/test", "d" * 64, "e" * 64, 1, "row"),
    Predictor("file"),
    "f" * 64,
    Intervals(0.95, 10, 0),
    "accuracy",
    (Metric("accuracy", 1.0),),
)
"""What an evaluation of predictions says."""


def safetensors(**tensors: list[float]) -> bytes:
    """Return a file with vectors of float32."""
    header, data = {}, b""
    for name, numbers in tensors.items():
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        places = [len(data), len(data) + len(packed)]
        header[name] = {"dtype": "F32", "shape": [len(numbers)], "data_offsets": places}
        data += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def prepare(room: Room) -> None:
    """Make data, code, a training and an evaluation in a room: runs `training` and `judging`."""
    room.do("init", "-q")
    room.write("data/train/labels.csv", "file,label\na,cat\nb,dog\n")
    room.write("data/train/a", "meow\n")
    room.write("data/test/labels.csv", "file,label\nc,cat\n")
    room.write("code/train.sh", SCRIPT)
    room.write("code/predict.sh", "echo cat\n")
    room.write("code/pylock.toml", 'lock-version = "1.0"\n')
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data and code")
    weights = safetensors(w=[1.0, 2.0], b=[0.5])
    room.write("model.safetensors", weights)
    model = EvalModel("model.safetensors", hash_bytes(weights).hex(), len(weights))
    room.write("eval.json", msgspec.structs.replace(EVALUATION, model=model).encode())
    data = ("--data", "train=main:data/train", "--data", "test=main:data/test")
    common = ("--param", "lr=0.1", "--seed", "17", "--artefact", "model.safetensors", "--name", "training")
    room.do("run", "-q", *data, *common, "--", "sh", "code/train.sh")
    room.do(
        "run",
        "-q",
        "--data",
        "test=main:data/test",
        "--artefact",
        "eval.json",
        "--name",
        "judging",
        "--",
        "true",
    )


def rebuild(
    repo: Repo,
    label: str,
    files: Mapping[str, bytes] | None = None,
    change: Callable[[Manifest], Manifest] | None = None,
    *,
    fitting: bool = False,
) -> None:
    """Put another release in the place of one, as somebody might who can write to the store.

    Args:
        repo: Where.
        label: Which.
        files: Contents by path in the release.
        change: Makes another manifest of the one that is there.
        fitting: Let the manifest say what the files are now.
    """
    repository = repo.repository
    known = find_release(repository, label)
    manifest = known.manifest if change is None else change(known.manifest)
    with repository.transaction("tamper") as transaction:

        def put(path: str, data: bytes) -> tuple[bytes, Entry]:
            name = path_bytes(path).rpartition(b"/")[2]
            return path_bytes(path), Entry(
                name, EntryKind.FILE, len(data), transaction.contents.add(data, name)
            )

        changes = dict(put(path, data) for path, data in (files or {}).items())
        tree = edit_tree(transaction.objects, known.tree, changes).digest
        if fitting:
            manifest = _fitted(
                manifest, lambda path: find(transaction.objects, tree, path_bytes(path)), files or {}
            )
        data = canonical_bytes(manifest) if change is not None or fitting else known.data
        tree = edit_tree(transaction.objects, tree, dict([put(MANIFEST, data)])).digest
        now = repository.clock()
        commit = Commit(tree, (), repo.author, now, repo.author, now, "release\n")
        digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_ref(release_ref(*label.split("@")), digest)


def canonical_bytes(manifest: Manifest) -> bytes:
    """Return a manifest in its one form, whatever is in it."""
    text = json.dumps(msgspec.to_builtins(manifest), sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _fitted(
    manifest: Manifest, entry_at: Callable[[str], Entry | None], files: Mapping[str, bytes]
) -> Manifest:
    def fit(part: Any) -> Any:
        entry = entry_at(part.path)
        if not isinstance(part, Part) or entry is None:
            return part
        sha256 = hashlib.sha256(files[part.path]).hexdigest() if part.path in files else part.sha256
        return msgspec.structs.replace(
            part, digest=entry.digest.hex(), bytes=entry.size, files=entry.files, sha256=sha256
        )

    changed: dict[str, Any] = {}
    for name in manifest.__struct_fields__:
        value = getattr(manifest, name)
        if isinstance(value, tuple) and value and isinstance(value[0], Part):
            changed[name] = tuple(map(fit, value))
        elif isinstance(value, Part):
            changed[name] = fit(value)
    return msgspec.structs.replace(manifest, **changed)


def opened(room: Room) -> Repo:
    """Return the repository of a room with an author."""
    from tether.core.identity import Person

    repo = Repo.open(room.work, user_config=Path(room.home, ".config/tether/config.toml"))
    repo.author = Person("Ada Lovelace", "ada@example.org")
    return repo


def known(repo: Repo, label: str) -> KnownRelease:
    """Return a release as it is stored."""
    return find_release(repo.repository, label)


def commit_of(repo: Repo, label: str) -> Digest:
    """Return what the ref of a release names."""
    return known(repo, label).commit
