"""Graphs of what came from what, and their drawings."""

import xml.etree.ElementTree as ET
from itertools import pairwise

from tether.releases.drawing import draw
from tether.releases.graph import Graph, Node, around, document_of, mermaid_of

SVG = "{http://www.w3.org/2000/svg}"


def made() -> Graph:
    """Return data, a run, a model and a release in a row, and another run beside them."""
    graph = Graph()
    data = graph.add(Node("data:1", "data", "train", {"digest": "1", "files": 2, "bytes": 3}))
    run = graph.add(Node("run:1", "run", "base", {"status": "finished"}))
    other = graph.add(Node("run:2", "run", 'x"<&>\n', {"here": False}))
    model = graph.add(
        Node("model:1", "model", "weights.bin", {"digest": "2", "tensor_digest": None, "bytes": 1})
    )
    release = graph.add(Node("release:a@1", "release", "a@1", {"release": "3"}))
    for source, target, relation in (
        (data, run, "read"), (data, other, "read"), (run, model, "made"), (model, release, "in"),
        (run, run, "made"),
    ):  # fmt: skip
        graph.join(source, target, relation)
    return graph


def test_what_is_around_something() -> None:
    """Up to what it came from, down to what came from it; nothing beside it."""
    graph = made()

    assert set(around(graph, ["run:1"], ("up",)).nodes) == {"data:1", "run:1"}
    assert set(around(graph, ["run:1"], ("down",)).nodes) == {"run:1", "model:1", "release:a@1"}
    both = document_of(around(graph, ["model:1"], ("up", "down")))
    assert [node["id"] for node in both["nodes"]] == ["data:1", "run:1", "model:1", "release:a@1"]
    assert {"from": "run:1", "to": "model:1", "relation": "made"} in both["edges"]


def test_a_circle_that_somebody_pushed_ends() -> None:
    """Records of others can say anything."""
    graph = made()
    graph.join("release:a@1", "data:1", "has")

    assert len(around(graph, ["run:1"], ("up", "down")).nodes) == 5
    assert draw(graph, ["run:1"]).count("<g>") == 5


def test_a_drawing_is_sound_and_the_same_again() -> None:
    """It is XML, has a title and a description, and every box lies right of what it came from."""
    text = draw(made(), ["run:1"])
    top = ET.fromstring(text)

    assert text == draw(made(), ["run:1"])
    assert top.find(f"{SVG}title") is not None
    description = top.findtext(f"{SVG}desc") or ""
    assert description.startswith("1 data, 2 runs, 1 model, 1 release. data train -> read -> run base.")
    boxes = {
        str(group.findtext(f"{SVG}title")).split()[0]: group.find(f"{SVG}rect")
        for group in top.iter(f"{SVG}g")
    }
    across = [
        float(box.get("x", ""))
        for kind in ("data", "run", "model", "release")
        if (box := boxes[kind]) is not None
    ]
    assert across == sorted(across)
    assert len(set(across)) == 4


def test_what_lines_mean_is_written_where_no_other_line_ends() -> None:
    """Of several things that lead to one, each line keeps its word; at their end the last would hide all."""
    graph = Graph()
    release = graph.add(Node("release:a@1", "release", "a@1"))
    for number, relation in enumerate(("train", "test", "evaluation", "in")):
        graph.join(graph.add(Node(f"data:{number}", "data", str(number))), release, relation)

    labels = [
        (float(each.get("x", "")), float(each.get("y", "")))
        for each in ET.fromstring(draw(graph, ["release:a@1"])).iter(f"{SVG}text")
        if each.text in ("train", "test", "evaluation", "in") and each.get("text-anchor") == "middle"
    ]

    heights = sorted(y for _, y in labels)
    assert len(heights) == 4
    assert min(above - below for below, above in pairwise(heights)) >= 10


def test_very_many_things_are_not_all_drawn() -> None:
    """Those nearest to what was asked for are, and it says how many are not."""
    graph = made()
    for number in range(500):
        graph.join("data:1", graph.add(Node(f"run:x{number}", "run", str(number))), "read")

    text = draw(graph, ["run:1"])

    assert text.count("<g>") == 200
    assert "305 more are not drawn" in text
    assert "weights.bin" in text


def test_mermaid_has_no_text_that_could_end_a_label() -> None:
    """Names of others are escaped."""
    lines = mermaid_of(made()).splitlines()

    assert lines[0] == "flowchart LR"
    assert '  n2("run x#quot;#lt;#amp;#gt;?")' in lines
    assert '  n1 -->|"made"| n3' in lines
