"""Commits and tags: their bytes, and refusal of what the format cannot say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.pages import hex_blocks, page

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.errors import Corrupt, InvalidInput

TREE = Digest(bytes(range(32)))
PARENT = Digest(b"\xaa" * 32)
ADA = Person("Ada", "ada@example.org")
NOON = Time(1_767_225_600_000_000, 60)

COMMIT = Commit(TREE, (PARENT,), ADA, NOON, Person("Bo", ""), Time(-5, -1439), "first\n")
TAG = Tag("v1", PARENT, ObjectKind.COMMIT, ADA, NOON, "one")

_lines = st.text(st.characters(exclude_characters="\0\n\r", codec="utf-8"), max_size=12)
_texts = st.text(st.characters(codec="utf-8"), max_size=40)
_digests = st.binary(min_size=32, max_size=32).map(Digest)
_people = st.builds(Person, _lines, _lines)
_times = st.builds(Time, st.integers(-(2**63), 2**63 - 1), st.integers(-1439, 1439))
_extras = st.dictionaries(_lines.filter(bool), st.binary(max_size=9), max_size=3)
_signatures = st.none() | st.binary(max_size=70)
COMMITS = st.builds(
    Commit,
    tree=_digests,
    parents=st.lists(_digests, max_size=3).map(tuple),
    author=_people,
    authored=_times,
    committer=_people,
    committed=_times,
    message=_texts,
    extra=_extras.map(lambda pairs: tuple(sorted(pairs.items()))),
    signature=_signatures,
)
TAGS = st.builds(
    Tag,
    name=_lines.filter(bool),
    target=_digests,
    target_kind=st.sampled_from([ObjectKind.COMMIT, ObjectKind.TREE, ObjectKind.TAG]),
    tagger=_people,
    tagged=_times,
    message=_texts,
    signature=_signatures,
)


def test_a_commit_is_the_array_that_the_format_page_names() -> None:
    """Fields are in the order of the page, and the id is derived under the context of commits."""
    expected = msgspec.msgpack.encode(
        [
            1,
            TREE,
            [PARENT],
            ["Ada", "ada@example.org", 1_767_225_600_000_000, 60],
            ["Bo", "", -5, -1439],
            "first\n",
            [["note", b"x"]],
            b"sig",
        ]
    )
    commit = replace(COMMIT, extra=(("note", b"x"),), signature=b"sig")
    assert commit.encode() == expected
    assert commit.digest == blake3(expected, derive_key_context="tether 2026 commit v1").digest()


def test_a_tag_is_the_array_that_the_format_page_names() -> None:
    """Fields are in the order of the page, and the id is derived under the context of tags."""
    who = ["Ada", "ada@example.org", 1_767_225_600_000_000, 60]
    expected = msgspec.msgpack.encode([1, "v1", PARENT, 4, who, "one", None])
    assert TAG.encode() == expected
    assert TAG.digest == blake3(expected, derive_key_context="tether 2026 tag v1").digest()


@settings(max_examples=60)
@given(COMMITS)
def test_commits_round_trip(commit: Commit) -> None:
    """A commit is read back equal, and its signed bytes are those of the unsigned commit."""
    assert Commit.decode(commit.encode()) == commit
    assert Commit.decode(commit.signed_bytes()) == replace(commit, signature=None)


@settings(max_examples=60)
@given(TAGS)
def test_tags_round_trip(tag: Tag) -> None:
    """A tag is read back equal, and its signed bytes are those of the unsigned tag."""
    assert Tag.decode(tag.encode()) == tag
    assert Tag.decode(tag.signed_bytes()) == replace(tag, signature=None)


@pytest.mark.parametrize(
    "change",
    [
        {"tree": b"short"},
        {"parents": (b"short",)},
        {"author": Person("a\nb", "")},
        {"committer": Person("a", "x\0y")},
        {"authored": Time(2**63, 0)},
        {"committed": Time(0, 1440)},
        {"authored": Time(0, -1440)},
        {"message": "half a pair \ud800"},
        {"extra": (("b", b""), ("a", b""))},
        {"extra": (("a", b""), ("a", b""))},
        {"extra": (("", b""),)},
        {"extra": (("a", "text"),)},
        {"signature": "text"},
    ],
)
def test_a_commit_cannot_be_made_of_what_it_cannot_store(change: dict[str, Any]) -> None:
    """Every field is checked when the commit is made."""
    with pytest.raises(InvalidInput):
        replace(COMMIT, **change)


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "a\nb"}, {"target": b""}, {"target_kind": ObjectKind.CHUNK}, {"message": 3}],
)
def test_a_tag_cannot_be_made_of_what_it_cannot_store(change: dict[str, Any]) -> None:
    """Every field is checked when the tag is made."""
    with pytest.raises(InvalidInput):
        replace(TAG, **change)


def _commit_fields() -> list[Any]:
    return list(msgspec.msgpack.decode(COMMIT.encode()))


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 2),
        (0, None),
        (1, b"short"),
        (1, None),
        (2, b"x" * 32),
        (2, [b"x"]),
        (3, ["Ada", "mail", 1]),
        (3, ["Ada", "mail", "1", 1]),
        (4, [b"Ada", "mail", 1, 1]),
        (4, ["Ada", "mail", 1, 9999]),
        (4, ["Ada", "mail", 2**64 - 1, 0]),
        (5, b"bytes"),
        (6, [["b", b""], ["a", b""]]),
        (6, [["b", b"", 1]]),
        (6, None),
        (6, ["ab"]),
        (6, [[1, b""]]),
        (7, "text"),
        (7, 0),
    ],
)
def test_a_damaged_field_of_a_commit_is_corrupt(position: int, value: object) -> None:
    """Each field has one type and one range; nothing else passes."""
    fields = _commit_fields()
    fields[position] = value
    with pytest.raises(Corrupt):
        Commit.decode(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("fields", [1, None, [], [1], [*_commit_fields(), 0], _commit_fields()[:-1]])
def test_an_array_of_another_length_is_no_commit(fields: object) -> None:
    """A value that is no array of eight is refused."""
    with pytest.raises(Corrupt):
        Commit.decode(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("kind", [0, 1, 6, 99, "4", None])
def test_a_tag_of_an_unknown_kind_is_corrupt(kind: object) -> None:
    """A tag names a commit, a tree or a tag."""
    fields = list(msgspec.msgpack.decode(TAG.encode()))
    fields[3] = kind
    with pytest.raises(Corrupt):
        Tag.decode(msgspec.msgpack.encode(fields))


@settings(max_examples=150)
@given(
    st.sampled_from([(COMMIT.encode(), Commit.decode), (TAG.encode(), Tag.decode)]),
    st.integers(0, 300),
    st.integers(1, 255),
)
def test_a_flipped_byte_gives_another_object_or_is_corrupt(
    case: tuple[bytes, Callable[[bytes], Commit | Tag]], position: int, change: int
) -> None:
    """Damage is refused or is the exact encoding of something else; it never raises anything else."""
    payload, read = case
    data = bytearray(payload)
    data[position % len(data)] ^= change
    try:
        value = read(bytes(data))
    except Corrupt:
        return
    assert value.encode() == bytes(data)


def test_the_example_of_the_page_on_commits_holds() -> None:
    """The bytes and the id on the page are those of the commit that it tells of."""
    [payload] = hex_blocks("commit")
    tree = Digest(bytes.fromhex("0ed544490d0b3a34da403e1214881687a5b0c1d5f0d0677be7c07f33cfbd73b3"))
    commit = Commit(tree, (), ADA, NOON, ADA, NOON, "first\n")
    assert commit.encode() == payload
    assert Commit.decode(payload) == commit
    assert f"`{commit.digest.hex()}`" in page("commit")
    assert f"`{tree.hex()}`" in page("tree")


def test_the_example_of_the_page_on_tags_holds() -> None:
    """The bytes and the digest on the page are those of the tag that it tells of."""
    [payload] = hex_blocks("tag")
    [target] = hex_blocks("commit")
    commit = Commit.decode(target).digest
    tag = Tag("v1.0", commit, ObjectKind.COMMIT, ADA, NOON, "the first release\n")
    assert tag.encode() == payload
    assert Tag.decode(payload) == tag
    assert f"`{tag.digest.hex()}`" in page("tag")
