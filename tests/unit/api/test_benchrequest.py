"""What a caller in Python says of a bench becomes the request of the command."""

from pathlib import Path

import pytest

from tether.api.benching import BenchRequest, default_threads
from tether.api.benchrequest import BenchChoices, chosen
from tether.bench.inputs import Roles
from tether.bench.settings import Settings
from tether.errors import InvalidInput


def test_what_is_left_out_is_as_for_the_command() -> None:
    """Settings, roles and providers are those that a request has by itself; no data is random numbers."""
    request = chosen(Path("net.onnx"), None, {})
    usual = BenchRequest("net.onnx", request.folder, request.environ)
    assert (request.model, request.data, request.folder) == ("net.onnx", None, Path.cwd())
    assert request.settings == Settings(threads=default_threads())
    assert (request.roles, request.providers, request.trust) == (usual.roles, usual.providers, False)
    assert request.words == ("tether", "bench", "net.onnx", "--random")


def test_every_choice_has_its_place() -> None:
    """None is lost: each differs from what it is by itself, and comes out where it belongs."""
    choices: BenchChoices = {
        "command": ["a", "b"], "label": "l", "id": "i", "slices": ["s"], "columns": ["x", "y"],
        "sizes": {"n": [2, 3]}, "scenarios": ["single"], "batches": [4], "queries": 5, "seconds": 6.0,
        "limit_s": 7.0, "warmup": 8, "rounds": 9, "rate": 10.0, "threads": 11, "sample": 12, "seed": 13,
        "timeout_s": 14.0, "trust": True, "providers": ["P"], "name": "first",
    }  # fmt: skip
    assert choices.keys() == BenchChoices.__annotations__.keys()
    request = chosen("m", "v1:d", choices)
    assert request.settings == Settings(("single",), (4,), 5, 6.0, 7.0, 8, 9, 10.0, 11, 12, 13, 14.0)
    assert request.roles == Roles("i", "l", ("s",), ("x", "y"))
    assert (request.command, request.sizes, request.data) == (("a", "b"), {"n": (2, 3)}, "v1:d")
    assert (request.trust, request.providers, request.name) == (True, ("P",), "first")
    assert request.words == ("tether", "bench", "m", "--data", "v1:d", "--", "a", "b")


@pytest.mark.parametrize("choices", [{"query": 5}, {"scenarios": ["sinlge"]}])
def test_what_there_is_not_is_refused(choices: BenchChoices) -> None:
    """A misspelt choice would otherwise measure something else without a word."""
    with pytest.raises(InvalidInput):
        chosen("m", None, choices)
