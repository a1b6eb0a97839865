"""The plumbing of `python -m benchmarks.inference`; its figures are for a quiet machine."""

import argparse

import pytest
from benchmarks import inference
from tests.support import nets


def test_three_ways_measure_one_model() -> None:
    """Each way answers as many queries as were asked for, and the medians are put beside each other."""
    pytest.importorskip("onnxruntime")
    options = argparse.Namespace(rounds=1, queries=4, threads=1)

    found = inference.compare(nets.mlp([8, 16, 3]), options)

    assert found["queries"] == {"tether": 4, "loop": 4, "profile": 4}
    assert all(found[way] > 0 for way in found["queries"])
    assert found["apart"] >= 0
    assert "of the profile" in inference._line("tiny", found)
