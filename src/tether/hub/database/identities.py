"""The tables of sign-ins by providers: identities, and sign-ins under way.

They join those of `tether.hub.database.models`, and what is said there holds here. Secrets stand here as
their digests alone.
"""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, Account, Base

DIGEST, PROVIDER = String(64), String(32)
ISSUER, SUBJECT, EMAIL = 500, 255, 254
"""Longest values that are kept."""


class Identity(Base):
    """Somebody at a provider, who is a user here; only issuer and subject tell who it is.

    Attributes:
        email: As the provider verified it at the last sign-in, in small letters; None where it did not.
    """

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    issuer: Mapped[str] = mapped_column(String(ISSUER))
    subject: Mapped[str] = mapped_column(String(SUBJECT))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    email: Mapped[str | None] = mapped_column(String(EMAIL), index=True)
    created: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class SignInBegun(Base):
    """A browser that was sent to a provider, until it comes back.

    Attributes:
        state: Digest of what the provider gives back.
        browser: Digest of the cookie of the browser.
        challenge: Digest of what the program that wants the token keeps.
    """

    __tablename__ = "signins_begun"

    state: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    browser: Mapped[str] = mapped_column(DIGEST)
    provider: Mapped[str] = mapped_column(PROVIDER)
    challenge: Mapped[str] = mapped_column(DIGEST)
    expires: Mapped[int] = mapped_column(MICROS, index=True)


class SignInVerified(Base):
    """Somebody whom a provider has named, until the program asks for their token.

    Attributes:
        code: Digest of the code that the browser shows.
        challenge: As in `SignInBegun`.
        name: What the provider calls them; only a proposal for a new account.
    """

    __tablename__ = "signins_verified"

    code: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    challenge: Mapped[str] = mapped_column(DIGEST)
    provider: Mapped[str] = mapped_column(PROVIDER)
    issuer: Mapped[str] = mapped_column(String(ISSUER))
    subject: Mapped[str] = mapped_column(String(SUBJECT))
    email: Mapped[str | None] = mapped_column(String(EMAIL))
    name: Mapped[str] = mapped_column(String(255))
    expires: Mapped[int] = mapped_column(MICROS, index=True)
