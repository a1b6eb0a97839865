"""Zstandard frames of chunks: a compressor and a decompressor for each thread, and no trust in what is read.

A frame is written with its content size and without a checksum, for every content has its digest.
"""

import threading
from typing import NamedTuple

import zstandard

from tether.core.digest import Buffer
from tether.errors import Corrupt

LARGEST_CONTENT = 64 << 20
"""No frame of a store holds more than this: chunks are smaller by far, metadata are at most this large."""


class Search(NamedTuple):
    """How hard a compressor looks for repetitions."""

    level: int
    """A level of zstd, or 0 for its quickest strategy with the next two values."""
    hash_log: int = 0
    min_match: int = 0


# Chosen by measurement on 64 KiB chunks; see docs/format/codecs.md.
QUICK = Search(0, 11, 7)
SYMBOLS = Search(0, 6, 7)
"""Hardly any search: what is left is the entropy coder, which is all that a plane of exponents needs."""


class FrameWriter:
    """Compresses in any thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def compress(self, data: Buffer, search: Search) -> bytes:
        """Return one frame that holds `data`."""
        compressors: dict[Search, zstandard.ZstdCompressor] | None = getattr(self._local, "compressors", None)
        if compressors is None:
            compressors = self._local.compressors = {}
        compressor = compressors.get(search)
        if compressor is None:
            compressor = compressors[search] = _new_compressor(search)
        return compressor.compress(data)


def _new_compressor(search: Search) -> zstandard.ZstdCompressor:
    if search.level:
        parameters = zstandard.ZstdCompressionParameters.from_level(search.level, source_size=1 << 17)
    else:
        parameters = zstandard.ZstdCompressionParameters(
            window_log=17,
            hash_log=search.hash_log,
            chain_log=search.hash_log,
            search_log=1,
            min_match=search.min_match,
            target_length=0,
            strategy=zstandard.STRATEGY_FAST,
        )
    return zstandard.ZstdCompressor(compression_params=parameters)


_readers = threading.local()


def decompress_frame(frame: Buffer, length: int) -> bytes:
    """Return the content of a frame that must have `length` bytes.

    Raises:
        Corrupt: It is not one whole frame of so many bytes.
    """
    reader: zstandard.ZstdDecompressor | None = getattr(_readers, "reader", None)
    if reader is None:
        reader = _readers.reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_CONTENT)
    try:
        # The size that the frame states is what the library would allocate.
        if zstandard.get_frame_parameters(frame).content_size != length:
            raise Corrupt("a compressed frame states another length")
        data = reader.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Corrupt(f"a compressed frame is damaged: {error}") from None
    if len(data) != length:
        raise Corrupt("a compressed frame has another length")
    return data
