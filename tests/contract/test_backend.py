"""What every backend does, seen through it and around it."""

import random
from collections.abc import Callable
from mmap import mmap

import pytest
from tests.contract.places import Place

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, Conflict, Corrupt, InvalidInput, NotFound
from tether.storage.backend import Backend

BAD_KEYS = [
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a/..",
    ".hidden",
    "a/.hidden",
    "-x",
    "a\\b",
    "a b",
    "a\0b",
    "a\nb",
    "a\n",
    "ä",
    "C:/x",
    "~",
    "tmp",
    "tmp/x",
    "a" * 201,
    "/".join(["a" * 200] * 6),
]
GOOD_KEYS = ["a", "A", "0", "_", "a.b", "a-b", "a_b", "a/b/c", "tmpx", "a/tmp", "a..b", "a" * 200]

CALLS: dict[str, Callable[[Backend, str], object]] = {
    "read": lambda backend, key: backend.read(key),
    "read_into": lambda backend, key: backend.read_into(key, 0, bytearray(1)),
    "size": lambda backend, key: backend.size(key),
    "map": lambda backend, key: backend.map(key),
    "exists": lambda backend, key: backend.exists(key),
    "write_new": lambda backend, key: backend.write_new(key, b"x"),
    "swap": lambda backend, key: backend.swap(key, None, b"x"),
    "delete": lambda backend, key: backend.delete(key),
    "move from": lambda backend, key: backend.move(key, "target"),
    "move to": lambda backend, key: backend.move("present", key),
    "finish": lambda backend, key: finish(backend, key, b"x"),
}


def finish(backend: Backend, key: str, *parts: Buffer) -> None:
    """Upload a value in parts."""
    with backend.upload() as upload:
        for part in parts:
            upload.write(part)
        upload.finish(key)


@pytest.mark.parametrize("call", sorted(CALLS))
def test_hostile_keys_are_refused(place: Place, call: str) -> None:
    """No call takes a key that could mean a file outside, a hidden one or an unfinished one."""
    place.put("present", b"value")
    for key in BAD_KEYS:
        with pytest.raises(InvalidInput, match="not a storage key"):
            CALLS[call](place.backend, key)
    assert place.keys() == {"present"}


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_keys_are_stored_as_they_are(place: Place, key: str) -> None:
    """A legal key names its value in the raw store too."""
    place.backend.write_new(key, b"value")

    assert place.get(key) == b"value"
    assert place.keys() == {key}
    assert list(place.backend.list("")) == [(key, 5)]


@pytest.mark.parametrize("call", ["read", "read_into", "size", "map", "move from"])
@pytest.mark.parametrize("key", ["missing", "folder", "folder/missing", "folder/value/below"])
def test_a_missing_key_is_not_found(place: Place, call: str, key: str) -> None:
    """Neither a missing key nor the folder of a key nor a key below a value has a value."""
    place.put("folder/value", b"x")

    with pytest.raises(NotFound, match=key):
        CALLS[call](place.backend, key)
    assert not place.backend.exists(key)
    assert place.keys() == {"folder/value"}


@pytest.mark.every_bucket
def test_every_range_of_a_value_can_be_read(place: Place) -> None:
    """Reads give exactly the bytes of the range, whichever way they are asked for."""
    value = bytes(range(7))
    place.put("key", value)

    for offset in range(8):
        assert place.backend.read("key", offset) == value[offset:]
        for length in range(8 - offset):
            assert place.backend.read("key", offset, length) == value[offset : offset + length]
            buffer = bytearray(length)
            place.backend.read_into("key", offset, buffer)
            assert buffer == value[offset : offset + length]
    assert place.backend.size("key") == 7
    assert bytes(place.backend.map("key")) == value


def test_read_into_fills_a_window_of_a_larger_buffer(place: Place) -> None:
    """Only the window given is written."""
    place.put("key", b"abcdef")
    buffer = bytearray(b"......")

    place.backend.read_into("key", 2, memoryview(buffer)[1:4])

    assert buffer == b".cde.."


@pytest.mark.every_bucket
@pytest.mark.parametrize(("offset", "length"), [(0, 4), (3, 1), (4, None), (4, 0), (2**70, 1)])
def test_a_range_beyond_the_end_is_corrupt(place: Place, offset: int, length: int | None) -> None:
    """A value shorter than asked for is truncated, never silently short."""
    place.put("key", b"abc")
    with pytest.raises(Corrupt, match="truncated: key"):
        place.backend.read("key", offset, length)


