"""Whether the hub lives and can work, and the page at its address."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tether.hub.routes.dependencies import TheHub

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tether hub</title></head>
<body>
<h1>Tether hub</h1>
<p>Data and models under version control.</p>
<ul>
<li><code>tether login URL</code> signs in</li>
<li><code>tether clone URL/OWNER/NAME</code> copies a repository</li>
<li><a href="/api/v1/openapi.json">The HTTP interface</a></li>
</ul>
</body>
</html>
"""


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(hub: TheHub) -> dict[str, str]:
    """Answer while requests can be served: the database does."""
    hub.database.check()
    return {"status": "ok"}


@router.get("/", response_class=HTMLResponse)
def landing() -> str:
    """Say what this is."""
    return _PAGE
