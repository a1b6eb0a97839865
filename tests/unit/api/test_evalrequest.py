"""The command of an evaluation says all that its predictions depend on."""

from pathlib import Path

from tether.api.evalrequest import EvalRequest, words_of


def test_how_images_are_fed_is_said() -> None:
    """Size, mean and deviation stand in the command, so that predictions can be made again."""
    image = {"size": 8, "mean": [0.485, 0.5, 0.25], "std": None}
    told = words_of(EvalRequest("main:pets", Path(), {}, model="m.onnx", image=image))
    assert told == (
        *("tether", "eval", "m.onnx", "main:pets"),
        *("--image-size", "8", "--image-mean", "0.485,0.5,0.25"),
    )
