"""`tether info`: describe a file: what it is, its digest, how it is stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, size_text
from tether.cli.paths import expand_paths
from tether.cli.render_commit import printable
from tether.cli.revisions import place_text
from tether.core.names import display

if TYPE_CHECKING:
    from tether.api.inspect import Info
    from tether.model.facts import ModelFacts


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="PATH | REV:PATH...")
@pass_context
def command(ctx: Context, places: tuple[str, ...]) -> None:
    """Describe files of the working copy or of a revision: type, size, dimensions, digest and storage."""
    found = [each for place in places for each in _infos(ctx, place)]
    documents = [_document(info) for info in found]
    ctx.emit(documents[0] if len(documents) == 1 else documents, lambda: _lines(found))


def _infos(ctx: Context, place: str) -> "list[Info]":
    """Return what one argument names; a name with a colon that is a file here is that file."""
    from tether.api.inspect import info, info_of_working_file

    if ":" in place and not (ctx.cwd / place).exists():
        return [info(ctx.repo(), place_text(ctx, place))]
    return [info_of_working_file(ctx.repo(), path) for path in expand_paths(ctx, [place])]


def _document(info: "Info") -> dict[str, Any]:
    entry, found, stored = info.entry, info.type, info.stored
    return {
        "path": display(info.path),
        "kind": entry.kind.name.lower(),
        "size": entry.size,
        "files": entry.files,
        "digest": entry.digest.hex(),
        "type": found and found.kind,
        "description": found and found.description,
        "width": found and found.width,
        "height": found and found.height,
        "model": info.model and _model_document(info.model),
        "target": None if info.target is None else display(info.target),
        "chunks": stored and stored.chunks,
        "stored": stored and stored.size,
        "codecs": stored and stored.codecs,
    }


def _model_document(facts: "ModelFacts") -> dict[str, Any]:
    """Return the sum of what a model file holds; `tether model show` has all of it."""
    return {
        "format": facts.format,
        "tensors": len(facts.tensors),
        "parameters": facts.parameters,
        "types": facts.types,
        "safe": facts.safe,
        "warnings": [each._asdict() for each in facts.warnings],
    }


def _model_rows(facts: "ModelFacts") -> Iterator[tuple[str, str]]:
    types = f", {' '.join(facts.types)}" if facts.types else ""
    yield (
        "model",
        f"{facts.format}, {count_text(len(facts.tensors), 'tensor')}, {facts.parameters:,} parameters{types}",
    )
    yield from (("warning", printable(each.text)) for each in facts.warnings)


def _lines(found: "list[Info]") -> Iterator[str]:
    for at, info in enumerate(found):
        if at:
            yield ""
        yield display(info.path) or "the whole tree"
        for name, value in _rows(info):
            yield f"  {name:<11}{value}"


def _rows(info: "Info") -> Iterator[tuple[str, str]]:
    entry, stored = info.entry, info.stored
    yield "kind", entry.kind.name.lower()
    if info.type is not None:
        yield "type", info.type.description
    if info.type is not None and info.type.width is not None:
        yield "dimensions", f"{info.type.width} x {info.type.height}"
    if info.model is not None:
        yield from _model_rows(info.model)
    if info.target is not None:
        yield "target", display(info.target)
    yield "size", size_text(entry.size) + (f" ({entry.size:,} bytes)" if entry.size >= 1000 else "")
    if entry.files != 1:
        yield "files", f"{entry.files:,}"
    yield "digest", entry.digest.hex()
    if stored is not None:
        codecs = ", ".join(f"{number} {name}" for name, number in sorted(stored.codecs.items()))
        yield (
            "stored",
            f"{size_text(stored.size)} in {count_text(stored.chunks, 'chunk')} ({codecs})".replace(" ()", ""),
        )
    elif info.type is not None:
        yield "stored", "not in the repository"
