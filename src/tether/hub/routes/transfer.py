"""Routes of transfers: thin shells around `tether.sync.serving`. Messages: docs/format/transfer.md."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from tether.core.digest import DIGEST_SIZE, Digest
from tether.errors import InvalidInput, TooLarge
from tether.hub import places, quotas, taking
from tether.hub.access import Role
from tether.hub.acting import Act
from tether.hub.guarding import PushGuard
from tether.hub.largebody import take_rooms
from tether.hub.presigning import LEAST, address_of
from tether.hub.routes.dependencies import OCTETS, OPEN, TAKES, Hosted, repository_for
from tether.hub.sentfile import FileReply, takes_files
from tether.pages.streaming import HeldStream
from tether.repo.stretches import LARGEST_START
from tether.sync.placewire import PLACES_HEADER, WantedPlace
from tether.sync.receiving import Receiver
from tether.sync.serving import Serving, Stream
from tether.sync.wire import (
    ADDRESS_TYPE,
    MAX_DIGESTS,
    MOST_DEPTH,
    PushRequest,
    encode_address,
    encode_shares,
    encode_verified,
    pack_bits,
    read_digests,
)

router = APIRouter(prefix="/repos/{owner}/{name}/transfer", tags=["transfer"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Writable = Annotated[Hosted, Depends(repository_for(Role.WRITE))]
Depth = Annotated[int | None, Query(ge=1, le=MOST_DEPTH)]
Start = Annotated[int | None, Query(ge=0, le=LARGEST_START)]
PackName = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
PlaceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]

_MAX_LIST = 2 * MAX_DIGESTS * DIGEST_SIZE
_MAX_PUSH = 32 << 20
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {OCTETS: {}}}}
_PACK: dict[int | str, dict[str, Any]] = {200: {"content": {OCTETS: {}, ADDRESS_TYPE: {}}}}
_PLACE: dict[int | str, dict[str, Any]] = {**_BYTES, 204: {"description": "Send it to the hub."}}


async def body_of(request: Request) -> bytes:
    """Return a body of bounded length."""
    return await _read(request, _MAX_LIST)


async def _read(request: Request, limit: int) -> bytes:
    data = bytearray()
    async for block in request.stream():
        data += block
        if len(data) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes")
    return bytes(data)


Body = Annotated[bytes, Depends(body_of)]


@router.get("/refs", response_class=Response, responses=_BYTES, openapi_extra=OPEN)
def refs(found: Readable) -> Response:
    """Name branches, tags and HEAD."""
    headers = {PLACES_HEADER: str(LEAST)} if places.are_given(found.hub, found.row) else {}
    with found.open() as repository:
        refs = found.serving(repository).refs()
        return Response(refs.encode(), headers=headers, media_type=OCTETS)


@router.post("/have", response_class=Response, responses=_BYTES, openapi_extra=OPEN | TAKES)
def have(found: Readable, body: Body) -> Response:
    """Say of each digest whether the repository has it, as bits."""
    digests = read_digests(body)
    with found.open() as repository:
        return Response(pack_bits(found.serving(repository).have(digests)), media_type=OCTETS)


@router.post("/commits", response_class=StreamingResponse, responses=_BYTES, openapi_extra=OPEN | TAKES)
def commits(found: Readable, body: Body, depth: Depth = None) -> StreamingResponse:
    """Send the commits and tags between what is wanted and what is there, or the newest so many."""
    count = int.from_bytes(body[:4], "little")
    digests = [Digest(body[at : at + DIGEST_SIZE]) for at in range(4, len(body), DIGEST_SIZE)]
    if len(body) < 4 or (len(body) - 4) % DIGEST_SIZE or count > len(digests):
        raise InvalidInput("not a list of wanted commits and known ones")
    return _streamed(found, lambda end: end.commits(digests[:count], digests[count:], depth))


@router.post("/objects", response_class=StreamingResponse, responses=_BYTES, openapi_extra=OPEN | TAKES)
def objects(found: Readable, body: Body) -> StreamingResponse:
    """Send objects as frames, as many as fit into one reply."""
    digests = read_digests(body)
    return _streamed(found, lambda end: end.objects(digests))


@router.post("/shares", response_class=Response, responses=_BYTES, openapi_extra=OPEN | TAKES)
def shares(found: Readable, body: Body) -> Response:
    """Say which packs of contents hold some chunks."""
    digests = read_digests(body)
    with found.open() as repository:
        return Response(encode_shares(found.serving(repository).shares(digests)), media_type=OCTETS)


@router.post("/verify", response_class=Response, responses=_BYTES, openapi_extra=OPEN | TAKES)
def verify(found: Readable, body: Body) -> Response:
    """Say of contents whether each is there whole, after reading every byte of it."""
    digests = read_digests(body)
    if not digests:
        raise InvalidInput("no contents to verify")
    with found.open() as repository:
        return Response(encode_verified(found.serving(repository).verify(digests)), media_type=OCTETS)


@router.get("/packs/{pack}/bytes", response_class=StreamingResponse, responses=_PACK, openapi_extra=OPEN)
def pack_bytes(
    request: Request, found: Readable, pack: PackName, accept: Annotated[str, Header(max_length=1000)] = ""
) -> Response:
    """Send a pack of contents whole, or tell who knows of that where else it is."""
    name = Digest(bytes.fromhex(pack))
    files = takes_files(request.scope)
    if files or ADDRESS_TYPE in accept:
        with found.open() as repository:
            end = found.serving(repository)
            size, _ = end.pack(name)
            file = end.pack_file(name) if files else None
        if file is not None:
            return FileReply(file, OCTETS)
        address = address_of(found.hub, found.row, name, size) if ADDRESS_TYPE in accept else None
        if address is not None:
            return Response(encode_address(address), media_type=ADDRESS_TYPE)
    return _streamed(found, lambda end: end.pack(name))


def _streamed(found: Hosted, answer: Callable[[Serving], Stream]) -> StreamingResponse:
    """Answer with a stream, for which the repository stays open; what is refused is refused before it."""
    with ExitStack() as stack:
        total, blocks = answer(found.serving(stack.enter_context(found.open())))
        headers = {"Content-Type": OCTETS, "Content-Length": str(total)}
        return HeldStream(blocks, stack.pop_all().close, 200, headers)


@router.post("/packs", response_class=Response, responses=_BYTES, openapi_extra=OPEN | TAKES)
def has_packs(found: Writable, body: Body) -> Response:
    """Say of each pack for a push to come whether it has arrived, as bits."""
    names = read_digests(body)
    with found.open() as repository:
        there = found.serving(repository).has_packs(names)
    if not all(there):  # who has no room left need not send them first
        with found.hub.database.session(reads_only=True) as session:
            quotas.require_room(session, found.hub, found.row.owner, 1)
    return Response(pack_bits(there), media_type=OCTETS)


@router.put("/packs/{pack}", status_code=204, openapi_extra=TAKES)
async def put_pack(found: Writable, pack: PackName, request: Request, start: Start = None) -> None:
    """Take a pack for a push to come, verified by frames; it may say where it starts in a file."""
    with found.hub.tracer.span("receive pack"), await run_in_threadpool(found.open) as repository:
        receive = found.serving(repository).receive
        receiver = await run_in_threadpool(receive, Digest(bytes.fromhex(pack)), start)
        with receiver:
            in_rooms = take_rooms(request.scope)
            async for piece in request.stream():
                if in_rooms:
                    await run_in_threadpool(receiver.take, piece)
                elif receiver.hold(piece):
                    await run_in_threadpool(receiver.work)
            await run_in_threadpool(_finish, found, receiver)


def _finish(found: Hosted, receiver: Receiver) -> None:
    with quotas.charging(found.hub, found.row, receiver.growth):
        receiver.finish()


@router.post("/packs/{pack}/places", response_class=Response, responses=_PLACE, openapi_extra=TAKES)
def give_place(found: Writable, pack: PackName, body: Body) -> Response:
    """Give a place elsewhere for a large pack, where there is one."""
    name, wanted = Digest(bytes.fromhex(pack)), WantedPlace.decode(body)
    place = places.give(found.hub, found.principal, found.row, name, wanted)
    if place is None:
        return Response(status_code=204)
    return Response(place.encode(), media_type=OCTETS)


@router.post("/packs/{pack}/places/{place}", status_code=204)
def take_over(found: Writable, pack: PackName, place: PlaceId) -> None:
    """Take the pack that was put at a place; each of its frames is verified."""
    taking.take_over(found.hub, found.principal, found.row, Digest(bytes.fromhex(pack)), place)


@router.post("/push", status_code=204, openapi_extra=TAKES)
async def push(found: Writable, request: Request) -> None:
    """End a push: move refs, all or none."""
    body = await _read(request, _MAX_PUSH)
    await run_in_threadpool(_push, found, PushRequest.decode(body))


def _push(found: Hosted, request: PushRequest) -> None:
    """Move the refs, and record it in the same transaction: a push that comes again is not recorded again.

    In this transaction it is made sure, too, that what the push was judged by holds still.
    """
    guard = PushGuard(found.hub, found.principal, found.row)

    def record(session: Session) -> None:
        guard.confirm(session)
        act = Act(found.hub, session, found.principal, found.hub.now())
        for move in request.moves:
            shown = {"old": move.old.hex() if move.old else None, "new": move.new.hex() if move.new else None}
            act.record("ref.move", f"{found.row.full_name} {move.name}", repository=found.row, **shown)

    with found.open(beside=record) as repository:
        found.serving(repository, guard).push(request, f"push by {found.principal.name}")
