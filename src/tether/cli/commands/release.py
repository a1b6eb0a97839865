"""`tether release`: make, list, show, verify and sign releases."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.commands import _release_export
from tether.cli.context import Context, pass_context
from tether.cli.options import with_options
from tether.errors import InvalidInput, TetherError

if TYPE_CHECKING:
    from tether.api.releaserequest import ReleaseRequest

_DAMAGED = 7
_NOT_REACHED = 10


@click.group()
def command() -> None:
    """Make, list, show, verify and sign releases.

    A release is a model with all that made it, as one unit that never changes: weights, data, code,
    parameters, environment, run and evaluations. A RELEASE is NAME@VERSION, NAME for its newest version, or
    the beginning of an id. 'releases/NAME/VERSION' is a revision: 'tether ls -r' lists its files.
    """


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """What the user asked for."""

    release: str
    source: str | None
    run: str | None
    weights: tuple[str, ...]
    checkpoints: tuple[str, ...]
    data: tuple[str, ...]
    private: tuple[str, ...]
    code: tuple[str, ...]
    card: str | None
    documents: tuple[str, ...]
    lock: str | None
    evaluations: tuple[str, ...]
    benches: tuple[str, ...]
    profiles: tuple[str, ...]
    licences: tuple[str, ...]
    bases: tuple[str, ...]
    parameters: tuple[str, ...]
    tolerance: tuple[str, ...]
    description: str | None


def _several(option: str, name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(option, name, multiple=True, metavar=metavar, help=text)


@command.command()
@click.argument("release", metavar="NAME@VERSION")
@click.option("--from", "source", metavar="FILE", help="A TOML file with these options; see the guide.")
@click.option("--run", metavar="RUN", help="The training; data, code, parameters and more come from it.")
@_several("--weights", "weights", "PLACE", "Weights; otherwise the model files that the run made.")
@_several("--checkpoint", "checkpoints", "PLACE", "Weights from the time of the training, in its order.")
@_several("--data", "data", "ROLE=REV:PATH", "Data for train, validation, test or evaluation.")
@_several("--private", "private", "NAME", "Only name this data, by a role or a name: it is not included.")
@_several(
    "--code",
    "code",
    "ROLE=PLACE",
    "Code: architecture, training, inference, evaluation, preprocessing, libraries.",
)
@click.option("--card", metavar="PLACE", help="The model card.")
@_several(
    "--document",
    "documents",
    "ROLE=PLACE",
    "Others: data-card, technical-report, research-paper, licence, ...",
)
@click.option("--lock", metavar="PLACE", help="The exact packages; otherwise a lock file beside the code.")
@_several("--evaluation", "evaluations", "RUN", "An evaluation of the model.")
@_several("--bench", "benches", "RUN", "A bench of it.")
@_several(
    "--profile", "profiles", "ROLE[=PLACE]", "The profile of the data of a role; without PLACE, made now."
)
@_several("--licence", "licences", "[SCOPE=]SPDX", "Of all, of weights, code, data, documents, or of a path.")
@_several("--base", "bases", "RELEASE", "A release that it was made from.")
@_several("--param", "parameters", "NAME=VALUE", "A hyper-parameter that the run does not have.")
@_several("--tolerance", "tolerance", "METRIC=VALUE", "By how much a repeated training may differ.")
@click.option("-m", "--description", metavar="TEXT", help="A sentence or two.")
@with_options(CreateOptions)
def create(ctx: Context, options: CreateOptions) -> None:
    """Make a release; nothing that the repository has is stored again.

    A PLACE is an artefact of the run, REV:PATH, or a file or folder of the disk. What is not named comes from
    the run. It tells first how open the model is by the Model Openness Framework, and what is missing for
    the next class.
    """
    from tether.api.releases import create as make
    from tether.api.releases import release_document
    from tether.cli.render_release import created_lines

    release, notes = make(ctx.repo(), _request(ctx, options))
    for note in notes:
        ctx.warn(note)
    ctx.emit(release_document(release), lambda: created_lines(ctx, release), essential=False)


def _request(ctx: Context, options: CreateOptions) -> "ReleaseRequest":
    from tether.api.releasefile import read_file, request_of
    from tether.releases.manifest import parse_label
    from tether.runs.rundoc import read_scalar

    given: dict[str, Any] = {
        name: value
        for name in CreateOptions.__dataclass_fields__
        if name not in ("release", "source", "card") and (value := getattr(options, name)) not in ((), None)
    }
    if options.card is not None:
        given["documents"] = (*given.get("documents", ()), f"model-card={options.card}")
    given["licences"] = dict(_assigned(options.licences, "licence", default="release"))
    given["parameters"] = {
        name: read_scalar(value) for name, value in _assigned(options.parameters, "parameter")
    }
    given["tolerance"] = {name: _number(value) for name, value in _assigned(options.tolerance, "tolerance")}
    written = read_file(ctx.cwd / options.source) if options.source is not None else {}
    return request_of(parse_label(options.release), written, given, ctx.cwd, ctx.environ)


def _assigned(given: Iterable[str], what: str, default: str | None = None) -> "Iterable[tuple[str, str]]":
    for text in given:
        name, equals, value = text.partition("=")
        if not equals and default is not None:
            name, value = default, text
        if not name or not value:
            raise InvalidInput(f"not a {what}: {text}", hint="write NAME=VALUE")
        yield name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"not a number: {text}", hint="write it like --tolerance accuracy=0.005") from None


@command.command("list")
@pass_context
def list_(ctx: Context) -> None:
    """List releases by name, those of one name from the oldest on."""
    from tether.api.releases import list_releases, listed_document
    from tether.cli.render_release import release_table

    problems: list[TetherError] = []
    found = list_releases(ctx.repo(), problems)
    for problem in problems:
        ctx.warn(str(problem))
    documents = [listed_document(each) for each in found]
    ctx.emit(documents, lambda: release_table(ctx, documents), page=True)


@command.command()
@click.argument("release", metavar="RELEASE")
@pass_context
def show(ctx: Context, release: str) -> None:
    """Show how complete a RELEASE is, and then all that it is made of."""
    from tether.api.releases import release_document, show_release
    from tether.cli.render_release import release_lines

    found = show_release(ctx.repo(), release)
    ctx.emit(release_document(found), lambda: release_lines(ctx, found), page=True)


@command.command()
@click.argument("release", metavar="RELEASE | PLACE")
@click.option(
    "--level",
    type=click.Choice(["R0", "R1", "R2", "R3"]),
    help="End with 10 where this level is not reached.",
)
@click.option(
    "--to",
    "highest",
    type=click.Choice(["R0", "R1", "R2", "R3"]),
    default="R3",
    help="Try no level above this one.",
)
@click.option("--signed", is_flag=True, help="End with 10 where no allowed signer has signed it.")
@pass_context
def verify(ctx: Context, release: str, level: str | None, highest: str, signed: bool) -> None:
    """Verify a RELEASE, level by level, and tell how far it got.

    R0, sealed: every file is what the manifest says, and the manifest is what was signed. R1, complete: all
    that it takes to make the model again is named and here. R2: the metrics follow from the stored
    predictions. R3: the predictions follow from the weights. R4, reproduced, is what others attest after
    'tether repro', and is told. It ends with 7 where something is wrong. Whose
    signatures are trusted is in the file of the setting signing.allowed.

    A PLACE is a folder or an archive that 'tether release export' wrote; it needs no repository.
    """
    from tether.api.releases import reaches
    from tether.api.releases import verify as verify_it
    from tether.cli.render_release import verification_lines
    from tether.releases.findingdoc import verification_document

    done = _release_export.verified(ctx, release, highest)
    done = done or verify_it(ctx.repo(), release, ctx.environ, highest)
    ctx.emit(verification_document(done), lambda: verification_lines(ctx, done, highest))
    if not done.ok:
        ctx.exit(_DAMAGED)
    if (level is not None and not reaches(done, level)) or (signed and not done.signers):
        ctx.exit(_NOT_REACHED)


@command.command()
@click.argument("release", metavar="RELEASE")
@click.option(
    "--key", type=click.Path(), metavar="FILE", help="An Ed25519 key; otherwise that of signing.key."
)
@pass_context
def sign(ctx: Context, release: str, key: str | None) -> None:
    """Sign a RELEASE with an Ed25519 key of SSH, without a network.

    The signature is an in-toto statement in a DSSE envelope on a ref of its own, which travels with push,
    fetch and clone.
    """
    from tether.api.releases import show_release
    from tether.cli.render_release import signed_lines
    from tether.releases.findingdoc import attestation_document

    found = show_release(ctx.repo(), release)
    made = found.sign(Path(key) if key is not None else None)
    document = {"release": found.label, "release_id": found.id, **attestation_document(made)}
    ctx.emit(document, lambda: signed_lines(ctx, found, made), essential=False)


command.add_command(_release_export.export)
