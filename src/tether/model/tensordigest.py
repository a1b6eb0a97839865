"""Digests of tensors and of all tensors of a model; docs/format/tensor-digest.md describes them.

The same numbers have the same digest in whatever format, file and order they are stored.
"""

from collections.abc import Mapping

from blake3 import blake3

from tether.core.codec import encode
from tether.core.digest import Digest, derive
from tether.errors import Unsupported
from tether.model.facts import ModelFacts, Tensor
from tether.model.source import Source
from tether.model.values import Siblings, blocks, none_beside

TENSOR = "tether 2026 tensor v1"
WEIGHTS = "tether 2026 weights v1"


def tensor_digest(source: Source, tensor: Tensor, beside: Siblings = none_beside) -> Digest:
    """Return the digest of a tensor: of its type, its shape and its bytes; all of it is read.

    Raises:
        Unsupported: Its bytes are not to be had.
        InvalidInput: The file is damaged.
    """
    hasher = blake3(encode([tensor.dtype, list(tensor.shape)]), derive_key_context=TENSOR)
    for block in blocks(source, tensor, beside):
        hasher.update(block)
    return Digest(hasher.digest())


def tensor_digests(source: Source, facts: ModelFacts, beside: Siblings = none_beside) -> dict[str, Digest]:
    """Return the digest of each tensor that can be read, by name; the whole file is read."""
    found: dict[str, Digest] = {}
    for tensor in facts.tensors:
        try:
            found[tensor.name] = tensor_digest(source, tensor, beside)
        except Unsupported:
            continue
    return found


def weights_digest(digests: Mapping[str, Digest]) -> Digest:
    """Return the digest of a set of named tensors, whatever their order."""
    rows = sorted((name.encode(), digest) for name, digest in digests.items())
    return derive(WEIGHTS, encode([[name.decode(), digest] for name, digest in rows]))
