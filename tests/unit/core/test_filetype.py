"""Kinds of files, from heads that real writers made."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import wave
import zipfile

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save as save_safetensors

from tether.core.filetype import HEAD_SIZE, FileType, sniff


def image(form: str, size: tuple[int, int] = (37, 21), mode: str = "RGB", **options: object) -> bytes:
    """Return an image file as Pillow writes it."""
    target = io.BytesIO()
    Image.new(mode, size, 1).save(target, form, **options)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (image("PNG"), "png"),
        (image("JPEG"), "jpeg"),
        (image("JPEG", progressive=True), "jpeg"),
        (image("JPEG", exif=b"Exif\0\0" + b"x" * 20000), "jpeg"),
        (image("GIF", mode="P"), "gif"),
        (image("WEBP"), "webp"),
        (image("WEBP", lossless=True), "webp"),
        (image("WEBP", mode="RGBA", exif=b"Exif\0\0MM\0*"), "webp"),
        (image("BMP"), "bmp"),
        (image("TIFF"), "tiff"),
        (image("TIFF", big_tiff=False, compression="tiff_lzw"), "tiff"),
    ],
)
def test_images_give_their_size(data: bytes, kind: str) -> None:
    """Width and height are those the image was made with."""
    found = sniff(data[:HEAD_SIZE])
    assert (found.kind, found.width, found.height) == (kind, 37, 21)
    assert found.description.endswith("image, 37 x 21")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"BM" + bytes(12) + struct.pack("<LHHHH", 12, 5, 6, 1, 24), ("bmp", 5, 6)),
        (b"BM" + bytes(12) + struct.pack("<Llll", 40, 5, -6, 1), ("bmp", 5, 6)),
        (b"\xff\xd8\xff\xff\xff\x01\xff\xc0\0\x0b\x08\0\x06\0\x05\x01", ("jpeg", 5, 6)),
        (b"\xff\xd8\xff\xe0\0\x01" + bytes(20), ("jpeg", None, None)),
        (b"\xff\xd8\xff\xe0\0\x02" + bytes(20), ("jpeg", None, None)),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT" + bytes(20), ("png", None, None)),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(30), ("webp", None, None)),
        (b"MM\0*\0\0\0\x08\0\x01\x01\0\0\x03" + bytes(20), ("tiff", None, None)),
    ],
)
def test_rare_forms_of_images(data: bytes, found: tuple[str, int | None, int | None]) -> None:
    """Old headers, rows that run downwards, fill bytes, and files that lack what they should have."""
    assert (sniff(data).kind, sniff(data).width, sniff(data).height) == found


def test_an_image_cut_short_keeps_its_kind() -> None:
    """Without the header there is a kind and no size."""
    for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP"):
        data = image(form, mode="P" if form == "GIF" else "RGB")
        short = sniff(data[:15] if form == "WEBP" else data[:8])
        assert short.kind == sniff(data).kind
        assert short.width is None
    assert sniff(b"\x89PNG\r\n\x1a\n") == FileType("png", "PNG image")


def test_safetensors_give_tensors_and_parameters() -> None:
    """The header is counted, not the name."""
    data = save_safetensors(
        {
            "a": np.zeros((1000, 20), np.float32),
            "b": np.zeros((), np.float16),
            "c": np.zeros((0, 3), np.int8),
        },
        {"format": "np"},
    )
    found = sniff(data[:HEAD_SIZE], b"model.bin")
    assert found.kind == "safetensors"
    assert found.description == "safetensors weights, 3 tensors, 20,001 parameters, F16 F32 I8"


def test_a_long_safetensors_header_is_counted_as_far_as_it_is_there() -> None:
    """A head that ends within the header gives a lower bound."""
    entries = {
        f"layer.{i}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i in range(3000)
    }
    header = json.dumps(entries).encode()
    found = sniff((struct.pack("<Q", len(header)) + header)[:HEAD_SIZE])
    assert found.kind == "safetensors"
    words = found.description.removeprefix("safetensors weights, over ").removesuffix(" tensors")
    assert 500 < int(words) < 3000


@pytest.mark.parametrize(
    "header",
    [
        b"{" * 5000,
        b'{"a":' * 5000,
        b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b"]}}",
        b'{"a":{"dtype":"F32","shape":[' + b",".join([b"4294967295"] * 100) + b"]}}",
        b'{"a":{"dtype":"\\u001b[31m","shape":[1]}}',
        b'{"a":{"dtype":7,"shape":[1]}}',
        b'{"a":{"dtype":"F32","shape":[-1]}}',
        b'{"a":{"dtype":"F32","shape":"x"}}',
        b'{"a":1}',
    ],
)
def test_hostile_safetensors_headers_give_the_kind_alone(header: bytes) -> None:
    """Nesting, huge numbers and control characters change nothing but the words."""
    assert sniff(struct.pack("<Q", len(header)) + header) == FileType("safetensors", "safetensors weights")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 4), np.float32), "float32, shape (3, 4)"),
        (np.zeros(5, np.uint8), "uint8, shape (5,)"),
        (np.zeros((), ">i8"), "int64, big-endian, shape ()"),
        (np.zeros((2, 0), np.bool_), "bool, shape (2, 0)"),
        (np.zeros(2, "U7"), "text, shape (2,)"),
        (np.zeros(2, [("x", "<f4")]), "structured, shape (2,)"),
    ],
)
def test_npy_files_give_type_and_shape(
    array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", words: str
) -> None:
    """What NumPy saves is named as NumPy names it."""
    target = io.BytesIO()
    np.save(target, array)
    assert sniff(target.getvalue()) == FileType("npy", f"NumPy array, {words}")


def test_sound_gives_rate_and_duration() -> None:
    """The header of a WAV file is read past other chunks."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(4 * 12000))
    data = target.getvalue()
    assert sniff(data) == FileType("wav", "WAV audio, 8000 Hz, 2 channels, 16 bit, 1.50 s")
    listed = data[:12] + b"LIST" + struct.pack("<L", 3) + b"abc\0" + data[12:]
    assert sniff(listed).description == "WAV audio, 8000 Hz, 2 channels, 16 bit, 1.50 s"
    info = (44100 << 44 | 0 << 41 | 15 << 36 | 44100).to_bytes(8, "big")
    flac = b"fLaC\0\0\0\x22" + bytes(10) + info + bytes(16)
    assert sniff(flac) == FileType("flac", "FLAC audio, 44100 Hz, 1 channel, 16 bit, 1.00 s")


