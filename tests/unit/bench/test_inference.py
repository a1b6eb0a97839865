"""The plumbing of `python -m benchmarks.inference`; its figures are for a quiet machine."""

import argparse

import pytest
from benchmarks import inference
from tests.support import nets


def test_each_way_measures_one_model() -> None:
    """Each way answers as many queries as were asked for, and the medians are put beside each other."""
    pytest.importorskip("onnxruntime")
    options = argparse.Namespace(rounds=1, queries=4, threads=1)

    found = inference.compare(nets.mlp([8, 16, 3]), options)

    assert found["queries"] == {"tether": 4, "loop": 4, "profile": 4, "profiled loop": 4}
    assert all(found[way] > 0 for way in found["queries"])
    three = [found[way] for way in ("tether", "loop", "profile")]
    assert found["apart"] == max(three) / min(three) - 1
    assert found["profile_costs"] == found["profiled loop"] / found["loop"] - 1
    assert "the profile costs the loop" in inference._line("tiny", found)
