"""Names of refs and paths: what is allowed, how they are written, what other systems make of them.

A path is bytes, relative to the top folder, with `/` between its components. It is never
normalised: two names that look alike are two names. Ref names are text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from tether.errors import InvalidInput

BRANCHES: Final = "refs/heads/"
TAGS: Final = "refs/tags/"
REMOTES: Final = "refs/remotes/"
RUNS: Final = "refs/runs/"
RELEASES: Final = "refs/releases/"
ATTESTATIONS: Final = "refs/attestations/"
FIXED: Final = (RUNS, RELEASES, ATTESTATIONS)
"""Refs below these are made once: they neither move nor go, and travel by themselves."""
SHARED: Final = (BRANCHES, TAGS, *FIXED)
"""What repositories tell each other of; other refs stay where they are."""

MAX_REF_NAME = 1024
MAX_PATH = 65535
REPOSITORY_FOLDER: Final = b".tether"

_REF_HINT = "use letters, digits, '-', '_', '.' and '/', as in 'user/new-labels'"
_REF_FORBIDDEN = frozenset(' ~^:?*[\\"')
_RUN_ID = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
_RELEASE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")
_RELEASE_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.+-]{0,98}[A-Za-z0-9_+-])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_DIGEST_DIGITS = 64

# Code points that HFS+ drops when it compares names: with them ".tether" can be written
# in ways that reach the same folder.
_DROPPED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)

# C0 and C1 controls would reach the terminal; line separators and the characters that
# reorder text could make one name look like another.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_WINDOWS_FORBIDDEN = frozenset('<>:"|?*\\').union(map(chr, range(32)))
_WINDOWS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [port + digit for port in ("COM", "LPT") for digit in "123456789\u00b9\u00b2\u00b3"]
)
_WINDOWS_NAME_LIMIT = 255


class PathLike(Protocol):
    """Anything with the file-system path protocol, such as `pathlib.Path`."""

    def __fspath__(self) -> str | bytes:
        """Return the path as text or bytes."""
        ...


def check_ref_name(name: str) -> str:
    """Return `name` if it may be the name of a ref or of a part of one, such as `main` or `refs/heads/main`.

    The rules are those of `git check-ref-format`; besides, a name never begins with `-` and
    holds no unprintable character.

    Raises:
        InvalidInput: It may not.
    """
    problem = _ref_problem(name)
    if problem is not None:
        raise InvalidInput(f"not a ref name: {name!r}: {problem}", hint=_REF_HINT)
    return name


def _ref_problem(name: str) -> str | None:
    if not name.isprintable():
        return "it holds a character that cannot be printed"
    if len(name.encode()) > MAX_REF_NAME:
        return f"it is longer than {MAX_REF_NAME} bytes"
    forbidden = next((character for character in name if character in _REF_FORBIDDEN), None)
    if forbidden is not None:
        return f"it holds {forbidden!r}"
    if name in ("@", "HEAD") or "@{" in name or ".." in name:
        return "it would read as something else in a revision"
    if name.startswith("-") or name.endswith("."):
        return "it begins with '-' or ends with '.'"
    for part in name.split("/"):
        if not part:
            return "it has an empty part"
        if part.startswith(".") or part.endswith(".lock"):
            return f"its part {part!r} begins with '.' or ends with '.lock'"
    return None


def branch_ref(branch: str) -> str:
    """Return the full name of the ref of `branch`: `main` gives `refs/heads/main`."""
    return BRANCHES + _short_name(branch)


def tag_ref(tag: str) -> str:
    """Return the full name of the ref of `tag`: `v1` gives `refs/tags/v1`."""
    return TAGS + _short_name(tag)


def remote_ref(remote: str, branch: str) -> str:
    """Return the full name of the ref that remembers where `branch` was in `remote`.

    Raises:
        InvalidInput: One of the two is not a ref name, or the remote's name holds a `/`.
    """
    if "/" in remote:
        raise InvalidInput(f"not a remote's name: {remote!r}: it holds '/'")
    return f"{REMOTES}{_short_name(remote)}/{_short_name(branch)}"


def run_ref(run: str) -> str:
    """Return the full name of the ref of a run.

    Raises:
        InvalidInput: It is no id of a run: 26 digits and small letters without i, l, o and u.
    """
    if _RUN_ID.fullmatch(run) is None:
        raise InvalidInput(f"not the id of a run: {run!r}", hint="'tether runs list' lists them")
    return RUNS + run


def release_ref(name: str, version: str) -> str:
    """Return the full name of the ref of a release.

    Raises:
        InvalidInput: Name or version is not made of letters, digits, `.`, `_` and `-` (`+` in a version).
    """
    if _RELEASE_NAME.fullmatch(name) is None or _RELEASE_VERSION.fullmatch(version) is None:
        hint = "write NAME@VERSION with letters, digits, '.', '_' and '-', such as spam@1.0"
        raise InvalidInput(f"not a release: {f'{name}@{version}'!r}", hint=hint)
    return check_ref_name(f"{RELEASES}{name}/{version}")


def attestation_ref(name: str, version: str, digest: str) -> str:
    """Return the full name of the ref of an attestation of a release, by the digest of its envelope.

    Raises:
        InvalidInput: Name, version or digest are not what they must be.
    """
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidInput(f"not the digest of an attestation: {digest!r}")
    return f"{ATTESTATIONS}{release_ref(name, version).removeprefix(RELEASES)}/{digest}"


def check_fixed_ref(ref: str) -> str:
    """Return the name of a ref that is made once, if it is well formed.

    Raises:
        InvalidInput: It is not.
    """
    for prefix, parts, make in _FIXED_NAMES:
        words = ref.removeprefix(prefix).split("/")
        if ref.startswith(prefix) and len(words) == parts:
            return make(*words)
    raise InvalidInput(f"not the name of a run, a release or an attestation: {ref!r}")


_FIXED_NAMES: Final[tuple[tuple[str, int, Callable[..., str]], ...]] = (
    (RUNS, 1, run_ref),
    (RELEASES, 2, release_ref),
    (ATTESTATIONS, 3, attestation_ref),
)


def fixed_kind(ref: str) -> str | None:
    """Return `run`, `release` or `attestation` for a ref that is made once; None for others."""
    return ref.split("/", 2)[1].removesuffix("s") if ref.startswith(FIXED) else None


def _short_name(name: str) -> str:
    check_ref_name(name)
    if len(name) == _DIGEST_DIGITS and _HEXADECIMAL.issuperset(name):
        raise InvalidInput(f"not a ref name: {name!r}: it reads as a digest", hint=_REF_HINT)
    return name


def short_ref(ref: str) -> str:
    """Return a ref's name as people write it; names outside branches, tags and remotes stay whole."""
    for prefix in (BRANCHES, TAGS, REMOTES):
        if ref.startswith(prefix) and len(ref) > len(prefix):
            return ref[len(prefix) :]
    return ref


