"""What model files hold and how they differ, as people read it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.cli.render_commit import printable
from tether.cli.style import Style

if TYPE_CHECKING:
    from tether.model.compare import ModelDiff

_SIGNS = {"added": "+", "removed": "-"}


def facts_lines(style: Style, documents: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the facts of model files: rows with names, then a table of the tensors."""
    for at, document in enumerate(documents):
        if at:
            yield ""
        yield from _facts(style, document)


def _facts(style: Style, document: dict[str, Any]) -> Iterator[str]:
    yield style("heading", _text(document["path"]))
    for name, value in _rows(document):
        line = f"  {name:<11}{_text(value)}"
        yield style("warning", line) if name == "warning" else line
    if document["tensors"]:
        yield ""
        heads = ["tensor", "type", "shape", "parameters", "bytes"]
        if "digest" in document:
            heads.append("digest")
        yield from _table(style, heads, [_tensor_cells(row) for row in document["tensors"]])


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    version = document["version"]
    yield "format", document["format"] + (f" {version}" if version else "")
    count = len(document["tensors"]) or document.get("left_out", 0)
    yield "parameters", f"{document['parameters']:,} in {count_text(count, 'tensor')}"
    if document["types"]:
        yield "types", ", ".join(f"{name} {number:,}" for name, number in document["types"].items())
    if document.get("digest"):
        yield "digest", document["digest"]
    for key, value in document["metadata"].items():
        if value not in (None, "", [], {}):
            yield "metadata", f"{key}: {_value(value)}"
    for each in document["globals"]:
        yield "names", f"{each['name']} ({each['risk']})"
    for each in document["warnings"]:
        yield "warning", each["text"]


def _tensor_cells(row: dict[str, Any]) -> list[str]:
    place = size_text(row["bytes"]) if row["bytes"] is not None else "-"
    where = f"{place} in {row['file']}" if row["file"] else place
    cells = [row["name"], row["dtype"], _shape(row["shape"]), f"{row['parameters']:,}", where]
    return [*cells, row["digest"] or "-"] if "digest" in row else cells


def diff_lines(style: Style, document: dict[str, Any], *, short: bool) -> Iterator[str]:
    """Yield what differs between two models."""
    for side in ("old", "new"):
        each = document[side]
        types = " ".join(each["types"])
        count = count_text(each["tensors"], "tensor")
        yield f"{side}  {each['format']}, {count}, {each['parameters']:,} parameters {types}".rstrip()
    if document["new"]["safe"] < document["old"]["safe"]:
        yield style("warning", "warning: the new one is not safe to load; see 'tether model show'")
    if not short:
        yield from _moves(style, document)
        rows = [[each["name"], _type(each), _shape_change(each), *_far(each)] for each in document["changed"]]
        heads = ["changed", "type", "shape", "relative", "largest", "share", "cosine"]
        yield from _section(style, heads, rows)
    layers = [
        [
            each["layer"],
            *(str(each[word]) for word in ("tensors", "changed", "added", "removed")),
            *_far(each),
        ]
        for each in document["layers"]
    ]
    heads = ["layer", "tensors", "changed", "added", "removed", "relative", "largest", "share", "cosine"]
    yield from _section(style, heads, layers)
    if document["metadata"]:
        yield ""
    for key, sides in document["metadata"].items():
        yield _text(f"metadata {key}: {_value(sides['old'])} -> {_value(sides['new'])}")
    yield ""
    yield _sum(document)


def changed_lines(style: Style, diff: "ModelDiff") -> Iterator[str]:
    """Yield what differs between two models as a part of `tether diff`: tensors, and how far they moved."""
    from tether.model.compare import diff_document

    document = diff_document(diff)
    yield from (line for line in _moves(style, document) if line)
    for each in document["changed"]:
        far = (
            ""
            if each["distance"] is None
            else ", relative {}, largest {}, {} of the numbers".format(*_far(each))
        )
        yield style("changed", f"~ {_text(each['name'])}  {_type(each)} {_shape_change(each)}{far}")
    yield _sum(document)


def _moves(style: Style, document: dict[str, Any]) -> Iterator[str]:
    if document["added"] or document["removed"] or document["renamed"]:
        yield ""
    for word, sign in _SIGNS.items():
        for row in document[word]:
            yield style(word, f"{sign} {_text(row['name'])}  {row['dtype']} {_shape(row['shape'])}")
    for row in document["renamed"]:
        yield _text(f"{row['old']} => {row['new']}")


def _sum(document: dict[str, Any]) -> str:
    words = ("added", "removed", "renamed", "changed")
    parts = [f"{len(document[word]):,} {word}" for word in words if document[word]]
    parts.append(f"{document['unchanged']:,} unchanged")
    if document["unread"]:
        parts.append(f"{len(document['unread']):,} not read")
    return "tensors: " + ", ".join(parts)


def _section(style: Style, heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    if rows:
        yield ""
        yield from _table(style, heads, rows)


def _table(style: Style, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for at, row in enumerate([list(heads), *cells]):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        yield style("heading", line) if at == 0 else line


def _type(row: dict[str, Any]) -> str:
    old, new = row["old_dtype"], row["new_dtype"]
    return new if old == new else f"{old} -> {new}"


def _shape_change(row: dict[str, Any]) -> str:
    old, new = _shape(row["old_shape"]), _shape(row["new_shape"])
    return new if old == new else f"{old} -> {new}"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one"


def _far(row: dict[str, Any]) -> list[str]:
    far = row["distance"]
    if far is None:
        return ["-"] * 4
    share = f"{100 * far['changed_share']:.3g} %"
    return [_number(far["relative_l2"]), _number(far["max_abs"]), share, _number(far["cosine"], 6)]


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return "nothing" if value is None else str(value)


def _text(text: str) -> str:
    """Return text from a file on one line, without what could move the cursor."""
    line = printable(" ".join(text.split())) if "\n" in text or "\t" in text else printable(text)
    return line if len(line) <= 200 else line[:200] + "..."
