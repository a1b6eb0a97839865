"""A page for one who may write: the repository opened, the branch and the path of the address."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from tether.core.digest import Digest, parse_digest
from tether.core.names import BRANCHES
from tether.core.tree import Entry
from tether.core.treeread import find
from tether.errors import InvalidInput, NotFound, TetherError
from tether.hub.access import Role, require
from tether.hub.atonce import why_refused
from tether.hub.pages.forms import Form
from tether.hub.pages.shelf import principal_in
from tether.hub.repositories import find as find_repository
from tether.hub.routes.dependencies import hub_of
from tether.hub.workspaces import Asking
from tether.pages.addresses import link, where_of
from tether.pages.shelf import Shown, shelf_of
from tether.repo.history import History


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page of changes is given.

    Attributes:
        request: That it answers.
        shown: The repository, opened.
        asking: Who writes, and where.
    """

    request: Request
    shown: Shown
    asking: Asking

    def page(self, word: str, rev: str, path: bytes = b"") -> str:
        """Return the address of a page of the repository."""
        return link(self.shown.base, word, rev, path)


@dataclass(frozen=True, slots=True)
class Spot(Asked):
    """A path of a branch that somebody wants to change.

    Attributes:
        branch: The branch of the address.
        path: The path of the address.
        tip: The commit of the branch; None in an empty repository.
        entry: What is at the path; None for nothing.
    """

    branch: str = ""
    path: bytes = b""
    tip: Digest | None = None
    entry: Entry | None = field(default=None)

    @property
    def there(self) -> Entry:
        """What is at the path.

        Raises:
            NotFound: Nothing is.
        """
        if self.entry is None:
            raise NotFound(f"no such file in {self.branch}")
        return self.entry

    @property
    def seen(self) -> str:
        """What the form says that the page was about; empty for nothing."""
        return "" if self.entry is None else self.entry.digest.hex()

    def refusal(self, path: bytes | None = None) -> TetherError | None:
        """Return why a path may not be changed on the branch itself; see `why_refused`."""
        return why_refused(self.asking, self.branch, self.path if path is None else path)


View = Callable[[Asked], Response]
FormView = Callable[[Asked, Form], Response]
SpotView = Callable[[Spot], Response]
SpotFormView = Callable[[Spot, Form], Response]


def of_role(view: View, role: Role = Role.READ) -> Callable[[Request], Response]:
    """Return an endpoint that opens the repository of the address for one who has a role there."""

    def endpoint(request: Request) -> Response:
        owner, name = request.path_params["owner"], request.path_params["name"]
        with shelf_of(request).open(owner, name) as shown:
            return view(Asked(request, shown, asking_of(request, role)))

    return endpoint


def of_role_and_form(view: FormView, role: Role = Role.WRITE) -> Callable[[Request, Form], Response]:
    """Return what answers a form, for `of_form`; otherwise as `of_role`."""

    def answer(request: Request, form: Form) -> Response:
        return of_role(lambda asked: view(asked, form), role)(request)

    return answer


def of_spot(view: SpotView) -> Callable[[Request], Response]:
    """Return an endpoint that finds the path and branch of the address for one who may write."""
    return of_role(lambda asked: view(spot_of(asked)), Role.WRITE)


def of_spot_and_form(view: SpotFormView) -> Callable[[Request, Form], Response]:
    """Return what answers a form, for `of_form`; otherwise as `of_spot`."""
    return of_role_and_form(lambda asked, form: view(spot_of(asked), form))


def asking_of(request: Request, role: Role) -> Asking:
    """Return who asks and the repository of the address.

    Raises:
        NotFound, Unauthenticated, Forbidden, Conflict: As for `tether.hub.access.require`.
    """
    hub, principal = hub_of(request), principal_in(request)
    owner, name = request.path_params["owner"], request.path_params["name"]
    with hub.database.session(reads_only=True) as session:
        row = require(session, principal, find_repository(session, owner, name), role, f"{owner}/{name}")
    return Asking(hub, principal, row)


def spot_of(asked: Asked) -> Spot:
    """Return what is at the path of the address, which is on a branch.

    Raises:
        InvalidInput: The revision is no branch: only those can be changed.
        NotFound: There is no such page.
    """
    where = where_of(asked.request.scope)
    repository, root = asked.shown.repository, asked.shown.repository.root()
    tip = root.refs.get(BRANCHES + where.rev)
    if tip is None and (root.refs or where.rev != asked.shown.branch):
        hint = "choose a branch on the page of the file"
        raise InvalidInput(f"{where.rev} is no branch, and only branches can be changed", hint=hint)
    entry = None
    if tip is not None:
        entry = find(repository.objects, History.of(repository).commit(tip).tree, where.path)
    return Spot(asked.request, asked.shown, asked.asking, where.rev, where.path, tip, entry)


def seen_in(form: Form) -> Digest | None:
    """Return the digest of what the page was about, or of what is to be written over nevertheless.

    Raises:
        InvalidInput: It is no digest.
    """
    seen = form.get("over") or form.get("seen")
    return parse_digest(seen) if seen else None
