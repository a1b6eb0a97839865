"""What the golden repository of version 1 holds, and the script that made it once.

The folder `golden/v1` is never written again: it stands for the repositories that people have. A new
version of a format gets a folder of its own beside it.

    python -m tests.format.golden_content NEW_FOLDER
"""

import random
import struct
import sys
from pathlib import Path

from tests.support.repos import ticking

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction

Files = dict[bytes, tuple[EntryKind, bytes]]

AUTHOR, COMMITTER = Person("Ada", "ada@example.org"), Person("Grace", "grace@example.org")
OPERATIONS = 70
TABLE = b"".join(b"row %d of %d, label %d\n" % (n // 20, n // 3000, n % 5) for n in range(11_000))


def numbers(count: int) -> list[float]:
    """Return the weights of a small model."""
    source = random.Random(2026)
    return [source.gauss(0, 0.02) for _ in range(count)]


def base() -> Files:
    """Return the files of the first commit."""
    float32 = struct.pack("<1500f", *numbers(1500))
    bfloat16 = b"".join(struct.pack("<f", x)[2:] for x in numbers(4000))
    counts = struct.pack("<1200q", *(1_700_000_000_000 + 40 * n for n in range(1200)))
    contents = {
        b"README.md": b"# Golden\n",
        b"empty": b"",
        b"table.csv": TABLE,
        b"zeros.bin": bytes(400_000),
        b"photo.jpg": bytes.fromhex("ffd8ffe000104a464946") + random.Random(5).randbytes(900),
        b"weights/float32.bin": float32,
        b"weights/bfloat16.bin": bfloat16,
        b"weights/steps.bin": counts,
        b"names/\xff not UTF-8": b"bytes\n",
        "names/\u6f22\u5b57".encode(): b"text\n",
    }
    files: Files = {path: (EntryKind.FILE, data) for path, data in contents.items()}
    files[b"run.sh"] = (EntryKind.EXECUTABLE, b"#!/bin/sh\n")
    files[b"latest"] = (EntryKind.SYMLINK, b"weights/float32.bin")
    files[b"nothing"] = (EntryKind.DIRECTORY, b"")
    return files


def ours() -> Files:
    """Return the files of the second commit: a line in the middle of the table, and a flat folder."""
    files = base()
    files[b"table.csv"] = (EntryKind.FILE, TABLE[:120_000] + b"new row\n" + TABLE[120_000:])
    for number in range(400, 500):  # a node ends after img_0442.png, so this folder has two leaves
        files[b"flat/img_%04d.png" % number] = (EntryKind.FILE, b"%d\n" % (number % 5))
    return files


def theirs() -> Files:
    """Return the files of the third commit, made from the first."""
    files = base()
    del files[b"photo.jpg"]
    files[b"README.md"] = (EntryKind.FILE, b"# Golden\n\nOf version 1.\n")
    return files


def merged() -> Files:
    """Return the files of the merge of the second and the third commit."""
    files = ours()
    del files[b"photo.jpg"]
    files[b"README.md"] = theirs()[b"README.md"]
    return files


def store(transaction: Transaction, path: bytes, kind: EntryKind, data: bytes) -> Entry:
    """Put one file or link into a transaction."""
    name = path.rpartition(b"/")[2]
    if kind == EntryKind.DIRECTORY:
        return Entry(name, kind, 0, EMPTY_TREE, 0)
    [digest] = transaction.contents.add_files([data], [name])
    return Entry(name, kind, len(data), digest)


def commit(
    repository: Repository, ref: str, files: Files, parents: tuple[Digest, ...], message: str
) -> Digest:
    """Make one commit and point `ref` to it."""
    with repository.transaction("commit") as transaction:
        entries = {path: store(transaction, path, *item) for path, item in files.items()}
        tree = edit_tree(transaction.objects, EMPTY_TREE, entries).digest
        minute = 60_000_000 * len(message)
        authored, committed = Time(1_767_225_600_000_000 + minute, 60), Time(1_767_229_200_000_000, -480)
        extra = (("tool", b"golden"),) if len(parents) > 1 else ()
        made = Commit(tree, parents, AUTHOR, authored, COMMITTER, committed, message, extra)
        digest = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        transaction.set_ref(ref, digest)
        if ref == "refs/heads/main":
            transaction.set_stage(tree)
    return digest


def build(folder: Path) -> None:
    """Make the golden repository in `folder`."""
    repository = Repository.init(folder, clock=ticking(), bare=True)
    first = commit(repository, "refs/heads/main", base(), (), "first")
    second = commit(repository, "refs/heads/main", ours(), (first,), "second: flat folder")
    third = commit(repository, "refs/heads/theirs", theirs(), (first,), "third")
    merge = commit(repository, "refs/heads/main", merged(), (second, third), "merge\n\nOf two lines.\n")
    with repository.transaction("tag") as transaction:
        tag = Tag("v1", merge, ObjectKind.COMMIT, AUTHOR, Time(0, 0), "version one\n", b"signed")
        transaction.set_ref("refs/tags/v1", transaction.objects.put(ObjectKind.TAG, tag.encode()))
    for number in range(OPERATIONS - 5):
        with repository.transaction("mark") as transaction:
            transaction.set_ref("refs/heads/mark", (first, second, third)[number % 3])
    repository.close()


if __name__ == "__main__":
    build(Path(sys.argv[1]))
