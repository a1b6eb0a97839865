"""`release.json`: what a release is made of. The bytes are canonical, and their digest is the id.

docs/format/release.md describes them. Whoever may push can write any manifest, so reading one is strict.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from tether.core.digest import Digest, hash_bytes
from tether.core.jsondoc import canonical
from tether.core.names import check_path, path_bytes, release_ref
from tether.errors import Corrupt, InvalidInput, Unsupported
from tether.runs.rundoc import Scalar

FORMAT = 1
MANIFEST = "release.json"
"""Where the manifest lies in the tree of a release."""
MAX_MANIFEST = 64 << 20
WEIGHTS, CHECKPOINTS, CODE, DATA = "weights", "checkpoints", "code", "data"
RUNS, ENVIRONMENT, DOCUMENTS, PROFILES = "runs", "environment", "documents", "profiles"
FOLDERS = (WEIGHTS, CHECKPOINTS, CODE, DATA, RUNS, ENVIRONMENT, DOCUMENTS, PROFILES)
"""The top folders that the tree of a release may have besides the manifest."""

Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Kind = Literal["file", "executable", "directory"]
DataRole = Literal["train", "validation", "test", "evaluation"]
CodeRole = Literal["architecture", "training", "inference", "evaluation", "preprocessing", "libraries"]
DocumentRole = Literal[
    "model-card",
    "data-card",
    "technical-report",
    "research-paper",
    "evaluation-results",
    "sample-outputs",
    "licence",
    "other",
]
LicenceScope = Literal["release", "weights", "code", "data", "documents"]


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all parts are: immutable and without fields that the format does not have."""


class Source(_Value, frozen=True, kw_only=True):
    """Where a part comes from; it is for people and for fetching it again, the digest says what it is."""

    repo: Text | None = None
    """The address of its repository; None for the one that the release is in, or where it is not known."""
    system: Literal["tether", "git"] = "tether"
    commit: Text | None = None
    path: str = ""
    """In that commit; empty for all of it."""


class Part(_Value, frozen=True, kw_only=True):
    """A file or folder in the tree of the release."""

    path: Text
    """In the tree of the release."""
    kind: Kind
    digest: Hex
    """BLAKE3 of a file, or of the tree of a folder: what the entry of the release's tree has."""
    files: Count
    bytes: Count
    sha256: Hex | None = None
    """Of a file, for other people's tools; a folder has none."""
    licence: Text | None = None
    """An SPDX expression; None is that of the release for parts of its sort."""
    source: Source | None = None


class Weights(Part, frozen=True, kw_only=True):
    """A file with numbers of the model."""

    format: Text | None = None
    """As `tether model show` has it; None where it is no format that is read."""
    tensors: Count | None = None
    parameters: Count | None = None
    tensor_digest: Hex | None = None
    """The weights digest, which does not depend on the format; see docs/format/tensor-digest.md."""


class Code(Part, frozen=True, kw_only=True):
    """Code that does something with the model."""

    role: CodeRole
    folder: str = ""
    """Where the command runs, from the top of the part."""
    patch: Text | None = None
    """Path of a patch in the tree of the release that comes on top, in the form of `git diff --binary`."""


class Data(Part, frozen=True, kw_only=True):
    """Data by what it was used for."""

    role: DataRole
    name: Text
    """What the run called it: it got it as `TETHER_DATA_NAME`."""
    rows: Count | None = None
    """Of tables and lines of texts, where they were counted."""
    included: bool = True
    """False for data that is named by its digest and counts alone; nothing is at its path then."""


class EnvironmentPart(Part, frozen=True, kw_only=True):
    """What the training ran on: what was found (`record`), or what to install (`lock`)."""

    role: Literal["record", "lock"]


