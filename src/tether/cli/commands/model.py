"""`tether model`: look into model files without loading them."""

from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.revisions import place_text
from tether.errors import NotFound

if TYPE_CHECKING:
    from tether.api.models import Model

_DIFFERENT = 1


@click.group()
def command() -> None:
    """Look into model files: their tensors, how two of them differ, and what loading one would run.

    safetensors, ONNX, GGUF, PyTorch, pickle, joblib, skops, Keras, HDF5, npy and npz are read. Nothing in a
    file is run. A file is a path, REV:PATH, a run that kept one model, or a release NAME@VERSION.
    """


@command.command()
@click.argument("places", nargs=-1, required=True, metavar="MODEL...")
@click.option("--digests", is_flag=True, help="Compute the digest of each tensor; reads the whole file.")
@click.option("--short", is_flag=True, help="Leave out the list of tensors.")
@pass_context
def show(ctx: Context, places: tuple[str, ...], digests: bool, short: bool) -> None:
    """Show format, parameters, tensors, metadata and warnings of model files.

    Only the header of a file is read. What loading a pickle would call is listed, and what is dangerous in it
    is a warning.
    """
    from tether.cli.render_model import facts_lines

    shown: list[tuple[str, dict[str, Any]]] = []
    for place in places:
        with _opened(ctx, place) as model:
            shown.append((place, _document(model, digests=digests, short=short)))
    documents = [{"path": place, **document} for place, document in shown]
    ctx.emit(
        documents[0] if len(documents) == 1 else documents,
        lambda: facts_lines(ctx.style, documents),
        page=True,
    )


@command.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--short", is_flag=True, help="Layers only, without the list of tensors.")
@click.option("--exit-code", is_flag=True, help="End with 1 where something differs.")
@pass_context
def diff(ctx: Context, old: str, new: str, short: bool, exit_code: bool) -> None:
    """Compare two model files tensor by tensor, also of different formats.

    Shows which tensors were added, removed, renamed and changed, and how far: the length of the difference
    relative to the old numbers, the largest difference, which share of the numbers differs, and the cosine.
    """
    from tether.cli.render_model import diff_lines
    from tether.model.compare import diff_document

    with _opened(ctx, old) as before, _opened(ctx, new) as after:
        found = before.diff(after, ctx.progress())
    document = diff_document(found)
    ctx.emit(document, lambda: diff_lines(ctx.style, document, short=short), page=True)
    if exit_code and not found.is_empty:
        ctx.exit(_DIFFERENT)


def _opened(ctx: Context, place: str) -> "Model":
    """Return what one argument names; a name with a colon that is a file here is that file."""
    from tether.api.models import Model

    if (ctx.cwd / place).is_file():
        return Model.open(ctx.cwd / place)
    from tether.api.modelnames import model_place, unknown_model
    from tether.repo.revision import split_place

    try:
        repo = ctx.repo()
    except NotFound:
        if ":" in place:
            raise
        raise unknown_model(place) from None
    found = model_place(repo, place_text(ctx, place), ctx.cwd)
    if ":" not in found:
        return Model.open(ctx.cwd / found)
    rev, path = split_place(found)
    return repo.at(rev).model(path)


def _document(model: "Model", *, digests: bool, short: bool) -> dict[str, Any]:
    from tether.model.facts import facts_document
    from tether.model.tensordigest import weights_digest

    found = model.digests() if digests else None
    texts = None if found is None else {name: each.hex() for name, each in found.items()}
    document = facts_document(model.facts, texts)
    if found is not None:
        whole = len(found) == len(model.facts.tensors)
        document["digest"] = weights_digest(found).hex() if whole else None
    return {**document, "tensors": [], "left_out": len(document["tensors"])} if short else document
