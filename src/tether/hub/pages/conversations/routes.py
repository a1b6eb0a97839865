"""The addresses of pull requests, discussions, notices and the pictures in what is said."""

from starlette.routing import BaseRoute, Route

from tether.hub.pages.conversations import (
    acts,
    conflicts,
    discussion,
    listing,
    notices,
    pictures,
    proposing,
    pull,
    pullfiles,
)
from tether.hub.pages.conversations.held import changing, looking
from tether.hub.pages.forms import of_form
from tether.pages.routes import REPOSITORY

_PULL = f"{REPOSITORY}/pulls/{{number}}"
_TALK = f"{REPOSITORY}/discussions/{{number}}"


def routes() -> list[BaseRoute]:
    """Return the routes; they come before those that take any address of a repository."""
    return [
        Route("/-/notifications", notices.show),
        Route("/-/notifications", of_form(notices.mark), methods=["POST"]),
        Route("/-/attachments/{id}/{name}", pictures.send),
        Route(f"{REPOSITORY}/attachments", looking(pictures.show_form)),
        Route(f"{REPOSITORY}/attachments", pictures.take, methods=["POST"]),
        Route(f"{REPOSITORY}/pulls", looking(listing.show_pulls)),
        Route(f"{REPOSITORY}/pulls/new", looking(proposing.show)),
        Route(f"{REPOSITORY}/pulls/new", changing(proposing.send), methods=["POST"]),
        Route(_PULL, looking(pull.show)),
        Route(_PULL, changing(acts.in_pull), methods=["POST"]),
        Route(f"{_PULL}/commits", looking(pullfiles.show_commits)),
        Route(f"{_PULL}/files", looking(pullfiles.show_files)),
        Route(f"{_PULL}/file", looking(pullfiles.show_file)),
        Route(f"{_PULL}/file", changing(pullfiles.send_note), methods=["POST"]),
        Route(f"{_PULL}/conflicts", looking(conflicts.show)),
        Route(f"{_PULL}/conflicts", changing(conflicts.send), methods=["POST"]),
        Route(f"{REPOSITORY}/discussions", looking(listing.show_discussions)),
        Route(f"{REPOSITORY}/discussions/new", looking(discussion.show_new)),
        Route(f"{REPOSITORY}/discussions/new", changing(discussion.send), methods=["POST"]),
        Route(_TALK, looking(discussion.show)),
        Route(_TALK, changing(acts.in_discussion), methods=["POST"]),
    ]
