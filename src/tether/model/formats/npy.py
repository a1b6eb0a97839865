"""Arrays of NumPy: one in a file, or several in an archive.

Source: `numpy.lib.format` of NumPy. The header is a Python dictionary; its three items are found by patterns,
in the way in which all writers write them, so nothing is evaluated.
"""

import re

from tether.errors import Unsupported
from tether.model.dtypes import byte_length
from tether.model.facts import Caution, ModelFacts, Place, Tensor
from tether.model.formats.pickled import column_strides, numpy_type, shape_of
from tether.model.formats.zips import Archive, Member
from tether.model.source import BytesSource, Cursor, Source, damaged

WHAT = "NumPy"
MAGIC = b"\x93NUMPY"
_LARGEST_HEADER = 64 << 10
_HEAD = _LARGEST_HEADER + 12
_DESCR = re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]{1,32})['"]""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([0-9L, ]{0,1000})\)""")
_COLUMNS = re.compile(r"""['"]fortran_order['"]\s*:\s*True""")


def read(source: Source, _name: str) -> ModelFacts:
    """Return the one array of a .npy file.

    Raises:
        InvalidInput: Its header does not fit the file.
        Unsupported: It is of a version that is not known.
    """
    head = source.read(0, _HEAD)
    tensor, version = parse(head, "array", Place(0, source.size))
    return ModelFacts("npy", version, (tensor,), warnings=tuple(objects(tensor, "the array")))


def objects(tensor: Tensor, title: str) -> list[Caution]:
    """Return the warning about an array whose elements are pickled."""
    if not tensor.dtype.startswith("O"):
        return []
    return [Caution("code", f"{title} is a pickle of objects, which runs code when it is loaded")]


def parse(head: bytes, name: str, whole: Place, unpacked: int | None = None) -> tuple[Tensor, str]:
    """Return the array that a header describes, and the version of the format.

    Args:
        head: The first bytes of the array's file, enough to have the header.
        name: What the tensor is called.
        whole: Where the array's file lies.
        unpacked: The size of that file, where it is packed.
    """
    cursor = Cursor(BytesSource(head), WHAT)
    if cursor.take(6) != MAGIC:
        raise damaged(WHAT, "it does not begin as an array does")
    major, minor = cursor.take(2)
    if major not in (1, 2, 3):
        raise Unsupported(f"arrays of NumPy's format {major}.{minor} are not read")
    length = cursor.number("<H" if major == 1 else "<I")
    if length > _LARGEST_HEADER:
        raise damaged(WHAT, f"its header would have {length:,} bytes")
    header = cursor.take(length).decode("latin-1")
    sizes, descr, version = _SHAPE.search(header), _DESCR.search(header), f"{major}.{minor}"
    shape = shape_of(tuple(int(size) for size in re.findall("[0-9]{1,20}", sizes[1]))) if sizes else None
    if shape is None:
        raise damaged(WHAT, "it has no shape")
    if descr is None:
        return Tensor(name, "structured", shape, None), version
    kind = numpy_type(descr[1])
    size = byte_length(kind.name, shape)
    strides = column_strides(shape) if _COLUMNS.search(header) else None
    if size is None:
        return Tensor(name, kind.name, shape, None), version
    if cursor.at + size > (whole.length if unpacked is None else unpacked):
        raise damaged(WHAT, f"it ends before the array {name[:100]!r} does")
    raw = whole.packing == "raw"
    place = Place(whole.offset + cursor.at, size) if raw else whole._replace(skip=cursor.at)
    return Tensor(name, kind.name, shape, place, strides, kind.big), version


def read_archive(source: Source, _name: str) -> ModelFacts:
    """Return the arrays of a .npz archive; errors as for `read`."""
    archive = Archive(source, WHAT)
    tensors, warnings = [], list[Caution]()
    for name in archive.names:
        if name.endswith(".npy"):
            tensors.append(in_archive(archive, archive.member(name), name.removesuffix(".npy")))
            warnings += objects(tensors[-1], name)
        else:
            warnings.append(Caution("not-read", f"{name[:100]} in it is no array"))
    return ModelFacts("npz", None, tuple(tensors), warnings=tuple(warnings))


def in_archive(archive: Archive, member: Member, name: str) -> Tensor:
    """Return the array that is a member of an archive; errors as for `read`."""
    return parse(archive.head(member.name, _HEAD), name, member.place, member.size)[0]
