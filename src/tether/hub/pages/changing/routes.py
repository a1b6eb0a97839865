"""The addresses of the pages on which people change files."""

from starlette.routing import BaseRoute, Route

from tether.hub.access import Role
from tether.hub.pages.changing import moving, text, uploads, workspace
from tether.hub.pages.changing.asked import (
    SpotFormView,
    SpotView,
    of_role,
    of_role_and_form,
    of_spot,
    of_spot_and_form,
)
from tether.hub.pages.forms import of_form
from tether.pages.routes import REPOSITORY

_WORKSPACES = f"{REPOSITORY}/workspaces"
_WORKSPACE = f"{_WORKSPACES}/{{workspace}}"


def routes() -> list[BaseRoute]:
    """Return the routes, in the order in which they are asked."""
    return [
        *_at_spot("edit", text.show_edit, text.edit),
        *_at_spot("new", text.show_new, text.new),
        *_at_spot("delete", moving.show_delete, moving.delete),
        *_at_spot("rename", moving.show_rename, moving.rename),
        *_at_spot("upload", uploads.show, uploads.begin),
        Route(_WORKSPACES, of_role(workspace.list_all)),
        Route(_WORKSPACE, of_role(workspace.show)),
        Route(f"{_WORKSPACE}/files", uploads.take, methods=["POST"]),
        Route(f"{_WORKSPACE}/commit", of_form(of_role_and_form(workspace.commit)), methods=["POST"]),
        Route(f"{_WORKSPACE}/drop", of_form(of_role_and_form(workspace.drop)), methods=["POST"]),
        Route(
            f"{_WORKSPACE}/discard", of_form(of_role_and_form(workspace.discard, Role.READ)), methods=["POST"]
        ),
    ]


def _at_spot(word: str, show: SpotView, answer: SpotFormView) -> list[BaseRoute]:
    """Return the routes of a page at a path of a branch, and of its form."""
    address = f"{REPOSITORY}/{word}/{{rev:anything}}"
    return [
        Route(address, of_spot(show)),
        Route(address, of_form(of_spot_and_form(answer)), methods=["POST"]),
    ]
