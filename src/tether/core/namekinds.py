"""What kind of data a file holds, by the end of its name alone.

Nothing is read, so a million files cost a look into a table each. The table and its sources are in
docs/hub.md; a name that lies gives a wrong count and nothing else.
"""

from collections.abc import Iterable
from enum import StrEnum


class DataKind(StrEnum):
    """A kind of data, as people sort files."""

    IMAGES = "images"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"
    CODE = "code"
    TABLES = "tables"
    WEIGHTS = "weights"
    ARCHIVES = "archives"
    DOCUMENTS = "documents"
    LINKS = "links"
    OTHER = "other"


_ENDINGS = {
    DataKind.IMAGES: "apng avif bmp cr2 dcm dng exr gif heic heif ico j2k jp2 jpeg jpg jxl nef pbm pgm png "
    "pnm ppm psd svg tga tif tiff webp",
    DataKind.AUDIO: "aac aif aiff amr flac m4a mid midi mp3 oga ogg opus wav wma",
    DataKind.VIDEO: "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg ogv webm wmv",
    DataKind.TEXT: "adoc cfg conf ini json log markdown md org properties rst srt tex text toml txt vtt "
    "xml yaml yml",
    DataKind.CODE: "bash bat c cc clj cmake cpp cs css cu cuh cxx dart erl ex exs f90 go groovy h hh hpp "
    "hs htm html hxx ipynb java jl js jsx kt lua m mjs ml nix php pl proto ps1 py pyi pyx "
    "r rb rs sass scala scss sh sql swift tf ts tsx vue zig zsh",
    DataKind.TABLES: "arrow avro bcolz csv db duckdb feather h5 hdf5 ipc jsonl lance lmdb mat nc ndjson "
    "npy npz ods orc parquet pq record sas7bdat sqlite sqlite3 tab tfrecord tfrecords tsv "
    "xls xlsm xlsx",
    DataKind.WEIGHTS: "caffemodel ckpt engine ggml gguf joblib keras mlmodel onnx params pb pdparams pkl pt "
    "pth safetensors tflite",
    DataKind.ARCHIVES: "7z apk br bz2 deb egg gz iso jar lz lz4 lzma rar rpm sz tar tbz2 tgz txz whl xz z "
    "zip zst",
    DataKind.DOCUMENTS: "djvu doc docx epub key mobi odp odt pages pdf ppt pptx ps rtf",
}
_BY_ENDING = {ending.encode(): kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_COMPRESSED = frozenset((b"bz2", b"gz", b"lz4", b"xz", b"zst"))
"""What stands behind the ending of a single file that was compressed: `train.csv.gz` is a table."""
_BY_NAME = {
    b"authors": DataKind.TEXT,
    b"changelog": DataKind.TEXT,
    b"copying": DataKind.TEXT,
    b"license": DataKind.TEXT,
    b"notice": DataKind.TEXT,
    b"readme": DataKind.TEXT,
    b"dockerfile": DataKind.CODE,
    b"makefile": DataKind.CODE,
}


def kind_of_name(name: bytes) -> DataKind:
    """Return the kind of a file by its name, or by the last part of its path."""
    name = name[name.rfind(b"/") + 1 :].lower()
    start, _, ending = name.rpartition(b".")
    if not start:  # no ending, or a hidden file such as `.bashrc`
        return _BY_NAME.get(name, DataKind.OTHER)
    if ending in _COMPRESSED:
        inner = start.rpartition(b".")
        return _BY_ENDING.get(inner[2], DataKind.ARCHIVES) if inner[0] else DataKind.ARCHIVES
    return _BY_ENDING.get(ending, DataKind.OTHER)


def sum_kinds(names: Iterable[bytes], sizes: Iterable[int]) -> dict[DataKind, tuple[int, int]]:
    """Return how many names are of each kind that there is, and the sum of what stands beside them.

    As `kind_of_name` says it of each; names with one ending are looked up once.

    Args:
        names: Of files, without their folders.
        sizes: Bytes of each.
    """
    sums: dict[DataKind, list[int]] = {}
    known: dict[bytes, list[int]] = {}
    for name, size in zip(names, sizes, strict=True):
        dot = name.rfind(b".")
        found = known.get(name[dot:]) if dot > 0 else None
        if found is None:
            found = sums.setdefault(kind_of_name(name), [0, 0])
            if dot > 0 and name[dot + 1 :].lower() not in _COMPRESSED:
                known[name[dot:]] = found
        found[0] += 1
        found[1] += size
    return {kind: (files, size) for kind, (files, size) in sums.items()}
