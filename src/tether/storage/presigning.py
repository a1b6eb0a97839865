"""Addresses of values in a bucket that can be read without keys for a short time."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from tether.errors import Unsupported

if TYPE_CHECKING:
    from obstore.store import S3Config

    from tether.storage.objectclient import Stores

_SIGNING = (S3Store, GCSStore, AzureStore)


def signed(stores: "Stores", place: str, seconds: int, endpoint: str) -> str:
    """Return an address for reading what is at a place of a bucket; see `ObjectBackend.address`."""
    store: Any = stores.once
    hint = "set presign to off, or use keys that can sign"
    if not isinstance(store, _SIGNING):
        raise Unsupported(f"{stores.name} has no addresses to give away", hint=hint)
    try:
        if endpoint and isinstance(store, S3Store):
            store = _elsewhere(store, endpoint)
        return obstore.sign(store, "GET", place, timedelta(seconds=seconds))
    except (BaseError, ValueError):
        raise Unsupported(f"the keys for {stores.name} cannot sign addresses", hint=hint) from None


def _elsewhere(store: S3Store, endpoint: str) -> S3Store:
    """Return the same bucket as it is reached from outside; its host is part of what is signed."""
    config: dict[str, Any] = {**store.config, "endpoint": endpoint}
    bucket = config.pop("bucket")
    return S3Store(bucket, config=cast("S3Config", config), client_options=store.client_options)
