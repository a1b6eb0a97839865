"""The addresses of settings."""

from starlette.routing import BaseRoute, Route

from tether.hub.pages.settings import access, general, organisation, person, records, rules, webhooks
from tether.hub.pages.settings.frame import Change, Show, of_change, of_settings

_OF = "/{owner}/{name}/settings"


def routes() -> list[BaseRoute]:
    """Return all of them."""
    return [*_of_person(), *_of_organisations(), *_of_repositories(), *_of_webhooks()]


def _of_person() -> list[BaseRoute]:
    base, forms = person.BASE, person.of_person
    pages = (
        (
            base,
            person.show,
            [
                ("describe", person.describe),
                ("password", person.change_password),
                ("mail", person.set_mail),
                ("mail/confirm", person.confirm_mail),
                ("mail/forget", person.forget_mail),
            ],
        ),
        (
            f"{base}/tokens",
            person.show_tokens,
            [("make", person.make_token), ("revoke", person.revoke_token)],
        ),
        (f"{base}/identities", person.show_identities, [("remove", person.remove_identity)]),
        (f"{base}/deleted", person.show_deleted, [("restore", person.restore)]),
    )
    made: list[BaseRoute] = []
    for address, show, changes in pages:
        made.append(Route(address, show))
        made += [
            Route(f"{address}/{word}", forms(show, change), methods=["POST"]) for word, change in changes
        ]
    return made


def _of_organisations() -> list[BaseRoute]:
    base = "/-/organisations/{organisation}"
    changes = (
        ("describe", organisation.describe),
        ("member", organisation.set_member),
        ("member/remove", organisation.remove_member),
        ("team", organisation.create_team),
        ("team/delete", organisation.delete_team),
        ("team/add", organisation.add_to_team),
        ("team/remove", organisation.remove_from_team),
    )
    forms = [
        Route(f"{base}/{word}", organisation.of_organisation(change), methods=["POST"])
        for word, change in changes
    ]
    return [Route(base, organisation.show), *forms]


def _part(part: str, show: Show, *changes: tuple[str, Change]) -> list[BaseRoute]:
    address = f"{_OF}/{part}" if part else _OF
    forms = [
        Route(f"{address}/{word}", of_change(show, change), methods=["POST"]) for word, change in changes
    ]
    return [Route(address, of_settings(show)), *forms]


def _of_repositories() -> list[BaseRoute]:
    return [
        *_part(
            "",
            general.show,
            ("describe", general.describe),
            ("move", general.move),
            ("see", general.see),
            ("archive", general.archive),
            ("delete", general.delete),
        ),
        *_part("access", access.show, ("give", access.give), ("take", access.take)),
        *_part("rules", rules.show, ("put", rules.put), ("remove", rules.remove)),
        *_part("locks", records.show_locks, ("unlock", records.unlock)),
        *_part(
            "gate",
            records.show_gate,
            ("set", records.set_gate),
            ("remove", records.remove_gate),
            ("decide", records.decide),
        ),
        *_part("storage", records.show_storage, ("look", records.look_for_garbage)),
        *_part("audit", records.show_audit),
        Route(f"{_OF}/audit/export", records.export_audit),
    ]


def _of_webhooks() -> list[BaseRoute]:
    return [
        *_part("webhooks", webhooks.show, ("create", webhooks.create)),
        *_part(
            "webhooks/{webhook}",
            webhooks.show_one,
            ("change", webhooks.change),
            ("ping", webhooks.ping),
            ("again", webhooks.again),
            ("remove", webhooks.remove),
        ),
    ]
