"""A repository with working files for tests of the library's commands."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.repos import ADA, ticking

from tether.api.repo import Repo
from tether.core.digest import Digest
from tether.core.tree import EntryKind
from tether.core.treeread import walk


class Desk:
    """A repository in a folder, its files as a dictionary, and short ways to change them.

    Attributes:
        root: The folder of the files.
        repo: The repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        clock = ticking()
        Repo.init(root, clock=clock).close()
        self.repo = Repo.open(root, clock=clock)
        self.repo.author = ADA

    @property
    def files(self) -> dict[str, bytes]:
        """All files on the disk."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and not name.startswith(".tether/"):
                found[name] = path.read_bytes()
        return found

    @property
    def head(self) -> Digest:
        """The commit that is checked out."""
        commit = self.repo.repository.root().head_commit()
        assert commit is not None
        return commit

    @property
    def branch(self) -> str | None:
        """The full name of the ref that is checked out."""
        return self.repo.repository.root().head.ref

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """Write files, None removes one; a folder goes with its last file."""
        for name, data in files.items():
            path = self.root / name
            if data is None:
                path.unlink()
                while path.parent != self.root and not any(path.parent.iterdir()):
                    path = path.parent
                    path.rmdir()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def commit(self, message: str, files: Mapping[str, bytes | None]) -> Digest:
        """Write files and commit everything."""
        self.write(files)
        self.repo.stage([])
        return self.repo.commit(message).id

    def switch(self, branch: str, *, new: bool = False) -> None:
        """Check out a branch, made here if `new`."""
        self.repo.switch(branch, create="HEAD" if new else None)

    def stored(self, commit: Digest | None = None) -> dict[str, bytes]:
        """All files of a commit, or of the stage."""
        from tether.repo.history import History

        repository = self.repo.repository
        tree = repository.root().stage if commit is None else History.of(repository).commit(commit).tree
        return {
            path.decode(): repository.contents.read(entry.digest)
            for path, entry in walk(repository.objects, tree)
            if entry.kind != EntryKind.DIRECTORY
        }

    def parents(self, commit: Digest) -> tuple[Digest, ...]:
        """The parents of a commit."""
        from tether.repo.history import History

        return History.of(self.repo.repository).parents(commit)

    def message(self, commit: Digest) -> str:
        """The message of a commit."""
        from tether.repo.history import History

        return History.of(self.repo.repository).commit(commit).message

    def undo(self) -> None:
        """Take back the last command."""
        from tether.api import operations

        operations.undo(self.repo)
