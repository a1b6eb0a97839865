"""Columns of lines beside a log."""

from tether.core.lanes import Lanes, Step


def test_a_side_line_opens_and_joins() -> None:
    """A merge opens a column to the right, and the two lines meet in the left one."""
    lanes = Lanes[str]()

    assert lanes.step("merge", ["main", "side"]) == Step(0, False, [], [(0, 0), (0, 1)])
    assert lanes.columns == ["main", "side"]
    assert lanes.step("main", ["base"]) == Step(0, True, [0, 1], [(1, 1), (0, 0)])
    assert lanes.step("side", ["base"]) == Step(1, True, [0, 1], [(0, 0), (1, 0)])
    assert lanes.step("base", []) == Step(0, True, [0], [])
    assert lanes.columns == []


def test_a_page_goes_on_with_the_columns_of_the_one_before() -> None:
    """What is drawn behind a break is what would have been drawn without one."""
    commits = {"merge": ["main", "side"], "main": ["base"], "side": ["base"], "base": list[str]()}
    whole, first = Lanes[str](), Lanes[str]()
    steps = [whole.step(commit, parents) for commit, parents in commits.items()]
    for commit in ("merge", "main"):
        first.step(commit, commits[commit])

    second = Lanes(first.columns)

    assert [second.step(commit, commits[commit]) for commit in ("side", "base")] == steps[2:]


def test_a_line_that_ends_lets_those_to_the_right_move_over() -> None:
    """The columns right of a root are one further left on the next row."""
    lanes = Lanes(["root", "other"])

    assert lanes.step("root", []) == Step(0, True, [0, 1], [(1, 0)])
