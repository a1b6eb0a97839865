"""The page about tensor digests says what is computed."""

import re

import numpy as np
from blake3 import blake3
from safetensors.numpy import save
from tests.support.pages import hex_blocks, page

from tether.model.dtypes import LAYOUTS
from tether.model.reading import read_facts
from tether.model.source import BytesSource
from tether.model.tensordigest import TENSOR, WEIGHTS, tensor_digests, weights_digest


def test_the_example() -> None:
    """The bytes on the page have the digests on the page, and so does a file with that tensor."""
    tensor, weights = hex_blocks("tensor-digest")
    of_tensor, of_weights = re.findall(r"`([0-9a-f]{64})`", page("tensor-digest"))
    source = BytesSource(save({"w": np.array([[1, -2], [0.5, 0]], "<f4")}))

    digests = tensor_digests(source, read_facts(source))

    assert blake3(tensor, derive_key_context=TENSOR).hexdigest() == of_tensor == digests["w"].hex()
    assert (
        blake3(weights, derive_key_context=WEIGHTS).hexdigest() == of_weights == weights_digest(digests).hex()
    )


def test_every_type_is_on_the_page() -> None:
    """The tables list the types with what their elements take."""
    text = page("tensor-digest")
    listed = dict.fromkeys(re.findall(r"`(U4|I4|F4)`", text), (2, 1))
    for size, names in re.findall(r"^\| (\d+) \| ((?:`\w+` ?)+)\|$", text, re.M):
        listed |= dict.fromkeys(re.findall(r"`(\w+)`", names), (1, int(size)))
    for name, elements, size in re.findall(r"`(\w+)` \| (\d+) \| (\d+) ", text):
        listed[name] = (int(elements), int(size))

    assert listed == LAYOUTS
