"""Rows of real files become what a model takes."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from tether.bench.inputs import Examples, Roles, Wanted, arranged, random_examples, read_examples
from tether.bench.scoring import score, wilson
from tether.errors import InvalidInput, NotFound, Unsupported

ROWS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the same rows in each format."""
    a, b = np.arange(ROWS), np.arange(ROWS) / 2
    names = [f"row-{at}" for at in range(ROWS)]
    lines = [f"{names[at]},{a[at]},{b[at]},{at % 2}" for at in range(ROWS)]
    (tmp_path / "t.csv").write_text("\n".join(["name,a,b,label", *lines]) + "\n")
    table = pyarrow.table({"name": names, "a": a, "b": b, "label": a % 2})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", name=np.array(names), a=a, b=b, label=a % 2)
    return tmp_path


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz"])
def test_every_format_gives_the_same_rows(folder: Path, name: str) -> None:
    """A seed draws the same rows of the same data, with their ids and labels."""
    roles = Roles(id="name", label="label", columns=("a", "b"))

    found, again = (read_examples(folder / name, roles, 5, 17) for _ in range(2))

    assert found.ids == again.ids
    assert len(set(found.ids)) == 5
    assert found.ids != [f"row-{at}" for at in range(5)]
    assert found.total == ROWS
    rows = [int(text.removeprefix("row-")) for text in found.ids]
    assert found.columns["a"].tolist() == rows
    assert found.labels is not None
    assert found.labels.tolist() == [row % 2 for row in rows]
    x = arranged(found, [Wanted("x", "F32", ("n", 2))])["x"]
    assert x.dtype == np.float32
    assert x.tolist() == [[row, row / 2] for row in rows]


def test_lists_of_parquet_are_rows_of_arrays(tmp_path: Path) -> None:
    """A column of equally long lists is one array, and takes the shape of the input."""
    values = np.arange(24.0).reshape(4, 6)
    pyarrow.parquet.write_table(pyarrow.table({"image": values.tolist()}), tmp_path / "t.parquet")

    found = arranged(read_examples(tmp_path / "t.parquet", Roles(), 4, 1), [Wanted("x", "F32", (1, 1, 2, 3))])

    assert found["x"].shape == (4, 1, 2, 3)
    assert sorted(found["x"][:, 0, 0, 0].tolist()) == [0, 6, 12, 18]


def test_files_of_a_folder_are_rows(tmp_path: Path) -> None:
    """Their paths are the ids; a command reads them."""
    for name in ("a.txt", "b/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    assert sorted(read_examples(tmp_path, Roles(), 9, 1).ids) == ["a.txt", "b/c.txt"]


def test_what_does_not_fit_is_told(folder: Path) -> None:
    """Columns that are not there, formats that are not read, shapes and types that do not fit."""
    with pytest.raises(NotFound, match="no column nothing"):
        read_examples(folder / "t.csv", Roles(label="nothing"), 5, 1)
    (folder / "t.xls").write_bytes(b"")
    with pytest.raises(Unsupported):
        read_examples(folder / "t.xls", Roles(), 5, 1)
    (folder / "bad.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InvalidInput):
        read_examples(folder / "bad.npz", Roles(), 5, 1)
    rows = read_examples(folder / "t.csv", Roles(), 5, 1)
    with pytest.raises(InvalidInput, match="name has not one number") as refused:
        arranged(rows, [Wanted("x", "F32", ("n", 4))])
    assert (refused.value.hint or "").endswith(f"there are {', '.join(rows.columns)}")
    rows = read_examples(folder / "t.csv", Roles(columns=("a", "b")), 5, 1)
    with pytest.raises(InvalidInput, match="has the shape"):
        arranged(rows, [Wanted("x", "F32", ("n", 3))])
    with pytest.raises(InvalidInput, match="for the input y"):
        arranged(rows, [Wanted("a", "F32", ("n",)), Wanted("y", "F32", ("n",))])
    with pytest.raises(InvalidInput, match="takes str"):
        arranged(rows, [Wanted("a", "STRING", ("n",))])


def test_random_numbers_say_so() -> None:
    """They are drawn by the seed in the shapes of the model, and a note tells of it."""
    wanted = [Wanted("x", "F32", ("n", "length", 3)), Wanted("ids", "I64", ("n", 2))]
    first, second = (random_examples(wanted, {"length": (7,)}, 4, 1) for _ in range(2))

    assert first.columns["x"].shape == (4, 7, 3)
    assert first.columns["ids"].dtype == np.int64
    assert np.array_equal(first.columns["x"], second.columns["x"])
    assert first.notes == ["random numbers, no data"]
    with pytest.raises(InvalidInput, match="random texts"):
        random_examples([Wanted("x", "STRING", ("n",))], {}, 4, 1)
    open_sizes = [Wanted("x", "F32", (-1, 3, "?", "?"))]
    with pytest.raises(InvalidInput, match=r"3x\?x\?"):
        random_examples(open_sizes, {"x": (3, 5)}, 4, 1)
    assert random_examples(open_sizes, {"x": (3, 5, 6)}, 4, 1).columns["x"].shape == (4, 3, 5, 6)


def test_accuracy_of_scores_and_of_answers() -> None:
    """The largest of a row is a class; answers like labels are taken as they are; groups are told apart."""
    labels, groups = np.array([0, 1, 1, 0]), {"light": np.array(["day", "day", "night", "night"])}
    scores = {"y": np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])}

    found = score(labels, scores, groups)

    assert (found["metric"], found["score"], found["n"]) == ("accuracy", 0.75, 4)
    assert [(row["value"], row["score"]) for row in found["groups"]] == [("day", 1.0), ("night", 0.5)]
    answers = {"label": np.array([0, 1, 0, 0]), **scores}
    assert score(labels, answers, {})["output"] == "label"
    words = np.array(["spam", "ham"])
    assert score(words, {"prediction": np.array(["spam", "spam"])}, {})["score"] == 0.5
    assert score(words, scores, {})["metric"] is None
    assert found["ci"] == list(wilson(3, 4))


def test_errors_of_numbers() -> None:
    """Labels with fractions are compared by distance."""
    found = score(np.array([0.5, 1.5]), {"y": np.array([[1.0], [1.5]], np.float32)}, {})

    assert (found["metric"], found["score"]) == ("mae", 0.25)


def test_the_interval_of_a_share() -> None:
    """The example of the literature: 81 of 263 lie between 0.2553 and 0.3662 (Newcombe, 1998)."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 10)[0] == 0


def test_one_table_for_a_model_that_says_nothing() -> None:
    """Columns of numbers lie side by side; a single column is given as it is, also of texts."""
    table = Examples(["0"], {"a": np.array([1]), "b": np.array([2.5])})

    assert arranged(table, None)["x"].tolist() == [[1.0, 2.5]]
    assert arranged(Examples(["0"], {"text": np.array(["hello"])}), None)["x"].tolist() == ["hello"]
