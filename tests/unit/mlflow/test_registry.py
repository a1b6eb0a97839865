"""The registry follows from events."""

from tether.mlflow.document import Event
from tether.mlflow.registry import ALIAS, MODEL, MODEL_GONE, VERSION, VERSION_CHANGED, VERSION_GONE, replayed


def test_versions_that_two_people_registered_apart_are_both_there() -> None:
    """The later one gets the next number, and what was said of it goes with it."""
    events = [
        Event(1, MODEL, "cats"),
        Event(2, VERSION, "cats", 1, {"source": "ada", "run": "a"}),
        Event(3, VERSION, "cats", 1, {"source": "bob", "run": "b"}),
        Event(4, ALIAS, "cats", 1, {"source": "bob", "alias": "champion"}),
        Event(5, VERSION_CHANGED, "cats", 1, {"source": "ada", "tags": {"checked": "yes"}}),
    ]

    model = replayed(reversed(events))["cats"]

    assert {number: each.run for number, each in model.versions.items()} == {1: "a", 2: "b"}
    assert model.aliases == {"champion": 2}
    assert model.versions[1].tags == {"checked": "yes"}
    assert model.versions[2].tags == {}


def test_what_is_deleted_is_gone_with_its_aliases() -> None:
    """A version, and a model with all of them; it can be made again."""
    events = [
        Event(1, MODEL, "cats"),
        Event(2, VERSION, "cats", 1, {"source": "s"}),
        Event(3, ALIAS, "cats", 1, {"source": "s", "alias": "best"}),
        Event(4, VERSION_GONE, "cats", 1, {"source": "s"}),
        Event(5, MODEL, "dogs"),
        Event(6, MODEL_GONE, "dogs"),
    ]

    found = replayed(events)

    assert list(found) == ["cats"]
    assert (found["cats"].versions, found["cats"].aliases) == ({}, {})


def test_events_that_mean_nothing_are_passed_over() -> None:
    """Whoever may push can write any event."""
    events = [
        Event(1, "party", "cats"),
        Event(2, ALIAS, "nobody", 7, {"alias": "x"}),
        Event(3, MODEL, "cats", None, {"tags": 7, "description": ["x"], "user": {}}),
        Event(4, ALIAS, "cats", 9, {"alias": 3}),
        Event(5, VERSION_GONE, "cats", None),
    ]

    assert replayed(events)["cats"].tags == {}
