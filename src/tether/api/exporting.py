"""What other programs read of releases and of data: cards, Croissant, bills of materials, archives."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from tether.api.opened import Opened
from tether.core.digest import Digest, parse_digest
from tether.core.identity import Time
from tether.core.names import path_bytes
from tether.core.progress import SILENT, Progress
from tether.core.tree import EntryKind
from tether.core.treeread import walk
from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.releases.exports import packing
from tether.releases.exports.croissant import About, Place, croissant
from tether.releases.exports.files import file_facts
from tether.releases.exports.forms import ARCHIVES, TEXTS, ExportOptions, as_json, make_text
from tether.releases.exports.opening import opened_folder
from tether.releases.exports.released import Released
from tether.releases.exports.views import views_of
from tether.releases.findings import Check, Problem, Verification
from tether.releases.keys import Signer
from tether.releases.reading import KnownRelease
from tether.releases.verifying import verify_release
from tether.repo.history import History
from tether.repo.revision import find_entry, split_place
from tether.runs.rundoc import stamp
from tether.storage.oserrors import translated
from tether.sync.address import parse_repository_address
from tether.sync.remotes import list_remotes

DATA_FOLDER = "data/"
"""Where the files lie beside a Croissant document."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made.

    Attributes:
        text: The whole of it; None for a folder and an archive.
        missing: What it should say but nobody knows.
        files: How many there are in a folder or archive.
        bytes: Of all of it.
    """

    text: bytes | None
    missing: tuple[str, ...]
    files: int
    bytes: int


def export_text(repo: Opened, release: KnownRelease, form: str, options: ExportOptions) -> Exported:
    """Return a form that is one text; errors as for `tether.releases.exports.forms.make_text`."""
    text, missing = make_text(Released(repo.repository, release, repo.progress), form, options)
    return Exported(text, missing, 1, len(text))


def export_to(
    repo: Opened, release: KnownRelease, form: str, target: Path, options: ExportOptions
) -> Exported:
    """Write any form to a file or folder, which is there when it is whole.

    Raises:
        AlreadyExists: There is such a folder.
        InvalidInput: The form is unknown, or the key does not fit.
        NotFound: A content or the key is not here.
        Corrupt: A part of the release is damaged.
        Unavailable: The disk is full.
    """
    if form in TEXTS:
        made = export_text(repo, release, form, options)
        with whole_file(target) as out:
            out.write(made.text or b"")
        return made
    if form not in (*ARCHIVES, "folder"):
        raise InvalidInput(f"unknown form: {form}")
    released = Released(repo.repository, release, repo.progress)
    views, missing = views_of(released, options)
    if form == "folder":
        rows = list(walk(repo.repository.objects, release.tree))
        total = packing.write_folder(repo.repository, rows, views, target, repo.progress)
        return Exported(None, missing, total.files, total.bytes)
    time_s = History.of(repo.repository).time(release.commit) // 1_000_000
    with whole_file(target) as out:
        total = packing.write_archive_of(released, views, form, time_s, out)
    return Exported(None, missing, total.files, total.bytes)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a new file, which gets its name when the block has ended well; one of that name is replaced.

    Raises:
        AlreadyExists: It is a folder.
        Unavailable: The disk is full.
        Forbidden: The folder cannot be written to.
    """
    if target.is_dir():
        raise AlreadyExists(f"{target} is a folder", hint="name a file")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with translated(str(target)):
        try:
            with partial.open("xb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def address_on(repo: Opened, remote: str, commit: Digest, path: bytes = b"") -> str:
    """Return the address below which a hub gives the files of a commit, at any time the same.

    Args:
        repo: Has the remote.
        remote: Its name.
        commit: Which is on the hub.
        path: A folder in it.

    Raises:
        NotFound: There is no such remote.
        InvalidInput: It is no hub.
    """
    location = list_remotes(repo.repository).get(remote)
    if location is None:
        raise NotFound(f"no remote named {remote}", hint="'tether remote list' lists them")
    hub = parse_repository_address(location)
    words = [*(quote(each, safe="") for each in (hub.owner, hub.name)), "files", commit.hex()]
    return f"{hub.base}/api/v1/repos/{'/'.join(words)}/{quote(path, safe='/')}".rstrip("/")


# -- data of a revision ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CroissantOptions:
    """What is said of data that a revision has; None is what nobody said.

    Attributes:
        licence: An SPDX expression.
        url: Where the files are got; None for a folder `data` beside the document.
        remote: The name of the hub where they are got instead, by their commit.
    """

    name: str | None = None
    description: str | None = None
    licence: str | None = None
    creators: tuple[str, ...] = ()
    version: str | None = None
    url: str | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class DataCroissant:
    """A document about data of a revision.

    Attributes:
        text: The document.
        commit: 64 hexadecimal digits; None for the stage.
        files: How many there are.
        records: How many record sets it has.
        missing: What it should say but nobody knows.
    """

    text: bytes
    commit: str | None
    files: int
    records: int
    missing: tuple[str, ...]


def croissant_of(repo: Opened, place: str, options: CroissantOptions) -> DataCroissant:
    """Return the Croissant document of what `REV:PATH` names; all of it is read.

    Raises:
        NotFound: There is nothing, or a content is not here.
        Corrupt: A content is damaged.
    """
    where, entry = find_entry(repo.repository, place)
    found = file_facts(repo.repository, where.tree, where.path, tables=True, progress=repo.progress)
    top = where.path if entry.kind == EntryKind.DIRECTORY else where.path.rpartition(b"/")[0]
    files = [file.below(top) for file in found]
    commit = where.commit.hex() if where.commit is not None else None
    if options.remote is not None:
        if where.commit is None:
            raise InvalidInput("what is staged is on no hub", hint="name a revision that was pushed")
        options = replace(options, url=address_on(repo, options.remote, where.commit, top))
    about = _about(repo, place, commit, entry.digest.hex(), options)
    made = croissant(about, files, Place(options.url, DATA_FOLDER))
    records = len(made.document["recordSet"])
    return DataCroissant(as_json(made.document), commit, len(files), records, made.missing)


def write_croissant(repo: Opened, place: str, options: CroissantOptions, target: Path) -> DataCroissant:
    """Write a folder with the Croissant document of what `REV:PATH` names, and all of its files.

    Raises:
        AlreadyExists: There is something of that name.
        NotFound: There is nothing at the place, or a content is not here.
        Corrupt: A content is damaged.
        Unavailable: The disk is full.
    """
    made = croissant_of(repo, place, options)
    where, entry = find_entry(repo.repository, place)
    folder = path_bytes(DATA_FOLDER)
    if entry.kind == EntryKind.DIRECTORY:
        rows = list(walk(repo.repository.objects, entry.digest, folder.rstrip(b"/")))
    else:
        rows = [(folder + where.path.rpartition(b"/")[2], entry)]
    views = {TEXTS["croissant"]: made.text}
    packing.write_folder(repo.repository, rows, views, target, repo.progress)
    return made


def _about(repo: Opened, place: str, commit: str | None, digest: str, options: CroissantOptions) -> About:
    date = None
    if commit is not None:
        date = stamp(History.of(repo.repository).commit(parse_digest(commit)).committed)[:10]
    path = split_place(place)[1].strip("/")
    return About(
        name=options.name or path.rpartition("/")[2] or repo.repository.directory.parent.name,
        description=options.description,
        licences=(options.licence,) if options.licence else (),
        url=options.url,
        version=options.version,
        date=date,
        creators=options.creators,
        identifiers=(*([f"commit:{commit}"] if commit else []), f"data:{digest}"),
    )


# -- opening them again ---------------------------------------------------------------------


def verify_exported(
    place: Path,
    clock: Callable[[], Time],
    signers: Sequence[Signer] = (),
    checks: Mapping[str, Check] | None = None,
    progress: Progress = SILENT,
) -> Verification:
    """Verify a release in a folder or an archive that `export_to` wrote.

    Args:
        place: The folder or file.
        clock: Gives the time, for keys that are valid for some time.
        signers: Whose signatures are trusted.
        checks: What is done for the levels above R1; None ends with R0.
        progress: Where to report.

    Raises:
        NotFound: There is nothing, or no release in it.
        InvalidInput: It is neither a folder nor an archive.
        Corrupt: The manifest cannot be read.
    """
    with opened_folder(place, clock) as opened:
        done = verify_release(opened.repository, opened.label, signers, checks, progress)
    if opened.unlike:
        done.problems[:0] = [Problem("R0", "files", path, message) for path, message in opened.unlike]
        done.level = None
    return done
