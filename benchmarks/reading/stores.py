"""The repository of a plan, made without a working file: in the folder of a hub, and as a Git repository."""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from benchmarks.reading.plan import (
    BEGUN_S,
    FOLDERS_PER_SET,
    PER_FOLDER,
    README,
    Plan,
    flat_path,
    folder_of,
    path_of,
)
from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.core.treeedit import edit_tree
from tether.hub import facts
from tether.hub.access import OPERATOR, Scope
from tether.hub.accounts import create_user, find_user
from tether.hub.acting import acting
from tether.hub.hub import Hub
from tether.hub.repositories import Wanted, create, find, open_repository
from tether.hub.settings import load_settings
from tether.hub.tokens import create_token
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction

OWNER, NAME = "ada", "large"
_ADA = Person("Ada", "ada@example.org")
_MICROS = 1_000_000


def fill_hub(root: Path, plan: Plan, now_s: int) -> tuple[str, list[str]]:
    """Make a hub in a folder with the repository; return a token of its owner and the commits, newest first.

    Args:
        root: The folder, which is made.
        plan: What the repository holds.
        now_s: The time, in seconds since 1970.
    """
    hub = Hub.open(load_settings(root, {}, {}), lambda: Time(now_s * _MICROS, 0))
    try:
        with acting(hub, OPERATOR) as act:
            create_user(act, OWNER)
            token: str = create_token(act, find_user(act.session, OWNER), Scope.ADMIN, expires=None)[1]
        with acting(hub, OPERATOR) as act:
            create(act, Wanted(OWNER, NAME, about="A large repository"))
        with hub.database.session() as session:
            row = find(session, OWNER, NAME)
        assert row is not None
        with closing(open_repository(hub, row)) as repository:
            ids = _fill(repository, plan)
        facts.refresh(hub, row)
    finally:
        hub.close()
    return token, ids[::-1]


def _fill(repository: Repository, plan: Plan) -> list[str]:
    with repository.transaction("first") as transaction:
        tree = _first_tree(transaction, plan)
        tip = commit(transaction, tree, (), BEGUN_S, "Begin")
    ids = [tip.hex()]
    with repository.transaction("commits") as transaction:
        for second, message, files in plan.changes():
            changed: dict[bytes, Entry | None] = {
                path.encode(): _file(transaction, path.rpartition("/")[2].encode(), data)
                for path, data in files.items()
            }
            tree = edit_tree(transaction.objects, tree, changed).digest
            tip = commit(transaction, tree, (tip,), second, message)
            ids.append(tip.hex())
    return ids


def _first_tree(transaction: Transaction, plan: Plan) -> Digest:
    texts = [(len(text), transaction.contents.add(text, b"x.txt")) for text in plan.texts()]

    def entry(name: str, number: int) -> Entry:
        size, digest = texts[number % len(texts)]
        return Entry(name.rpartition("/")[2].encode(), EntryKind.FILE, size, digest)

    def folder(name: str, entries: Iterator[Entry]) -> Entry:
        made = build_directory(transaction.objects, entries)
        return Entry(name.encode(), EntryKind.DIRECTORY, made.bytes, made.digest, made.files)

    def part(number: int) -> Entry:
        numbers = range(number * PER_FOLDER, (number + 1) * PER_FOLDER)
        return folder(folder_of(number).rpartition("/")[2], (entry(path_of(each), each) for each in numbers))

    sets = (
        folder(
            folder_of(start).split("/")[1],
            (part(number) for number in range(start, min(start + FOLDERS_PER_SET, plan.folders))),
        )
        for start in range(0, plan.folders, FOLDERS_PER_SET)
    )
    rows = [
        _file(transaction, b"README.md", README),
        folder("data", sets),
        folder("flat", (entry(flat_path(each), each) for each in range(plan.flat))),
        _file(transaction, b"table.parquet", plan.table()),
    ]
    return build_directory(transaction.objects, rows).digest


def _file(transaction: Transaction, name: bytes, data: bytes) -> Entry:
    return Entry(name, EntryKind.FILE, len(data), transaction.contents.add(data, name))


def commit(
    transaction: Transaction, tree: Digest, parents: tuple[Digest, ...], second: int, message: str
) -> Digest:
    """Commit a tree on the branch at a time in seconds since 1970, and return the commit."""
    time = Time(second * _MICROS, 0)
    commit = Commit(tree, parents, _ADA, time, _ADA, time, message)
    digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
    transaction.set_ref("refs/heads/main", digest)
    return digest


def fill_git(folder: Path, plan: Plan) -> list[str]:
    """Make a bare Git repository with the same by `git fast-import`, packed as `git gc` packs it.

    Returns:
        The commits, the newest first.
    """
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    git = ["git", "-C", str(folder)]
    importing = subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert importing.stdin is not None
    with importing.stdin as out:
        _stream(out, plan, _flat_tree(git, plan))
    if importing.wait():
        raise RuntimeError("git fast-import failed")
    for words in (["repack", "-adq", "--write-bitmap-index"], ["commit-graph", "write", "--reachable"]):
        subprocess.run([*git, *words], check=True, stderr=subprocess.DEVNULL)
    (folder / "description").write_text("A large repository\n")
    return subprocess.check_output([*git, "rev-list", "main"], text=True).split()


def _flat_tree(git: list[str], plan: Plan) -> bytes:
    """Store the flat folder: `fast-import` looks at every name of a folder for each that comes to it."""
    names = [hashlib.sha1(b"blob %d\0%s" % (len(text), text)).hexdigest() for text in plan.texts()]
    rows = "".join(
        f"100644 blob {names[number % len(names)]}\t{flat_path(number)[5:]}\n" for number in range(plan.flat)
    )
    made = subprocess.run([*git, "mktree", "--missing"], input=rows.encode(), capture_output=True, check=True)
    return made.stdout.strip()


def _stream(out: IO[bytes], plan: Plan, flat: bytes) -> None:
    texts = plan.texts()
    for number, text in enumerate(texts):
        out.write(b"blob\nmark :%d\ndata %d\n%s\n" % (number + 1, len(text), text))
    mark = len(texts) + 1
    table = plan.table()
    for data in (README, table):
        out.write(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(data), data))
        mark += 1
    out.write(_head(BEGUN_S, "Begin"))
    for number in range(plan.files):
        out.write(b"M 644 :%d %s\n" % (number % len(texts) + 1, path_of(number).encode()))
    out.write(b"M 040000 %s flat\n" % flat)
    out.write(b"M 644 :%d README.md\nM 644 :%d table.parquet\n" % (mark - 2, mark - 1))
    for second, message, files in plan.changes():
        out.write(_head(second, message))
        for path, data in files.items():
            out.write(b"M 644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    out.write(b"done\n")


def _head(second: int, message: str) -> bytes:
    text = message.encode()
    return b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\ndata %d\n%s\n" % (
        second,
        len(text),
        text,
    )
