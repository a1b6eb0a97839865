"""Croissant: a JSON-LD document that says of a data set which files it has and what their records are.

Tables become record sets with their columns, folders of images one with the folder as a label. Each file is
named with its SHA-256. Source: docs.mlcommons.org/croissant, formats 1.0 and 1.1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tether.releases.exports.files import FileFact
from tether.releases.exports.markup import amount, plain
from tether.releases.exports.tables import MEDIA, Table

CONFORMS = "http://mlcommons.org/croissant/1.0"
_IMAGES = {
    "bmp": "image/bmp",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
_OTHERS = {
    "flac": "audio/flac",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "tar": "application/x-tar",
    "txt": "text/plain",
    "wav": "audio/wav",
    "xml": "application/xml",
    "zip": "application/zip",
}
_UNKNOWN = "application/octet-stream"
_TYPES = {
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "float": "sc:Float",
    "integer": "sc:Integer",
    "text": "sc:Text",
}
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*\Z")
_GLOB = re.compile(r"([*?\[])")
_LEAST_CLASSES = 2
MOST_FILES = 5000
"""So many images are named one by one; of more than that only the folders are."""
MOST_CHECKED = 500
"""So many images of a set are tied to their digests, which readers check; more take them minutes."""
_NAMES = {
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **_NAMES,
}


@dataclass(frozen=True, slots=True)
class About:
    """What is said of the data beside its files; None is what nobody said.

    Attributes:
        licences: SPDX expressions, each once.
        date: RFC 3339.
        identifiers: What names exactly this version: digests of commits and trees.
    """

    name: str
    description: str | None = None
    licences: tuple[str, ...] = ()
    url: str | None = None
    version: str | None = None
    date: str | None = None
    creators: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a document are.

    Attributes:
        url: Below which they are got; None for files beside the document.
        folder: In which they lie there, with a slash behind it.
    """

    url: str | None = None
    folder: str = ""

    def of(self, path: bytes) -> str:
        """Return the address of a file.

        A path beside the document is not percent-encoded: readers take it for the name of a file.
        """
        if self.url is None:
            return self.folder + _text(path)
        return f"{self.url.rstrip('/')}/{quote(path, safe='/')}"


@dataclass(frozen=True, slots=True)
class Croissant:
    """A document, and what it should have but nobody knows."""

    document: dict[str, Any]
    missing: tuple[str, ...]


def croissant(about: About, files: Iterable[FileFact], place: Place) -> Croissant:
    """Return the document.

    Args:
        about: What is said of the data.
        files: All of it.
        place: Where the files are.
    """
    every = list(files)
    found, missing = _said(about)
    sets, plain_files = _image_sets(every)
    count = len(every) - len(plain_files)
    single = count <= MOST_FILES or place.url is not None
    if place.url is not None and sets:
        missing.append(f"records of {count} images: readers do not see the folders behind addresses")
        sets = []
    elif not single:
        missing.append(f"sha256 of {count} images, of which only the folders are named")
    named = every if single else plain_files
    objects = [_object(each, place) for each in named]
    found["distribution"] = objects + [_set(each, place, single=count <= MOST_CHECKED) for each in sets]
    records = [_records(each, each.table) for each in every if each.table is not None and each.table.columns]
    found["recordSet"] = records + [_pictures(each) for each in sets]
    lacking = [each for each in every if each.ending in MEDIA and each.table is None]
    missing += [f"columns of {plain(_text(each.path))}" for each in lacking]
    return Croissant(found, tuple(missing))


def _said(about: About) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": plain(about.name),
    }
    creators = [{"@type": "sc:Person", "name": plain(name)} for name in about.creators]
    licences = [_licence(licence) for licence in about.licences]
    values: dict[str, Any] = {
        "description": about.description,
        "license": licences[0] if len(licences) == 1 else licences,
        "url": about.url,
        "version": about.version,
        "datePublished": about.date,
        "creator": creators[0] if len(creators) == 1 else creators,
    }
    found.update({name: value for name, value in values.items() if value})
    if about.identifiers:
        found["identifier"] = list(about.identifiers)
    return found, [name for name, value in values.items() if not value]


def _licence(licence: str) -> str:
    """Return the address of an SPDX identifier, or an expression as it is."""
    return f"https://spdx.org/licenses/{licence}.html" if _IDENTIFIER.match(licence) else licence


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _identity(path: bytes) -> str:
    """Return a path as an id of JSON-LD, where it is a part of an address."""
    return quote(path, safe="/")


