"""Commits and tags: what they hold, what is allowed in them and their bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Buffer, Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind, object_digest
from tether.errors import Corrupt, InvalidInput

VERSION = 1
TAG_TARGETS = frozenset({ObjectKind.COMMIT, ObjectKind.TREE, ObjectKind.TAG})

_MICROS_LIMIT = 2**63
_OFFSET_LIMIT = 1440
_Object = TypeVar("_Object")


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of the whole tree, with its parents, who made it and why.

    Raises:
        InvalidInput: A field holds what the format cannot say.
    """

    tree: Digest
    parents: tuple[Digest, ...]
    author: Person
    authored: Time
    committer: Person
    committed: Time
    message: str
    extra: tuple[tuple[str, bytes], ...] = ()
    """Named values for what comes later, sorted by name, each name once."""
    signature: bytes | None = None

    def __post_init__(self) -> None:
        _check_digest(self.tree, "tree")
        for parent in self.parents:
            _check_digest(parent, "parent")
        _check_signer(self.author, self.authored, "author")
        _check_signer(self.committer, self.committed, "committer")
        _check_text(self.message, "message")
        _check_extra(self.extra)
        _check_signature(self.signature)

    @property
    def digest(self) -> Digest:
        """Name of this commit; it covers the signature too."""
        return object_digest(ObjectKind.COMMIT, self.encode())

    def encode(self) -> bytes:
        """Return the stored bytes."""
        return self._payload(self.signature)

    def signed_bytes(self) -> bytes:
        """Return what a signature covers: the stored bytes of the same commit without a signature."""
        return self._payload(None)

    @classmethod
    def decode(cls, data: Buffer) -> "Commit":
        """Read the stored bytes.

        Raises:
            Corrupt: They are not a commit in canonical form.
        """
        return _read(data, "commit", 8, _commit_from)

    def _payload(self, signature: bytes | None) -> bytes:
        return encode(
            [
                VERSION,
                self.tree,
                self.parents,
                [*self.author, *self.authored],
                [*self.committer, *self.committed],
                self.message,
                self.extra,
                signature,
            ]
        )


@dataclass(frozen=True, slots=True)
class Tag:
    """A named pointer with a message of its own.

    Raises:
        InvalidInput: A field holds what the format cannot say.
    """

    name: str
    target: Digest
    target_kind: ObjectKind
    tagger: Person
    tagged: Time
    message: str
    signature: bytes | None = None

    def __post_init__(self) -> None:
        _check_line(self.name, "tag name")
        if not self.name:
            raise InvalidInput("tag name is empty")
        _check_digest(self.target, "target")
        if self.target_kind not in TAG_TARGETS:
            raise InvalidInput(f"a tag cannot name an object of kind {self.target_kind!r}")
        _check_signer(self.tagger, self.tagged, "tagger")
        _check_text(self.message, "message")
        _check_signature(self.signature)

    @property
    def digest(self) -> Digest:
        """Name of this tag object; it covers the signature too."""
        return object_digest(ObjectKind.TAG, self.encode())

    def encode(self) -> bytes:
        """Return the stored bytes."""
        return self._payload(self.signature)

    def signed_bytes(self) -> bytes:
        """Return what a signature covers: the stored bytes of the same tag without a signature."""
        return self._payload(None)

    @classmethod
    def decode(cls, data: Buffer) -> "Tag":
        """Read the stored bytes.

        Raises:
            Corrupt: They are not a tag in canonical form.
        """
        return _read(data, "tag", 7, _tag_from)

    def _payload(self, signature: bytes | None) -> bytes:
        who = [*self.tagger, *self.tagged]
        kind = int(self.target_kind)
        return encode([VERSION, self.name, self.target, kind, who, self.message, signature])


def _commit_from(fields: list[Any]) -> Commit:
    _, tree, parents, author, committer, message, extra, signature = fields
    by, authored = _signer(author, "author")
    through, committed = _signer(committer, "committer")
    pairs = tuple(tuple(_array(pair, 2, "extra value")) for pair in _array(extra, None, "extra"))
    return Commit(
        tree=tree,
        parents=tuple(_array(parents, None, "parents")),
        author=by,
        authored=authored,
        committer=through,
        committed=committed,
        message=message,
        extra=pairs,
        signature=signature,
    )


def _tag_from(fields: list[Any]) -> Tag:
    _, name, target, kind, who, message, signature = fields
    tagger, tagged = _signer(who, "tagger")
    return Tag(name, target, _target_kind(kind), tagger, tagged, message, signature=signature)


def _target_kind(value: Any) -> ObjectKind:
    if type(value) is not int or value not in TAG_TARGETS:
        raise InvalidInput("target kind is unknown")
    return ObjectKind(value)


def _read(data: Buffer, what: str, length: int, build: Callable[[list[Any]], _Object]) -> _Object:
    """Decode `data`, check the version and build the object; what it refuses is damage here."""
    fields = decode(data, what)
    try:
        return build(_versioned(fields, length))
    except InvalidInput as error:
        raise Corrupt(f"{what} is damaged: {error}", hint="run `tether fsck`") from None


def _versioned(fields: Any, length: int) -> list[Any]:
    values = _array(fields, length, "object")
    if type(values[0]) is not int or values[0] != VERSION:
        raise InvalidInput("version is unknown")
    return values


def _array(value: Any, length: int | None, what: str) -> list[Any]:
    if type(value) is not list or (length is not None and len(value) != length):
        raise InvalidInput(f"{what} is not an array of the right length")
    return value


def _signer(value: Any, what: str) -> tuple[Person, Time]:
    name, email, micros, offset = _array(value, 4, what)
    return Person(name, email), Time(micros, offset)


def _check_digest(value: Any, what: str) -> None:
    if type(value) is not bytes or len(value) != DIGEST_SIZE:
        raise InvalidInput(f"{what} is not a digest")


def _check_text(value: Any, what: str) -> None:
    if type(value) is not str or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(f"{what} is not Unicode text")


def _check_line(value: Any, what: str) -> None:
    _check_text(value, what)
    if any(character in value for character in "\0\n\r"):
        raise InvalidInput(f"{what} has a line break or a NUL in it")


def _check_signer(person: Person, time: Time, what: str) -> None:
    _check_line(person.name, f"name of the {what}")
    _check_line(person.email, f"email of the {what}")
    micros: Any = time.micros
    offset: Any = time.offset
    if type(micros) is not int or not -_MICROS_LIMIT <= micros < _MICROS_LIMIT:
        raise InvalidInput(f"time of the {what} is out of range")
    if type(offset) is not int or not -_OFFSET_LIMIT < offset < _OFFSET_LIMIT:
        raise InvalidInput(f"zone of the {what} is out of range")


def _check_extra(extra: tuple[tuple[str, bytes], ...]) -> None:
    previous = ""
    for name, value in extra:
        _check_line(name, "extra name")
        if type(value) is not bytes or name <= previous:
            raise InvalidInput("extra values are not bytes sorted by name, each name once and not empty")
        previous = name


def _check_signature(value: Any) -> None:
    if value is not None and type(value) is not bytes:
        raise InvalidInput("signature is not bytes")
