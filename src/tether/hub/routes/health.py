"""Whether the hub lives and can work."""

from fastapi import APIRouter

from tether.hub.routes.dependencies import TheHub

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(hub: TheHub) -> dict[str, str]:
    """Answer while requests can be served: the database does, and uploads can be written."""
    hub.require_ready()
    return {"status": "ok"}
