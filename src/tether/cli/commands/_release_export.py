"""`tether release export`: a release in the forms that other programs read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.format import count_text, size_text
from tether.cli.options import with_options
from tether.cli.style import is_terminal
from tether.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tether.api.exporting import Exported
    from tether.releases.findings import Verification

_TEXTS = ("model-card", "data-card", "croissant", "cyclonedx", "slsa", "model-signing", "mof")
_ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip")
_FORMS = (*_TEXTS, "folder", "tar", "tar.gz", "zip")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    release: str
    form: str
    output: str | None
    key: str | None
    url: str | None
    remote: str | None


@click.command("export")
@click.argument("release", metavar="NAME@VERSION")
@click.option("--as", "form", required=True, type=click.Choice(_FORMS), help="What to write.")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE | FOLDER", help="Write there, not to the output."
)
@click.option("--key", type=click.Path(dir_okay=False), metavar="FILE", help="Sign with this private key.")
@click.option("--url", metavar="URL", help="Where the files of the release are got, for croissant.")
@click.option("--remote", metavar="NAME", help="Let them be got from this hub, by the commit of the release.")
@with_options(Options)
def export(ctx: Context, options: Options) -> None:
    """Write a release in a form that other programs read.

    model-card and data-card are Markdown, drafted from facts; croissant describes the data; cyclonedx is a
    bill of materials; slsa says how the weights were made, signed where an Ed25519 key is given;
    model-signing is a signature of OpenSSF Model Signing by a key on P-256, P-384 or P-521; mof is a file
    of the Model Openness Tool.

    folder, tar, tar.gz and zip hold the whole release with all of these beside it; 'tether release verify'
    takes them too. With --key they are signed in the format of Model Signing. What nobody said is left out
    of all forms, and listed.
    """
    from tether.api.exporting import address_on, export_text, export_to
    from tether.releases.exports.forms import ExportOptions
    from tether.releases.reading import find_release

    repo = ctx.repo()
    found = find_release(repo.repository, options.release)
    url = address_on(repo, options.remote, found.commit) if options.remote is not None else options.url
    settings = ExportOptions(Path(options.key) if options.key is not None else None, url)
    if options.output is not None:
        made = export_to(repo, found, options.form, Path(options.output), settings)
    elif options.form not in _TEXTS:
        raise InvalidInput(f"a {options.form} is no text", hint="name a file or folder with -o")
    else:
        made = export_text(repo, found, options.form, settings)
        if not ctx.json:
            ctx.bytes_out.write(made.text or b"")
            _tell_missing(ctx, made.missing)
            return
    _emit(ctx, found.label, options, made)


def _emit(ctx: Context, label: str, options: Options, made: "Exported") -> None:
    document = {
        "release": label,
        "form": options.form,
        "path": options.output,
        "files": made.files,
        "bytes": made.bytes,
        "missing": list(made.missing),
    }
    if options.output is None and made.text is not None:
        document["text"] = made.text.decode()

    def lines() -> Iterator[str]:
        yield f"wrote {count_text(made.files, 'file')}, {size_text(made.bytes)}, to {options.output}"

    ctx.emit(document, lines, essential=False)
    _tell_missing(ctx, made.missing)


def _tell_missing(ctx: Context, missing: tuple[str, ...]) -> None:
    if missing and (ctx.verbose or is_terminal(ctx.err)):
        ctx.note(f"not said: {', '.join(missing)}")


def _no_place(text: str, place: Path) -> None:
    """Say why there is no release at a place of the disk; a name of one neither begins nor ends like that."""
    hint = "name a folder or an archive that 'tether release export' wrote, or a release as NAME@VERSION"
    if not place.exists():
        raise NotFound(f"no such file or folder: {text}", hint=hint)
    raise NotFound(f"no release in {text}: it has no release.json", hint=hint)


def verified(ctx: Context, text: str, highest: str) -> "Verification | None":
    """Verify a folder or an archive; None where a text names neither.

    `NAME@VERSION` is a release also where there is such a folder; `./NAME@VERSION` is the folder.
    """
    place = ctx.cwd / text
    if "@" in text and "/" not in text and not text.endswith(_ENDINGS):
        return None
    if not place.is_file() and not (place / "release.json").is_file():
        if text.startswith(("/", ".")) or text.endswith(_ENDINGS):
            _no_place(text, place)
        return None
    from tether.api.exporting import verify_exported
    from tether.api.releasechecks import checks
    from tether.releases.keys import load_allowed

    allowed = ctx.config().get("signing.allowed")
    signers = load_allowed(Path(allowed).expanduser()) if allowed else []
    return verify_exported(place, ctx.now, signers, checks(ctx.environ, highest), ctx.progress())