def check_path(path: bytes) -> bytes:
    """Return `path` if it may stand in a tree and be written below a working copy's top folder.

    No component names the repository's own folder, at any depth and in any spelling that some
    file system takes for it: a commit from elsewhere could otherwise plant a repository.

    Raises:
        InvalidInput: It may not.
    """
    problem = _path_problem(path)
    if problem is not None:
        raise InvalidInput(f"not a path inside the repository: {display(path)}: {problem}")
    return path


def _path_problem(path: bytes) -> str | None:
    if not path:
        return "it is empty"
    if path.startswith(b"/"):
        return "it is not relative"
    if b"\0" in path:
        return "it holds a NUL byte"
    if len(path) > MAX_PATH:
        return f"it is longer than {MAX_PATH} bytes"
    for part in path.split(b"/"):
        if part in (b"", b".", b".."):
            return f"it has a component {part.decode()!r}"
        if is_repository_folder(part):
            return "the folder '.tether' belongs to the repository"
    return None


def is_repository_folder(name: bytes) -> bool:
    """Return whether some file system takes `name` for `.tether`: other case, `.tether.`, `TETHER~1`."""
    if name.isascii():
        if b"tether" not in name.lower():
            return False
    else:
        try:
            name = name.decode().translate(_DROPPED_BY_HFS).encode()
        except UnicodeDecodeError:
            return False
    # Windows drops dots and spaces at the end, and what follows ":" names a stream of the file.
    plain = name.partition(b":")[0].rstrip(b" .").lower()
    return plain in (REPOSITORY_FOLDER, b"tether~1")


def may_hold_repository_folder(names: bytes) -> bool:
    """Say of many names in one buffer whether `is_repository_folder` may be true of one; cheap."""
    return b"tether" in names.lower() or not names.isascii()


def windows_problem(path: bytes) -> str | None:
    """Return why Windows could not hold `path`, or None when it can."""
    for part in path.split(b"/"):
        problem = _windows_name_problem(part)
        if problem is not None:
            return f"{display(part)} {problem}"
    return None


def _windows_name_problem(name: bytes) -> str | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    forbidden = next((character for character in text if character in _WINDOWS_FORBIDDEN), None)
    if forbidden is not None:
        return f"holds {forbidden!r}"
    if text.endswith((".", " ")):
        return "ends with a dot or a space"
    if text.partition(".")[0].rstrip(" ").upper() in _WINDOWS_DEVICES:
        return "is the name of a device"
    if len(text.encode("utf-16-le")) > 2 * _WINDOWS_NAME_LIMIT:
        return f"is longer than {_WINDOWS_NAME_LIMIT} characters"
    return None


def case_collisions(paths: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Return pairs of paths that are one on file systems blind to case or to Unicode composition.

    Folders count too: `Data/a` and `data/b` give the pair `Data`, `data`. The first of a pair
    is the spelling that came first. Memory grows with the number of paths.
    """
    first_spelling: dict[str, bytes] = {}
    seen: set[bytes] = set()
    pairs: list[tuple[bytes, bytes]] = []
    for path in paths:
        fresh: list[bytes] = []
        place = path
        while place and place not in seen:
            seen.add(place)
            fresh.append(place)
            place = place.rpartition(b"/")[0]
        for place in reversed(fresh):
            first = first_spelling.setdefault(_fold(place), place)
            if first != place:
                pairs.append((first, place))
    return pairs


def _fold(path: bytes) -> str:
    text = path.decode("utf-8", "surrogateescape")
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def display(path: bytes) -> str:
    r"""Return `path` as text for people.

    Bytes that are not UTF-8 become lone surrogates, so that `path_bytes` gives them back. A path
    with control characters is put in double quotes with `\n`, `\t` and `\u202e` forms.
    """
    text = path.decode("utf-8", "surrogateescape")
    if _UNPRINTABLE.search(text) is None:
        return text
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _UNPRINTABLE.match(character) is None:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def path_bytes(path: str | bytes | PathLike) -> bytes:
    """Return a path given as text, bytes or a path object as bytes; the inverse of `display` without quotes.

    Raises:
        InvalidInput: The text holds a surrogate that stands for no byte.
    """
    plain = path if isinstance(path, str | bytes) else path.__fspath__()
    if isinstance(plain, bytes):
        return plain
    try:
        return plain.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidInput(f"not a path: {plain!r}: it holds half of a character") from None
