"""What kind of file it is, from its first bytes and, where those do not tell, its name.

Nothing here trusts a file: a damaged or hostile head gives the kind without details or
`binary`, never an error.
"""

import codecs
import struct
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from tether.core import dataheader, imageheader

HEAD_SIZE = 65536
"""Bytes that tell all that can be told; a shorter head is taken for the whole file."""

_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b\b")
_CONTROLS = bytes(set(range(32)) - _TEXT_CONTROLS) + b"\x7f"
_LEAST_ASCII = 0.7
_DAMAGED = (struct.error, ValueError, IndexError, KeyError, TypeError, RecursionError, msgspec.MsgspecError)


Result = TypeVar("Result")


class FileType(NamedTuple):
    """A kind, a line for people, and for images the size in pixels."""

    kind: str
    """A short stable word such as `png`, `parquet`, `text` or `binary`."""
    description: str
    width: int | None = None
    height: int | None = None


class _Image(NamedTuple):
    kind: str
    title: str
    size: Callable[[bytes], imageheader.Size | None]


class _Data(NamedTuple):
    kind: str
    title: str
    words: Callable[[bytes], str]


def _plain(_head: bytes) -> str:
    return ""


_JPEG = _Image("jpeg", "JPEG image", imageheader.jpeg)
_TIFF = _Image("tiff", "TIFF image", imageheader.tiff)
_GIF = _Image("gif", "GIF image", imageheader.gif)
_MAGIC: dict[bytes, _Image | _Data] = {
    b"\x89PNG\r\n\x1a\n": _Image("png", "PNG image", imageheader.png),
    b"\xff\xd8\xff": _JPEG,
    b"GIF87a": _GIF,
    b"GIF89a": _GIF,
    b"II*\0": _TIFF,
    b"MM\0*": _TIFF,
    b"II+\0": _Data("tiff", "BigTIFF image", _plain),
    b"MM\0+": _Data("tiff", "BigTIFF image", _plain),
    b"\x93NUMPY": _Data("npy", "NumPy array", dataheader.npy),
    b"PAR1": _Data("parquet", "Parquet table", _plain),
    b"ARROW1\0\0": _Data("arrow", "Arrow table", _plain),
    b"\x89HDF\r\n\x1a\n": _Data("hdf5", "HDF5 data", _plain),
    b"GGUF": _Data("gguf", "GGUF weights", _plain),
    b"SQLite format 3\0": _Data("sqlite", "SQLite database", _plain),
    b"fLaC": _Data("flac", "FLAC audio", dataheader.flac),
    b"OggS": _Data("ogg", "Ogg audio or video", _plain),
    b"ID3": _Data("mp3", "MP3 audio", _plain),
    b"\x1aE\xdf\xa3": _Data("matroska", "Matroska or WebM video", _plain),
    b"%PDF-": _Data("pdf", "PDF document", _plain),
    b"\x1f\x8b": _Data("gzip", "gzip data", _plain),
    b"\x28\xb5\x2f\xfd": _Data("zstd", "Zstandard data", _plain),
    b"BZh": _Data("bzip2", "bzip2 data", _plain),
    b"\xfd7zXZ\0": _Data("xz", "xz data", _plain),
    b"7z\xbc\xaf\x27\x1c": _Data("7z", "7-Zip archive", _plain),
    b"\x7fELF": _Data("elf", "ELF program or library", _plain),
}
_BRANDS = {b"qt  ": "QuickTime video", b"M4A ": "MP4 audio", b"avif": "AVIF image", b"heic": "HEIC image"}


def sniff(head: bytes, name: bytes = b"") -> FileType:
    """Return what a file is.

    Args:
        head: The first bytes of the file, `HEAD_SIZE` of them if it has as many.
        name: Its name, asked where bytes alone do not tell.
    """
    if not head:
        return FileType("empty", "empty file")
    found = _by_magic(head) or _by_structure(head, name.lower())
    if found is None:
        return _text(head) or FileType("binary", "binary data")
    if isinstance(found, _Data):
        words = _careful(found.words, head)
        return FileType(found.kind, f"{found.title}, {words}" if words else found.title)
    size = _careful(found.size, head)
    if size is None or size.width <= 0 or size.height <= 0:
        return FileType(found.kind, found.title)
    return FileType(found.kind, f"{found.title}, {size.width} x {size.height}", *size)


def _careful(read: Callable[[bytes], Result], head: bytes) -> Result | None:
    try:
        return read(head)
    except _DAMAGED:
        return None


def _by_magic(head: bytes) -> _Image | _Data | None:
    for magic, known in _MAGIC.items():
        if head.startswith(magic):
            # Marks of letters alone can open a text: "ID3 tags are ..." is no sound.
            return None if magic.isalnum() and _text(head) else known
    return None


def _by_structure(head: bytes, name: bytes) -> _Image | _Data | None:
    """Find the kinds whose mark is not at the start, is too short to be trusted alone, or is a name."""
    form = head[8:12]
    if head.startswith(b"RIFF") and form == b"WEBP":
        return _Image("webp", "WebP image", imageheader.webp)
    if head.startswith(b"RIFF") and form == b"WAVE":
        return _Data("wav", "WAV audio", dataheader.wav)
    if head[4:8] == b"ftyp" and head[0] == 0:
        return _Data("mp4", _BRANDS.get(form, "MP4 video"), _plain)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head, name)
    if dataheader.is_safetensors(head):
        return _Data("safetensors", "safetensors weights", dataheader.safetensors)
    return _by_weak_mark(head, name)


def _by_weak_mark(head: bytes, name: bytes) -> _Image | _Data | None:
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and len(head) >= 26:
        return _Image("bmp", "BMP image", imageheader.bmp)
    if head[257:262] == b"ustar":
        return _Data("tar", "tar archive", _plain)
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] & 0xF0 != 0xF0:
        return _Data("mp3", "MP3 audio", _plain)
    # An ONNX model is a protobuf without a mark; its first field is a small version number.
    if name.endswith(b".onnx") and head[0] == 0x08 and head[1:2] < b"\x40":
        return _Data("onnx", "ONNX model", _plain)
    if head[0] == 0x80 and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _Data("pickle", "Python pickle", _plain)
    return None


def _zip(head: bytes, name: bytes) -> _Data:
    if name.endswith(b".npz"):
        return _Data("npz", "NumPy arrays", _plain)
    if b"/data.pkl" in head[:512]:
        return _Data("pytorch", "PyTorch checkpoint", _plain)
    return _Data("zip", "zip archive", _plain)


def _text(head: bytes) -> FileType | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return FileType("text", "UTF-16 text") if _decodes(head, "utf-16") else None
    if len(head.translate(None, _CONTROLS)) != len(head):
        return None
    if head.isascii():
        encoding = "ASCII"
    elif _decodes(head, "utf-8"):
        encoding = "UTF-8"
    else:
        encoding = "8-bit"
        if len(head.translate(None, bytes(range(128, 256)))) < _LEAST_ASCII * len(head):
            return None
    lines = head.count(b"\n") + (not head.endswith(b"\n"))
    more = "over " if len(head) >= HEAD_SIZE else ""
    return FileType("text", f"{encoding} text, {more}{lines:,} {'line' if lines == 1 else 'lines'}")


def _decodes(head: bytes, encoding: str) -> bool:
    """Return whether the head is text in `encoding`; a whole head may end in the middle of a character."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=len(head) < HEAD_SIZE)
    except UnicodeDecodeError:
        return False
    return "\0" not in text
