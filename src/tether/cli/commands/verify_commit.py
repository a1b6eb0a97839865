"""`tether verify-commit`: check the signature of a commit."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import short_id

_BAD = 7
_UNKNOWN = 6


@click.command()
@click.argument("rev", required=False, default="HEAD")
@pass_context
def command(ctx: Context, rev: str) -> None:
    """Check the signature of a commit.

    Keys that may sign, and for which address, are listed in the file of the setting signing.allowed, in
    the format of allowed_signers of OpenSSH. Exits with 0 for a good signature, 3 for none, 6 when
    nobody vouches for the key, 7 when the signature does not fit.
    """
    from tether.api.signing import Verdict
    from tether.api.verifying import verify_commit

    found = verify_commit(ctx.repo(), rev)
    verdict, detail = found.verification
    email = found.commit.committer.email
    document = {
        "id": found.id.hex(),
        "ok": verdict == Verdict.GOOD,
        "verdict": str(verdict),
        "signer": email,
        "detail": detail,
    }
    said = {
        Verdict.GOOD: f"good signature of {email}",
        Verdict.UNKNOWN: f"a signature that fits, by a key that nobody vouches for as {email}",
        Verdict.BAD: "a signature that does not fit",
    }
    ctx.emit(document, lambda: [f"{short_id(found.id)}: {said[verdict]}", f"    {detail}"])
    if verdict != Verdict.GOOD:
        ctx.exit(_UNKNOWN if verdict == Verdict.UNKNOWN else _BAD)
