"""The compiled building of frames and its pure twin give the same bytes, and readers take them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind
from tether.repo import blocks_pure
from tether.repo.frames import DATA, FRAME_SIZE, pack_header, read_frames

_blocks = pytest.importorskip("tether.repo._blocks")


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_both_build_the_frames_that_are_read_back(contents: list[bytes]) -> None:
    """The bytes are equal, and a pack that begins with them lists the contents in order."""
    digests = [hash_bytes(data) for data in contents]

    block = _blocks.raw_block(ObjectKind.CHUNK, digests, contents)

    assert block == blocks_pure.raw_block(ObjectKind.CHUNK, digests, contents)
    whole = pack_header(DATA) + block
    frames = list(read_frames(whole))
    assert [frame.digest for frame in frames] == digests
    starts = [frame.offset + FRAME_SIZE for frame in frames]
    assert [whole[at : at + f.stored] for at, f in zip(starts, frames, strict=True)] == contents


def test_wrong_values_are_refused() -> None:
    """A short digest, a missing content, another kind and what is no bytes never reach the native loop."""
    digest = hash_bytes(b"x")
    for kind, digests, contents in [
        (0, [b"short"], [b"x"]),
        (0, [digest], []),
        (256, [digest], [b"x"]),
        (-1, [digest], [b"x"]),
    ]:
        with pytest.raises(ValueError, match=r"digest|kind"):
            _blocks.raw_block(kind, digests, contents)
    with pytest.raises(TypeError):
        _blocks.raw_block(0, [digest], ["x"])