def test_a_buffer_beyond_the_end_is_corrupt(place: Place) -> None:
    """Filling a buffer from a value that is too short fails as reading it does."""
    place.put("key", b"abc")
    with pytest.raises(Corrupt, match="truncated: key"):
        place.backend.read_into("key", 1, bytearray(3))


@pytest.mark.every_bucket
@pytest.mark.parametrize(("offset", "length"), [(-1, None), (-1, 1), (0, -1)])
def test_negative_ranges_are_refused(place: Place, offset: int, length: int | None) -> None:
    """Offsets do not count from the end."""
    place.put("key", b"abc")
    with pytest.raises(InvalidInput, match="negative range"):
        place.backend.read("key", offset, length)


def test_an_empty_value_is_a_value(place: Place) -> None:
    """Empty values exist, are read, mapped and swapped; they are not the same as none."""
    place.backend.write_new("key", b"")

    assert place.backend.exists("key")
    assert place.backend.read("key") == b""
    assert bytes(place.backend.map("key")) == b""
    with pytest.raises(Conflict):
        place.backend.swap("key", None, b"x")
    place.backend.swap("key", b"", b"x")
    assert place.get("key") == b"x"


@pytest.mark.every_bucket
def test_an_upload_is_seen_only_when_finished(place: Place) -> None:
    """Before finish neither the key nor anything else is listed; afterwards it is whole."""
    with place.backend.upload() as upload:
        upload.write(b"abc")
        upload.write(bytearray(b"def"))
        upload.write_many([b"ghi", memoryview(b"jkl"), b"", bytearray(b"m")])
        upload.write_many([])
        assert list(place.backend.list("")) == []
        upload.finish("packs/one")

    assert place.get("packs/one") == b"abcdefghijklm"
    assert place.keys() == {"packs/one"}


def test_an_upload_of_many_buffers_keeps_their_order(place: Place) -> None:
    """More buffers than one system call takes arrive in order."""
    buffers = [number.to_bytes(2, "big") for number in range(5000)]
    with place.backend.upload() as upload:
        upload.write_many(buffers)
        upload.finish("key")

    assert place.get("key") == b"".join(buffers)


@pytest.mark.every_bucket
@pytest.mark.every_bucket
@pytest.mark.parametrize("shift", [0, 1])
def test_a_large_upload_is_what_was_written(place: Place, shift: int) -> None:
    """Whatever the lengths and the addresses in memory are, pages and odd pieces come in order."""
    pages = memoryview(mmap(-1, 3 << 20))
    pages[:] = random.Random(shift).randbytes(len(pages))
    parts = [pages[shift : shift + size] for size in (1 << 20, 2 << 20, 7, 1 << 20, 1 << 20, 0, 4096, 100)]
    finish(place.backend, "large", *parts)
    assert place.get("large") == b"".join(parts)


def test_an_upload_left_by_an_exception_leaves_nothing(place: Place) -> None:
    """Giving up, by an exception or by leaving early, stores nothing."""
    with pytest.raises(ZeroDivisionError), place.backend.upload() as upload:
        upload.write(b"abc")
        raise ZeroDivisionError
    with place.backend.upload() as upload:
        upload.write(b"abc")
    upload = place.backend.upload()
    upload.write(b"abc")
    upload.abort()
    upload.abort()

    assert place.keys() == set()


def test_finishing_a_known_value_again_changes_nothing(place: Place) -> None:
    """Keys of uploads name their content, so a second writer of the same value is no error."""
    finish(place.backend, "key", b"abc")
    finish(place.backend, "key", b"abc")

    assert place.get("key") == b"abc"
    assert place.keys() == {"key"}


@pytest.mark.every_bucket
def test_finishing_another_value_is_refused(place: Place) -> None:
    """A value of another size under the same key is never replaced."""
    finish(place.backend, "key", b"abc")
    with pytest.raises(AlreadyExists, match="another value is stored as key"):
        finish(place.backend, "key", b"abcd")

    assert place.get("key") == b"abc"
    assert place.keys() == {"key"}