PARQUET = b"PAR1\x15\x04\x15\x30\x15\x2e\x4c\x15\x06\x15\0\x12\0\0"


def written_zip(name: str) -> bytes:
    """Return an archive of one member."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, "x")
    return target.getvalue()


def written_tar() -> bytes:
    """Return an archive of one member."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PARQUET, b"", "parquet"),
        (written_zip("a"), b"a.zip", "zip"),
        (written_zip("a"), b"a.NPZ", "npz"),
        (written_zip("model/data.pkl"), b"model.pt", "pytorch"),
        (written_tar(), b"", "tar"),
        (gzip.compress(b"x", mtime=0), b"", "gzip"),
        (zstandard.compress(b"x"), b"", "zstd"),
        (pickle.dumps([1]), b"", "pickle"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", b"", "mp4"),
        (b"ID3\x04\0\0\0\0\0\x20", b"", "mp3"),
        (b"\xff\xfb\x90\x44" + bytes(40), b"", "mp3"),
        (b"%PDF-1.7\n", b"", "pdf"),
        (b"\x08\x09\x12\x07pytorch", b"model.onnx", "onnx"),
        (b"\x08\x09\x12\x07pytorch", b"model", "binary"),
        (b"\x00\x01\x02", b"a.png", "binary"),
        (b"", b"a.png", "empty"),
        (b"ID3 tags are text\n", b"", "text"),
        (b"BM is short for bitmap\n", b"", "text"),
        (b"PAR1 is the first\n", b"", "text"),
    ],
)
def test_kinds_by_mark_and_name(data: bytes, name: bytes, kind: str) -> None:
    """The bytes decide; the name only where they cannot."""
    found = sniff(data[:HEAD_SIZE], name)
    assert found.kind == kind
    assert found.description
    assert found.width is None


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (b"a\nb\n", "ASCII text, 2 lines"),
        (b"a\nb", "ASCII text, 2 lines"),
        (b"a", "ASCII text, 1 line"),
        ("é\r\n".encode(), "UTF-8 text, 1 line"),
        ("caf\u00e9 au lait\n".encode("latin-1"), "8-bit text, 1 line"),
        ("hello".encode("utf-16"), "UTF-16 text"),
        (b"1234567\n" * 10000, "ASCII text, over 8,192 lines"),
        (("x" + "é" * 40000).encode()[:HEAD_SIZE], "UTF-8 text, over 1 line"),
    ],
)
def test_text_gives_encoding_and_lines(data: bytes, description: str) -> None:
    """A full head gives a lower bound and may end within a character."""
    assert sniff(data[:HEAD_SIZE]) == FileType("text", description)


HEADS = [
    image("PNG"),
    image("JPEG"),
    image("GIF", mode="P"),
    image("WEBP"),
    image("BMP"),
    image("TIFF"),
    PARQUET,
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + bytes(16),
    b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'shape': (" + b"9," * 150 + b")}",
    b"fLaC" + bytes(30),
    save_safetensors({"a": np.zeros(3, np.float32)}),
]


@settings(max_examples=300)
@given(
    st.sampled_from(HEADS),
    st.integers(0, 400),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_head_never_raises(head: bytes, length: int, pokes: list[tuple[int, int]]) -> None:
    """Cut anywhere and with bytes changed, there is still an answer that can be shown."""
    damaged = bytearray(head[:length])
    for place, value in pokes:
        if place < len(damaged):
            damaged[place] = value
    found = sniff(bytes(damaged))
    assert found.description.isprintable()
    assert (found.width is None) is (found.height is None)


@given(st.binary(max_size=300), st.binary(max_size=10))
def test_any_bytes_have_a_kind(head: bytes, name: bytes) -> None:
    """Random bytes and names never raise."""
    assert sniff(head, name).kind
