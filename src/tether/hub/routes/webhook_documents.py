"""The JSON bodies of webhooks and their deliveries; see `tether.hub.routes.documents`."""

from typing import Annotated, Literal

from pydantic import Field

from tether.hub.database.webhooks import SECRET, URL, Delivery, Webhook
from tether.hub.routes.documents import Document

Url = Annotated[str, Field(min_length=1, max_length=URL)]
Secret = Annotated[str, Field(min_length=16, max_length=SECRET, pattern=r"^[\x21-\x7e]+$")]
Event = Literal["push", "tag", "repository", "rights", "discussion", "pull", "review", "comment", "check"]
Events = Annotated[list[Event], Field(min_length=1, max_length=10)]
State = Literal["waiting", "delivered", "failed"]
RowId = Annotated[str, Field(min_length=1, max_length=32, pattern="^[0-9a-f]+$")]


class NewWebhook(Document):
    """A wish for a webhook; all events if none are named. `secret` is what signs, 16 to 200 characters."""

    url: Url
    secret: Secret
    events: Events | None = None
    active: bool = True


class WebhookChanges(Document):
    """What is to be different of a webhook; what is not given stays."""

    url: Url | None = None
    secret: Secret | None = None
    events: Events | None = None
    active: bool | None = None


class WebhookDocument(Document):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[Event]
    active: bool
    created: int

    @classmethod
    def of(cls, row: Webhook) -> "WebhookDocument":
        """Return the document of a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DeliveryDocument(Document):
    """A delivery, and what came of its last attempt.

    `due` is when it is sent next, null if it is not; `tried` is when it was sent last, `duration` how many
    microseconds that took, `reply` the first 1024 bytes of what came back.
    """

    id: str
    event: str
    state: State
    created: int
    due: int | None
    attempts: int
    tried: int | None
    status: int | None
    duration: int | None
    reply: str | None
    error: str | None

    @classmethod
    def of(cls, row: Delivery) -> "DeliveryDocument":
        """Return the document of a row."""
        values = {name: getattr(row, name) for name in cls.model_fields}
        values["due"] = row.due if row.state == "waiting" else None
        return cls.model_validate(values)


class SentDocument(DeliveryDocument):
    """A delivery with its body."""

    body: str

    @classmethod
    def sent(cls, row: Delivery) -> "SentDocument":
        """Return the document of a row, with what is sent."""
        return cls(**DeliveryDocument.of(row).model_dump(), body=row.body)
