"""A hub answers as its OpenAPI says, whoever asks for whatever the description allows or forbids."""

import re
from collections.abc import Iterator

import pytest
from tests.support.described import Described

EXAMPLES = 3


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    """Return a hub that runs, with a description of every operation."""
    made = Described(tmp_path_factory.mktemp("described"))
    yield made
    made.close()


def test_every_operation_is_as_described(described: Described) -> None:
    """Statuses, types and documents of all replies are in the description, and the hub never fails."""
    assert len(described.operations) > 50
    for label in described.operations:
        described.try_all(label, EXAMPLES)


def test_bodies_are_described(described: Described) -> None:
    """What changes something or asks by digests has its body in the description, also a binary one."""
    without = {
        label
        for label, operation in described.operations.items()
        if label.startswith(("POST", "PUT", "PATCH")) and not list(operation.body)
    }
    assert without == {
        "POST /api/v1/invitations",
        "POST /api/v1/organisations/{organisation}/webhooks/{webhook}/deliveries/{delivery}/redeliver",
        "POST /api/v1/organisations/{organisation}/webhooks/{webhook}/ping",
        "POST /api/v1/repos/{owner}/{name}/webhooks/{webhook}/deliveries/{delivery}/redeliver",
        "POST /api/v1/repos/{owner}/{name}/transfer/packs/{pack}/places/{place}",
        "POST /api/v1/repos/{owner}/{name}/webhooks/{webhook}/ping",
        "POST /api/v1/repos/{owner}/{name}/workspaces/{workspace}/update",
        "PUT /api/v1/repos/{owner}/{name}/workspaces/{workspace}/members/{user}",
        "POST /api/v1/repos/{owner}/{name}/restore",
        "PUT /api/v1/organisations/{name}/teams/{team}/members/{user}",
    }


def test_names_and_passwords_are_described(described: Described) -> None:
    """What is refused of a new name or password for its form alone can be read beforehand."""
    models = described.document["components"]["schemas"]
    for model in ("SignUp", "NewOrganisation", "NewRepository", "NewTeam"):
        name = models[model]["properties"]["name"]
        assert re.search(name["pattern"], "photos-2.1")
        assert not re.search(name["pattern"], "no name")
        assert name["maxLength"] == 80
    for model, field in (("SignUp", "password"), ("NewPassword", "new")):
        assert models[model]["properties"][field]["minLength"] == 8


def test_it_is_described_who_needs_a_token(described: Described) -> None:
    """What everybody may read needs none, also in the description; what changes something does."""
    security = {
        f"{method.upper()} {path}": operation["security"]
        for path, methods in described.document["paths"].items()
        for method, operation in methods.items()
    }
    assert all({"HTTPBearer": []} in each for each in security.values())
    free = {label for label, each in security.items() if {} in each}
    assert {"POST /api/v1/login", "GET /api/v1/repos", "GET /api/v1/repos/{owner}/{name}"} <= free
    assert not [label for label in free if label.startswith(("PUT", "PATCH", "DELETE"))]