@pytest.mark.every_bucket
def test_write_new_never_replaces(place: Place) -> None:
    """The second writer is told, even with the same value."""
    place.backend.write_new("key", bytearray(b"abc"))
    with pytest.raises(AlreadyExists, match="key"):
        place.backend.write_new("key", b"abc")
    with pytest.raises(AlreadyExists, match="key"):
        place.backend.write_new("key", b"x")

    assert place.get("key") == b"abc"
    assert place.keys() == {"key"}


@pytest.mark.every_bucket
def test_swap_needs_the_whole_expected_value(place: Place) -> None:
    """Only the very value expected is replaced; a refusal changes nothing."""
    place.backend.swap("root", None, b"one")
    assert place.get("root") == b"one"

    for wrong in (None, b"", b"on", b"onee", b"two"):
        with pytest.raises(Conflict, match="another writer changed root"):
            place.backend.swap("root", wrong, b"two")
    assert place.get("root") == b"one"

    place.backend.swap("root", b"one", b"two")
    assert place.get("root") == b"two"
    assert place.keys() == {"root"}


def test_swap_of_a_missing_key_needs_none(place: Place) -> None:
    """Nobody can expect a value where there is none."""
    with pytest.raises(Conflict):
        place.backend.swap("root", b"", b"x")
    assert place.keys() == set()


def test_a_reader_sees_every_change_at_once(place: Place) -> None:
    """What was read before does not hide a value that was swapped, deleted, moved or written anew."""
    backend = place.backend
    backend.swap("key", None, b"one")
    assert backend.read("key") == b"one"
    backend.swap("key", b"one", b"three")
    assert backend.read("key") == b"three"
    backend.delete("key")
    assert not backend.exists("key")
    backend.write_new("key", b"four!")
    assert backend.read("key") == b"four!"
    backend.move("key", "other")
    with pytest.raises(NotFound):
        backend.read("key")
    backend.write_new("key", b"5")
    assert (backend.read("key"), backend.read("other")) == (b"5", b"four!")


def test_a_mapped_value_stays_readable_when_deleted(place: Place) -> None:
    """A reader keeps the value that it mapped."""
    place.backend.write_new("key", b"abc")
    mapped = place.backend.map("key")
    place.backend.delete("key")
    place.backend.write_new("key", b"other")

    assert bytes(mapped) == b"abc"


@pytest.mark.every_bucket
def test_delete_is_fine_with_nothing_to_delete(place: Place) -> None:
    """Deleting twice, or below a value, is no error."""
    place.put("key", b"x")
    place.backend.delete("key")
    place.backend.delete("key")
    place.backend.delete("never/was")

    assert place.keys() == set()


def test_move_keeps_the_value_and_never_replaces_another(place: Place) -> None:
    """The value goes to a free key; onto a taken one nothing moves; onto itself is fine."""
    place.put("packs/a", b"abc")
    place.put("packs/b", b"other")

    with pytest.raises(AlreadyExists, match="packs/b"):
        place.backend.move("packs/a", "packs/b")
    place.backend.move("packs/a", "packs/a")
    assert (place.get("packs/a"), place.get("packs/b")) == (b"abc", b"other")

    place.backend.move("packs/a", "quarantine/deep/a")
    assert place.get("quarantine/deep/a") == b"abc"
    assert place.keys() == {"quarantine/deep/a", "packs/b"}


@pytest.mark.every_bucket
def test_list_gives_keys_and_sizes_in_order_of_the_keys(place: Place) -> None:
    """The prefix is one of the text, not of folders; order is that of the keys as bytes."""
    values = {
        "a/b": b"1",
        "a-b": b"22",
        "a.b/c": b"333",
        "a/b-c": b"",
        "ab": b"4",
        "b/c/d/e": b"5",
        "A": b"6",
    }
    for key, value in values.items():
        place.put(key, value)

    for prefix in ("", "a", "a/", "a/b", "a-", "ab", "b/c/", "b/c/d/e", "c", "a/b/", "A/", "zz/y/"):
        expected = [(key, len(values[key])) for key in sorted(values) if key.startswith(prefix)]
        assert list(place.backend.list(prefix)) == expected, prefix


@pytest.mark.parametrize(
    "prefix", ["/", "/a", "..", "../", "a//", "a/../", ".", "a/.", "tmp/", "\0", "-", "ä"]
)
def test_hostile_prefixes_are_refused(place: Place, prefix: str) -> None:
    """A prefix that no key has is an error at once, not an empty list."""
    with pytest.raises(InvalidInput, match="prefix"):
        place.backend.list(prefix)
