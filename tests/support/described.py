"""A hub in a process of its own, asked for everything that its OpenAPI describes.

By hand, for longer than a test: `python -m tests.support.described --examples 200`.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import schemathesis
import schemathesis.specs.openapi.checks as openapi
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from tests.support.cli import Room
from tests.support.repos import commit_files, make_repository
from tests.support.served import Served
from tests.support.tables import lay_tables

from tether.core.digest import parse_digest
from tether.errors import AlreadyExists
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.http import HttpClient
from tether.sync.hubend import HubEnd


def is_open(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """Fail where nobody is told more than the description allows to be told without a token."""
    asked = {name.lower() for name in response.request.headers}
    security = case.operation.definition.raw.get("security", [])
    assert response.status_code >= 300 or "authorization" in asked or {} in security, "a token is not needed"


CHECKS = [
    not_a_server_error,
    is_open,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
STRICT = [
    openapi.negative_data_rejection,
    openapi.positive_data_acceptance,
    openapi.unsupported_method,
    openapi.missing_required_header,
    openapi.ignored_auth,
]


PEOPLE = ("", "bob", "ada")
"""Nobody, a member of the organisation `lab`, and an administrator of the hub."""
_SETTINGS = {"SIGNUP": "open", "LOGIN_ATTEMPTS": "1000000", "REQUESTS_PER_S": "0", "LOG_REQUESTS": "false"}
_ROOT = ("--root", "hub")
_OTHERWISE = {
    "DELETE /api/v1/organisations/{name}/teams/{team}": {"name": "lab", "team": "spare"},
    "PATCH /api/v1/repos/": {"name": "spare"},
    "DELETE /api/v1/repos/{owner}/{name}/teams": {"team": "spare"},
    "POST /api/v1/repos/{owner}/{name}/restore": {"name": "spare"},
    "PATCH /api/v1/users/": {"name": "cleo"},
    **{f"{verb} /api/v1/organisations/": {"name": "lab"} for verb in ("GET", "POST", "PUT", "DELETE")},
    **{f"{verb} /api/v1/accounts/": {"name": "lab"} for verb in ("GET", "PATCH")},
    **{f"{verb} /api/v1/quotas/": {"owner": "cleo"} for verb in ("GET", "PUT")},
}
"""Values of single operations, by how they begin."""
_DELETES = "DELETE /api/v1/repos/{owner}/{name}"


class Described:
    """A hub with people, an organisation, and repositories, and what its OpenAPI says of it.

    Attributes:
        document: Its OpenAPI.
        operations: By method and path.
    """

    def __init__(self, folder: Path) -> None:
        self._room = Room(folder)
        self._room.environ |= {f"TETHER_HUB_{name}": value for name, value in _SETTINGS.items()}
        self._tokens = {"": ""} | {name: self._user(name) for name in ("ada", "bob", "cleo")}
        self._hub = Served(self._room)
        self._client = HttpClient(self._hub.url, self._tokens["ada"])
        self._fill(folder)
        schema = schemathesis.openapi.from_url(f"{self._hub.url}/api/v1/openapi.json")
        self.document: dict[str, Any] = schema.raw_schema
        found: list[Any] = [each.ok() for each in schema.get_all_operations()]  # type: ignore[union-attr]
        self.operations = {f"{each.method.upper()} {each.path}": each for each in found}

    def _user(self, name: str) -> str:
        lay_tables(self._room.work / "hub")
        more = ("--admin",) if name == "ada" else ()
        self._room.do("hub", "user", "add", "-q", name, *more, *_ROOT)
        return self._room.do("hub", "token", "create", name, "--scope", "admin", *_ROOT).strip()

    def _fill(self, folder: Path) -> None:
        self._ask("POST", "/organisations", {"name": "lab"})
        self._ask("POST", "/organisations/lab/teams", {"name": "data"})
        for user in ("bob", "cleo"):
            self._ask("PUT", f"/organisations/lab/members/{user}", {"role": "member"})
        self._ask("POST", "/repos", {"owner": "lab", "name": "x"})
        self._ask("PUT", "/repos/lab/x/collaborators/bob", {"role": "write"})
        local = make_repository(folder / "local")
        commit_files(local, {"f": b"contents"}, "one")
        push_far(local, HubEnd(self._client, "lab", "x"), "hub", PushOptions(("main",)))
        self._pack = local.root().data_packs[0].hex()
        self._head = commit_files(local, {"f": b"other\n"}, "two").hex()
        with local.transaction("side") as transaction:
            transaction.set_ref("refs/heads/side", parse_digest(self._head))
        push_far(local, HubEnd(self._client, "lab", "x"), "hub", PushOptions(("side",)))
        self._ask("POST", "/repos/lab/x/pulls", {"title": "two", "source": "side"})
        note = {"path": "f", "body": "well", "head": self._head}
        self._ask("POST", "/repos/lab/x/pulls/1/threads", note)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return self._client.json(method, f"/api/v1{path}", body)

    def known(self, label: str) -> dict[str, str]:
        """Return values for a path that lead to something, which is made again where it is gone.

        What deletes or moves meets something spare, so that the others go on finding what they need.
        """
        found = {"owner": "lab", "name": "x", "user": "cleo", "team": "data", "rule": "default-branch"}
        found |= {"number": "1", "entry": "1", "thread": "1", "commit": self._head, "check": "lint"}
        found |= {"rev": "main", "path": "f", "pack": self._pack}
        if label == _DELETES:
            found["name"] = "spare"
        found |= next((other for words, other in _OTHERWISE.items() if label.startswith(words)), {})
        if "spare" in found.values():
            for path, more in (("/repos", {"owner": "lab"}), ("/organisations/lab/teams", {})):
                with suppress(AlreadyExists):
                    self._ask("POST", path, {"name": "spare", **more})
        if "{token_id}" in label:
            found["token_id"] = self._ask("POST", "/tokens", {"scope": "read"})["about"]["id"]
        if "{lock}" in label:
            found["lock"] = self._ask("POST", "/repos/lab/x/locks", {"path": "f"})["id"]
        return found

    def try_all(
        self, label: str, examples: int, checks: Any = CHECKS, people: Sequence[str] = PEOPLE
    ) -> None:
        """Send requests for one operation, each by everybody; fail where a reply is not as described.

        Who may do least comes first, so that what a request takes away is there for all. To make up a request
        is most of the work, and is done once.
        """
        operation = self.operations[label]
        values = self.known(label)
        there = {name: value for name, value in values.items() if "{" + name + "}" in label}

        @given(st.data())
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def run(data: st.DataObject) -> None:
            mode = data.draw(st.sampled_from(list(GenerationMode)))
            given_values = data.draw(st.sampled_from([there, there, None]))
            case: Case[Any] = data.draw(operation.as_strategy(mode, path_parameters=given_values))
            for person in people:
                self._try(case, person, checks)

        run()

    def _try(self, case: Case[Any], person: str, checks: Any) -> None:
        headers = {"Authorization": f"Bearer {self._tokens[person]}"} if person else {}
        try:
            case.call_and_validate(checks=checks, headers=headers)
        except BaseException as error:
            error.add_note(f"asked by {person or 'nobody'}")
            raise

    def close(self) -> None:
        """Stop the hub."""
        self._client.close()
        self._hub.stop()


def main() -> None:
    """Try everything and print what is not as described."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--only", default="", help="operations that contain this")
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tether-described-") as folder:
        described = Described(Path(folder))
        for label in described.operations:
            if options.only not in label:
                continue
            for person in PEOPLE:
                try:
                    described.try_all(label, options.examples, STRICT if options.strict else CHECKS, [person])
                    print("ok", label, person or "nobody", flush=True)
                except BaseException as error:
                    print("FAILED", label, person, error, flush=True)
        described.close()


if __name__ == "__main__":
    main()
