"""What lies beside the tree of a release in a folder or archive."""

import hashlib

from tether.core.names import ATTESTATIONS
from tether.core.treeread import find
from tether.errors import Corrupt
from tether.releases.attesting import ENVELOPE, KEY
from tether.releases.exports.forms import SUMS, TEXTS, ExportOptions, make_text, signature
from tether.releases.exports.packing import digests_of, sums
from tether.releases.exports.released import Released
from tether.releases.statements import MAX_ENVELOPE
from tether.repo.history import History

FOLDER = "attestations"
_SIGNED = "model-signing"


def views_of(released: Released, options: ExportOptions) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files by path, and what they should say but nobody knows.

    With a key all other files are signed by it. The list of digests comes last and has all others.

    Raises:
        InvalidInput: The key does not fit.
        NotFound: A content or the key is not here.
        Corrupt: A part of the release is damaged.
    """
    views: dict[str, bytes] = {}
    missing: list[str] = []
    for form, name in TEXTS.items():
        if form == _SIGNED or (form == "slsa" and not released.manifest.weights):
            continue
        views[name], lacking = make_text(released, form, ExportOptions(url=options.url))
        missing += [f"{name}: {each}" for each in lacking]
    views |= _attestations(released)
    digests = digests_of(released, views)
    if options.key is not None:
        name = TEXTS[_SIGNED]
        views[name] = signature(released, digests, options.key, [name, SUMS])
        digests[name] = hashlib.sha256(views[name]).hexdigest()
    views[SUMS] = sums(digests)
    return views, tuple(missing)


def _attestations(released: Released) -> dict[str, bytes]:
    repository, manifest = released.repository, released.manifest
    prefix = f"{ATTESTATIONS}{manifest.name}/{manifest.version}/"
    history = History.of(repository)
    found: dict[str, bytes] = {}
    for ref, commit in sorted(repository.root().refs.items()):
        if not ref.startswith(prefix):
            continue
        tree = history.commit(commit).tree
        for own, ending in ((ENVELOPE, "json"), (KEY, "pub")):
            entry = find(repository.objects, tree, own)
            if entry is None or entry.size > MAX_ENVELOPE:
                raise Corrupt(f"attestation {ref.removeprefix(prefix)[:12]} of {manifest.label} is damaged")
            path = f"{FOLDER}/{ref.removeprefix(prefix)}.{ending}"
            found[path] = repository.contents.read(entry.digest)
    return found