class RunPart(Part, frozen=True, kw_only=True):
    """A run, as a folder with all that its tree has but data and working copy."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-7][0-9a-hjkmnp-tv-z]{25}\Z")]
    commit: Hex
    """What `refs/runs/ID` names."""


class Document(Part, frozen=True, kw_only=True):
    """Something for people to read."""

    role: DocumentRole


class Profile(Part, frozen=True, kw_only=True):
    """The distribution of some data, which may be shown where the data may not."""

    data: Text
    """The path of the data that it is of."""


class Base(_Value, frozen=True, kw_only=True):
    """A release that this one was made from."""

    name: Text
    version: Text
    id: Hex
    repo: Text | None = None
    """The address of its repository; None for the same."""


class Creator(_Value, frozen=True, kw_only=True):
    """Who made the release."""

    name: str
    email: str


class Manifest(_Value, frozen=True, kw_only=True):
    """One release. Lists keep their order, which is part of the id."""

    format: int = FORMAT
    name: str
    version: str
    created: Text
    """RFC 3339 with microseconds and zone."""
    creator: Creator
    description: Text | None = None
    weights: tuple[Weights, ...] = ()
    checkpoints: tuple[Weights, ...] = ()
    """Weights from the time of the training, in its order."""
    command: tuple[str, ...] = ()
    """What trained it: program and arguments."""
    parameters: dict[str, Scalar] = {}
    """Hyper-parameters."""
    seeds: dict[str, int] = {}
    code: tuple[Code, ...] = ()
    environment: tuple[EnvironmentPart, ...] = ()
    data: tuple[Data, ...] = ()
    run: RunPart | None = None
    """The training."""
    evaluations: tuple[RunPart, ...] = ()
    benches: tuple[RunPart, ...] = ()
    documents: tuple[Document, ...] = ()
    profiles: tuple[Profile, ...] = ()
    licences: dict[LicenceScope, Text] = {}
    """SPDX expressions by what they are for; `release` for all that has no other."""
    bases: tuple[Base, ...] = ()
    """In the order in which they were given: the first is what it was continued from."""
    tolerance: dict[str, float] = {}
    """By how much a metric of a repeated training may differ, by its name."""

    def __repr__(self) -> str:
        return f"Manifest({self.label!r}, {len(list(self.parts()))} parts)"

    def encode(self) -> bytes:
        """Return the bytes of `release.json`: sorted keys, ASCII, one line; its parts are as they must be.

        Raises:
            InvalidInput: A name, path or list of it may not be as it is.
        """
        _check(self)
        return canonical(msgspec.to_builtins(self))

    @property
    def id(self) -> Digest:
        """The digest of the bytes, which is the id of the release."""
        return release_id(self.encode())

    @property
    def label(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yield all parts with the name of the component that they belong to, those not included too."""
        for component in ("weights", "checkpoints", "code", "environment", "data"):
            for part in getattr(self, component):
                yield component, part
        if self.run is not None:
            yield "run", self.run
        for component in ("evaluations", "benches", "documents", "profiles"):
            for part in getattr(self, component):
                yield component, part

    def licence_of(self, part: Part) -> str | None:
        """Return the licence of a part: its own, that for parts of its sort, or that of the release."""
        return part.licence or self.licences.get(_scope(part)) or self.licences.get("release")

    @classmethod
    def decode(cls, data: bytes, label: str = "") -> "Manifest":
        """Read `release.json`.

        Args:
            data: The bytes.
            label: `NAME@VERSION`, for messages; where it is given the manifest must say the same.

        Raises:
            Unsupported: It has a format that is not known.
            Corrupt: It is no such document, or not in its one form.
        """
        try:
            if msgspec.json.decode(data, type=_Format).format != FORMAT:
                raise Unsupported(
                    f"release {label} has a format of its own", hint="a newer Tether may know it"
                )
            made = msgspec.json.decode(data, type=cls)
            if made.encode() != data:
                raise InvalidInput("it is not in its canonical form")
            if label and made.label != label:
                raise InvalidInput(f"it says that it is {made.label}")
        except (msgspec.MsgspecError, ValueError, RecursionError, InvalidInput) as error:
            raise Corrupt(f"release {label} is damaged: {error}", hint="run 'tether fsck'") from None
        return made


class _Format(msgspec.Struct):
    format: int


def release_id(data: bytes) -> Digest:
    """Return the id of a release by the bytes of its manifest: their plain BLAKE3."""
    return hash_bytes(data)


def is_included(part: Part) -> bool:
    """Return whether a part lies in the tree of the release."""
    return not isinstance(part, Data) or part.included


def parse_label(text: str) -> tuple[str, str]:
    """Return name and version of `NAME@VERSION`.

    Raises:
        InvalidInput: It is not written so.
    """
    name, at, version = text.partition("@")
    if not at:
        raise InvalidInput(f"not a release: {text!r}", hint="write NAME@VERSION, such as spam@1.0")
    release_ref(name, version)
    return name, version


def document_of(value: msgspec.Struct) -> dict[str, Any]:
    """Return a manifest or a part of one as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def _scope(part: Part) -> LicenceScope:
    if isinstance(part, Weights):
        return "weights"
    if isinstance(part, Code | EnvironmentPart):
        return "code"
    return "data" if isinstance(part, Data | RunPart | Profile) else "documents"


_FOLDER_OF = {"run": RUNS, "evaluations": RUNS, "benches": RUNS}


def _check(manifest: Manifest) -> None:
    """Refuse what the types do not.

    Raises:
        InvalidInput: Name, version, a path or a list is not as it must be.
    """
    release_ref(manifest.name, manifest.version)
    for base in manifest.bases:
        release_ref(base.name, base.version)
    for name, value in manifest.tolerance.items():
        if not 0 <= value < math.inf:
            raise InvalidInput(f"the tolerance of {name} is {value}")
    runs: dict[str, RunPart] = {}
    paths = []
    for component, part in manifest.parts():
        _check_part(part, _FOLDER_OF.get(component, component))
        if not isinstance(part, RunPart):
            paths.append(part.path)
        elif runs.setdefault(part.path, part) != part:  # one run may have evaluated and measured
            raise InvalidInput(f"two parts at one place: {part.path}")
    _check_apart([*paths, *runs])


def _check_part(part: Part, folder: str) -> None:
    check_path(path_bytes(part.path))
    top, slash, _ = part.path.partition("/")
    if not slash or top != folder:
        raise InvalidInput(f"a part of {folder} is at {part.path}")
    if part.kind == "directory" and part.sha256 is not None:
        raise InvalidInput(f"the folder {part.path} has the digest of a file")
    if isinstance(part, RunPart) and part.path != f"{RUNS}/{part.id}":
        raise InvalidInput(f"the run {part.id} is at {part.path}")
    if isinstance(part, Code):  # who makes the model again goes there
        for path in filter(None, (part.folder, part.patch)):
            check_path(path_bytes(path))


def _check_apart(paths: list[str]) -> None:
    """Refuse parts that lie at one place, or one inside another."""
    known = sorted(path.split("/") for path in paths)
    for first, second in pairwise(known):
        if second[: len(first)] == first:
            raise InvalidInput(f"two parts at one place: {'/'.join(second)}")
