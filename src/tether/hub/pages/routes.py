"""The addresses of the hub's pages. Those of its own begin with `/-/`, as no name does."""

from starlette.routing import BaseRoute, Route

from tether.hub.pages import administration, finding, forking, home, making, providers, signing
from tether.hub.pages.changing.routes import routes as of_changes
from tether.hub.pages.conversations.routes import routes as of_conversations
from tether.hub.pages.forms import of_form
from tether.hub.pages.settings import organisation
from tether.hub.pages.settings.routes import routes as of_settings
from tether.pages.routes import in_turn
from tether.pages.routes import routes as of_repositories


def routes() -> list[BaseRoute]:
    """Return all routes of pages, in the order in which they are asked."""
    return [
        Route("/", in_turn(home.show)),
        Route("/-/search", in_turn(finding.show)),
        Route("/-/signin", signing.show_sign_in),
        Route("/-/signin", of_form(signing.sign_in), methods=["POST"]),
        Route("/-/signup", signing.show_sign_up),
        Route("/-/signup", of_form(signing.sign_up), methods=["POST"]),
        Route("/-/signout", of_form(signing.sign_out), methods=["POST"]),
        Route("/{owner}/{name}/fork", of_form(forking.fork), methods=["POST"]),
        *of_conversations(),
        Route("/-/oidc/finish", of_form(providers.finish), methods=["POST"]),
        Route("/-/oidc/{provider}", of_form(providers.begin), methods=["POST"]),
        Route("/-/new", making.show),
        Route("/-/new", of_form(making.make), methods=["POST"]),
        Route("/-/new/organisation", organisation.show_new),
        Route("/-/new/organisation", of_form(organisation.make), methods=["POST"]),
        *of_settings(),
        *_of_administration(),
        *of_changes(),
        *of_repositories(),
        *[Route(f"/{word}", home.show_nothing) for word in ("api", "metrics")],
        Route("/{owner}", in_turn(home.show_owner)),
    ]


def _of_administration() -> list[BaseRoute]:
    base, forms = administration.BASE, administration.of_administration
    users = administration.show_users
    changes = (
        (users, "users/add", administration.add_user),
        (users, "users/change", administration.change_user),
        (users, "users/invite", administration.invite),
        (administration.show_quotas, "quotas/set", administration.set_quota),
    )
    return [
        Route(base, users),
        Route(f"{base}/repositories", administration.show_repositories),
        Route(f"{base}/jobs", administration.show_jobs),
        Route(f"{base}/quotas", administration.show_quotas),
        Route(f"{base}/audit", administration.show_audit),
        Route(f"{base}/audit/export", administration.export_audit),
        *[Route(f"{base}/{word}", forms(show, change), methods=["POST"]) for show, word, change in changes],
    ]