def _object(file: FileFact, place: Place) -> dict[str, Any]:
    media = MEDIA.get(file.ending) or _IMAGES.get(file.ending) or _OTHERS.get(file.ending, _UNKNOWN)
    return {
        "@type": "cr:FileObject",
        "@id": _identity(file.path),
        "name": plain(_text(file.path)),
        "contentUrl": place.of(file.path),
        "contentSize": f"{file.size} B",
        "encodingFormat": media,
        "sha256": file.sha256,
    }


# -- tables ---------------------------------------------------------------------------------


def _records(file: FileFact, table: Table) -> dict[str, Any]:
    identity = _identity(file.path) + "#records"
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{identity}/{quote(column.name, safe='')}",
            "name": plain(column.name),
            "dataType": _TYPES[column.kind],
            "source": {"fileObject": {"@id": _identity(file.path)}, "extract": {"column": column.name}},
        }
        for column in table.columns
    ]
    said = f"{amount(table.rows, 'row')} of {plain(_text(file.path))}"
    if table.left_out:
        columns = amount(table.left_out, "column")
        said += f"; {columns} without a name or with values inside values left out"
    return {
        "@type": "cr:RecordSet",
        "@id": identity,
        "name": plain(_text(file.path)),
        "description": said,
        "field": fields,
    }


# -- folders of images ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ImageSet:
    """Images of one format that lie in folders side by side."""

    folder: bytes
    endings: tuple[str, ...]
    media: str
    classes: tuple[bytes, ...]
    paths: tuple[bytes, ...]

    @property
    def identity(self) -> str:
        """Its id; no path has a `#` in its own."""
        return f"{_identity(self.folder)}#{self.media.partition('/')[2]}"

    @property
    def description(self) -> str:
        """How much it is."""
        return f"{len(self.paths)} images in {len(self.classes)} folders"


def _image_sets(files: Sequence[FileFact]) -> tuple[list[_ImageSet], list[FileFact]]:
    """Return images that lie in at least two folders side by side, and all files that are none of these."""
    folders: dict[tuple[bytes, str], dict[bytes, list[FileFact]]] = {}
    for file in files:
        parts = file.path.rsplit(b"/", 2)
        if file.ending in _IMAGES and len(parts) >= 2:
            above = parts[0] if len(parts) == 3 else b""
            folders.setdefault((above, _IMAGES[file.ending]), {}).setdefault(parts[-2], []).append(file)
    sets: list[_ImageSet] = []
    taken: set[bytes] = set()
    for (folder, media), classes in sorted(folders.items()):
        if len(classes) < _LEAST_CLASSES:
            continue
        members = [file for each in classes.values() for file in each]
        endings = sorted({_text(file.path).rpartition(".")[2] for file in members})
        paths = tuple(file.path for file in members)
        sets.append(_ImageSet(folder, tuple(endings), media, tuple(sorted(classes)), paths))
        taken.update(paths)
    return sets, [file for file in files if file.path not in taken]


def _set(images: _ImageSet, place: Place, *, single: bool) -> dict[str, Any]:
    """Return a set of images: of single files, whose digests are checked then, or else of folders."""
    start = place.folder + (_GLOB.sub(r"[\1]", _text(images.folder) + "/") if images.folder else "")
    patterns = [f"*.{ending}" for ending in images.endings]
    found: dict[str, Any] = {
        "@type": "cr:FileSet",
        "@id": images.identity,
        "name": plain(_text(images.folder) or "images"),
        "description": images.description,
        "encodingFormat": images.media,
        "includes": patterns if single else [f"{start}*/{pattern}" for pattern in patterns],
    }
    if single:
        found["containedIn"] = [{"@id": _identity(path)} for path in images.paths]
    return found


def _pictures(images: _ImageSet) -> dict[str, Any]:
    identity = images.identity + "-records"

    def field(name: str, kind: str, said: str, source: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "@type": "cr:Field",
            "@id": f"{identity}/{name}",
            "name": name,
            "description": said,
            "dataType": kind,
            "source": {"fileSet": {"@id": images.identity}, **source},
        }

    content = {"extract": {"fileProperty": "content"}}
    folder = {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": r"^(?:.*/)?([^/]+)/[^/]+$"}}
    return {
        "@type": "cr:RecordSet",
        "@id": identity,
        "name": plain(_text(images.folder) or "images"),
        "description": images.description,
        "field": [
            field("image", "sc:ImageObject", "the image", content),
            field("label", "sc:Text", "the name of the folder that it lies in", folder),
            field("file", "sc:Text", "the name of the file", {"extract": {"fileProperty": "filename"}}),
        ],
    }
