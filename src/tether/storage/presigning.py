"""Addresses of a bucket at which a value can be read, or a new one put, without keys for a short time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

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


def signed_for_new(
    stores: "Stores", place: str, seconds: int, endpoint: str, headers: Mapping[str, str]
) -> str:
    """Return an address for putting something at a place of a bucket; see `ObjectBackend.address_for_new`."""
    store: Any = stores.once
    if not isinstance(store, S3Store):
        raise Unsupported(f"{stores.name} takes nothing at addresses that are given away")
    try:
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ModuleNotFoundError as error:
        raise Unsupported(
            f"addresses for new values need a package that is not installed: {error.name}",
            hint="run: pip install 'tether[objectstore]'",
        ) from None
    config: Mapping[str, Any] = store.config
    key, secret = config.get("access_key_id"), config.get("secret_access_key")
    if not key or not secret:
        raise Unsupported(f"the keys for {stores.name} are not told to this process")
    # The other client knows how this server names its buckets, and its region, but signs no headers.
    address, _, query = signed(stores, place, seconds, endpoint).partition("?")
    region = parse_qs(query)["X-Amz-Credential"][0].split("/")[2]
    request = AWSRequest("PUT", address, headers=dict(headers))
    credentials = Credentials(key, secret, config.get("session_token"))
    S3SigV4QueryAuth(credentials, "s3", region, expires=seconds).add_auth(request)
    return str(request.url)


def _elsewhere(store: S3Store, endpoint: str) -> S3Store:
    """Return the same bucket as it is reached from outside; its host is part of what is signed."""
    config: dict[str, Any] = {**store.config, "endpoint": endpoint}
    bucket = config.pop("bucket")
    return S3Store(bucket, config=cast("S3Config", config), client_options=store.client_options)
