"""The repository that the examples of the documents are about."""

from pathlib import Path

from tests.support.repos import ADA, ticking

from tether.api.repo import Repo

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000080000000808000000003ae1f0b5")


def make_photos(folder: Path) -> Repo:
    """Return the repository `photos` below a folder, as a person has left it, with its remote `shared`.

    `main` has a commit tagged v1 with a cat and its label, and one that adds a dog. `night` begins at
    v1 and adds a picture, `relabelled` begins at v1 and changes the label. One picture is untracked.
    """
    repo = Repo.init(folder / "photos", clock=ticking())
    repo.author = ADA
    root = repo.root
    _write(root, {"images/cat.png": PNG, "labels.csv": b"file,label\ncat.png,cat\n"})
    _save(repo, "A cat")
    repo.create_tag("v1")
    repo.switch("night", create="v1")
    _write(root, {"images/night.png": PNG + b"dark"})
    _save(repo, "A picture at night")
    repo.switch("relabelled", create="v1")
    _write(root, {"labels.csv": b"file,label\ncat.png,kitten\n"})
    _save(repo, "A kitten")
    repo.switch("main")
    _write(root, {"images/dog.png": PNG + b"dog", "labels.csv": b"file,label\ncat.png,cat\ndog.png,dog\n"})
    (root / "newest.png").symlink_to("images/dog.png")
    _write(root, {".tetherignore": b"cache/\n"})
    _save(repo, "A dog")
    repo.add_remote("origin", "../shared")
    repo.push("origin")
    _write(root, {"images/new.png": PNG + b"new"})
    return repo


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def _save(repo: Repo, message: str) -> None:
    repo.add()
    repo.commit(message)
