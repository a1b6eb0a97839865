"""The table of places in the bucket that were given away for packs to come.

It joins those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tether.hub.database.models import ID, MICROS, Base


class UploadPlace(Base):
    """A place in the bucket for one pack of one size, from one user for one repository.

    Attributes:
        id: Also the name of the place in the bucket.
        pack: The name of the pack, in hexadecimal.
        size: Bytes of the pack; they count against the quota of the owner until the place is used or ends.
        expires: When it ends.
        used: Whether the pack counts by itself, which it does from just before it is put where packs lie.
    """

    __tablename__ = "upload_places"
    __table_args__ = (UniqueConstraint("repository_id", "account_id", "pack"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    pack: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(MICROS)
    expires: Mapped[int] = mapped_column(MICROS)
    used: Mapped[bool]
