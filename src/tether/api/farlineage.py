"""Lineage as a hub tells it, across the repositories there; nothing of the reply is believed but its form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

import msgspec

from tether.api.lineage import hashed
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.releases.graph import Direction, Graph, Node
from tether.storage.oserrors import translated
from tether.sync.address import HubAddress, parse_repository_address
from tether.sync.http import HttpClient
from tether.sync.hubend import repository_path

_T = TypeVar("_T")
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


@dataclass(frozen=True, slots=True)
class FarLineage:
    """What something came from, and what came from it, in the repositories of a hub.

    Attributes:
        starts: The ids of the nodes that were asked for.
        graph: These and what is reached from them.
        document: What the hub replied.
    """

    starts: tuple[str, ...]
    graph: Graph
    document: dict[str, Any]


class _Place(msgspec.Struct):
    repo: str | None
    commit: str | None
    path: str


class _Node(msgspec.Struct):
    """A node with those facts that something is done with."""

    id: str
    kind: Literal["data", "code", "run", "model", "release"]
    label: str
    name: str | None = None
    status: str | None = None
    verdict: str | None = None
    digest: str | None = None
    tensor_digest: str | None = None
    kind_of_file: str | None = None
    files: _Count = 0
    bytes: _Count = 0
    places: list[_Place] = []
    included: bool = True
    release: str | None = None
    repo: str | None = None
    repositories: list[str] = []
    here: bool = True


class _Edge(msgspec.Struct, rename={"source": "from", "target": "to"}):
    source: str
    target: str
    relation: str


class _Looked(msgspec.Struct):
    runs: _Count
    releases: _Count


class _Lineage(msgspec.Struct):
    starts: list[str]
    nodes: list[_Node]
    edges: list[_Edge]
    problems: list[str]
    complete: bool


class _Content(msgspec.Struct):
    digest: _Digest
    path: str


class _Use(msgspec.Struct):
    id: str
    count: _Count
    paths: list[str]
    repositories: list[str]


class _RunUse(_Use):
    name: str | None
    status: str
    undeclared: list[str]
    roles: list[str] = []
    may_have_read: bool = False


class _ReleaseUse(_Use):
    release: str
    by_run: bool
    roles: list[str] = []


class _OtherUsers(msgspec.Struct):
    runs: list[_RunUse]
    releases: list[_ReleaseUse]


class _Users(_OtherUsers, kw_only=True):
    contents: list[_Content]
    judged: _OtherUsers | None = None
    """What older hubs do not tell, as they tell no roles: there `runs` and `releases` are all that had it."""
    there: _OtherUsers | None = None
    further: list[_Node]
    looked_at: _Looked
    problems: list[str]
    complete: bool


def far_lineage(
    client: HttpClient, address: HubAddress, text: str, directions: Sequence[Direction]
) -> FarLineage:
    """Return the lineage of something in a repository on a hub, across all that may be read there.

    Args:
        client: Speaks to the hub.
        address: The repository.
        text: A run, a release, a revision, `REV:PATH`, or a digest.
        directions: `up`, `down`, or both.

    Raises:
        NotFound: There is no such thing.
        Corrupt: The hub replied something else.
    """
    way = directions[0] if len(directions) == 1 else "both"
    document = client.json("GET", f"{_path(address)}?direction={way}&of={quote(text, safe='')}")
    reply = _read(document, _Lineage)
    graph = Graph()
    for each in reply.nodes:
        facts = msgspec.to_builtins(each)
        graph.add(Node(facts.pop("id"), facts.pop("kind"), facts.pop("label"), facts))
    for edge in reply.edges:
        if not {edge.source, edge.target} <= graph.nodes.keys():
            raise Corrupt("the hub sent a lineage that does not hang together")
        graph.join(edge.source, edge.target, edge.relation)
    if not reply.starts or not set(reply.starts) <= graph.nodes.keys():
        raise Corrupt("the hub sent a lineage of nothing")
    return FarLineage(tuple(reply.starts), graph, document)


def far_users(client: HttpClient, address: HubAddress, text: str) -> dict[str, Any]:
    """Return which runs and releases on a hub were trained on a file, as `users_document` has it.

    Where the hub is older and does not tell those from others that had the file, `mixed` is true in it, and
    all of them stand where those that were trained do.

    Args:
        client: Speaks to the hub.
        address: The repository in which the file is looked for.
        text: `REV:PATH`, or a digest.

    Raises:
        NotFound: There is no such file.
        Corrupt: The hub replied something else.
    """
    document = client.json("GET", f"{_path(address)}?uses={quote(text, safe='')}")
    reply = _read(document, _Users)
    found: dict[str, Any] = {**document, "mixed": reply.judged is None or reply.there is None}
    for key in ("judged", "there"):
        if getattr(reply, key) is None:
            found[key] = {"runs": [], "releases": []}
    unknown = {"roles": [], "may_have_read": False}
    for users in (found, found["judged"], found["there"]):
        users |= {kind: [{**unknown, **use} for use in users[kind]] for kind in ("runs", "releases")}
    return found


def named_there(text: str, folder: Path) -> str:
    """Return what a user wrote as a hub can find it: of a file of the disk its digest."""
    place = folder / text
    if not place.is_file():
        return text
    with translated(text):
        return hashed(place).hex()


def remote_address(text: str, known: Mapping[str, str]) -> HubAddress:
    """Return the repository on a hub that the name of a remote, or an address, means.

    Raises:
        NotFound: There is no such remote.
        InvalidInput: It is not on a hub.
    """
    location = known.get(text, text)
    if "://" not in location:
        raise NotFound(
            f"no remote named {text}",
            hint="'tether remote list' lists them; or write https://HOST/OWNER/NAME",
        )
    if not location.startswith(("http://", "https://")):
        raise InvalidInput(
            f"{text} is not on a hub, and only hubs tell of lineage", hint="clone it, and ask there"
        )
    return parse_repository_address(location)


def _path(address: HubAddress) -> str:
    return f"{repository_path(address.owner, address.name)}/lineage"


def _read(document: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise Corrupt(
            f"the hub sent a lineage of an unknown form: {error}", hint="check the address"
        ) from None
