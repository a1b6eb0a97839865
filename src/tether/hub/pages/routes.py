"""The addresses of the hub's pages. Those of its own begin with `/-/`, as no name does."""

from starlette.routing import BaseRoute, Route

from tether.hub.pages import home, signing
from tether.hub.pages.conversations.routes import routes as of_conversations
from tether.hub.pages.forms import of_form
from tether.pages.routes import routes as of_repositories


def routes() -> list[BaseRoute]:
    """Return all routes of pages, in the order in which they are asked."""
    return [
        Route("/", home.show),
        Route("/-/signin", signing.show_sign_in),
        Route("/-/signin", of_form(signing.sign_in), methods=["POST"]),
        Route("/-/signup", signing.show_sign_up),
        Route("/-/signup", of_form(signing.sign_up), methods=["POST"]),
        Route("/-/signout", of_form(signing.sign_out), methods=["POST"]),
        *of_conversations(),
        *of_repositories(),
        Route("/{owner}", home.show_owner),
    ]
