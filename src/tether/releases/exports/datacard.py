"""The data card: what data a release was made from and measured on, by role, from facts alone.

The questions are those of Gebru et al., Datasheets for Datasets, 2021; those of composition and distribution
are answered by the files, the others are listed as not said.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from tether.core.namekinds import kind_of_name
from tether.releases.exports.files import FileFact
from tether.releases.exports.markup import amount, code, markdown, table
from tether.releases.exports.released import Released
from tether.releases.manifest import Data

_ASKED = ("motivation", "collection process", "labelling", "uses", "maintenance")
_MOST_TABLES = 50
_MOST_FOLDERS = 200


def data_card(released: Released) -> tuple[str, tuple[str, ...]]:
    """Return the card, and what it should say but nobody knows. All data that is included is read.

    Raises:
        Corrupt: Data is damaged.
    """
    manifest = released.manifest
    lines = [f"# Data of {markdown(manifest.name)} {markdown(manifest.version)}", ""]
    lines += [f"From the manifest of release {code(manifest.id.hex())} and the files that it names.", ""]
    for part in manifest.data:
        lines += [*_part(released, part), ""]
    unlicensed = [part.name for part in manifest.data if manifest.licence_of(part) is None]
    missing = (*(f"licence of {name}" for name in unlicensed), *_ASKED)
    missing = missing if manifest.data else ("data", *missing)
    lines += ["## Not said", "", *(f"- {markdown(each)}" for each in missing), ""]
    return "\n".join(lines), missing


def _part(released: Released, part: Data) -> Iterator[str]:
    source = part.source
    yield f"## {markdown(part.name)}"
    yield ""
    yield f"- Role: {part.role}"
    yield f"- Licence: {markdown(released.manifest.licence_of(part) or 'not said')}"
    if source is not None and source.repo is not None:
        yield f"- Repository: {code(source.repo)}"
    if source is not None and source.commit is not None:
        yield f"- Commit: {code(source.commit)}"
    if source is not None and source.path:
        yield f"- Path: {code(source.path)}"
    yield f"- Digest: {code(part.digest)}"
    rows = f", {amount(part.rows, 'row')}" if part.rows is not None else ""
    yield f"- {amount(part.files, 'file')}, {amount(part.bytes, 'byte')}{rows}"
    profiles = [each for each in released.manifest.profiles if each.data == part.path]
    yield from (f"- Profile: {code(each.path)}" for each in profiles)
    if not part.included:
        yield "- Not shown: the release names it by its digest alone"
        return
    yield from _composition(released.files(part, tables=True), part.path.encode() + b"/")


def _composition(files: Sequence[FileFact], top: bytes) -> Iterator[str]:
    kinds = Counter(kind_of_name(file.path) for file in files)
    if kinds:
        yield ""
        yield from table(
            ["kind", "files"], [[str(kind), f"{count:,}"] for kind, count in kinds.most_common()]
        )
    folders = Counter(file.path[len(top) :].rpartition(b"/")[0] for file in files)
    folders.pop(b"", None)
    if 1 < len(folders) <= _MOST_FOLDERS:
        yield ""
        rows = [[code(_text(name)), f"{count:,}"] for name, count in sorted(folders.items())]
        yield from table(["folder", "files"], rows)
    tables = ((file, file.table) for file in files if file.table is not None)
    for file, found in islice(tables, _MOST_TABLES):
        yield ""
        yield f"{code(_text(file.path))}: {amount(found.rows, 'row')}"
        yield ""
        yield from table(["column", "type"], [[code(each.name), each.kind] for each in found.columns])


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
