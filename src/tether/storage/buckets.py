"""Addresses of buckets, and the ways to them: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from tether.errors import InvalidInput, Unsupported
from tether.storage.backend import check_key

if TYPE_CHECKING:
    from tether.storage.objectclient import Stores
    from tether.storage.objectstore import ObjectBackend

SCHEMES = ("s3", "gs", "az")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]")
_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://([^/?#@:]+)(?:/([^?#]*))?")

_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")

_ENDPOINTS = {
    "s3": ("endpoint", "AWS_ENDPOINT_URL"),
    "gs": ("base_url", "GOOGLE_BASE_URL"),
    "az": ("endpoint", "AZURE_STORAGE_ENDPOINT"),
}
"""The setting of each store's client that is the address of a server, and the variable that users know."""

KEYS_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to a file with keys",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
"""What gives keys for each kind of bucket."""

Keys: TypeAlias = Mapping[str, str]
"""Settings of the store's client by their name in it: keys, region, endpoint."""


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A place in a bucket.

    Attributes:
        scheme: One of `SCHEMES`.
        bucket: Its name.
        prefix: The keys below it, without slashes at its ends; empty for the whole bucket.
    """

    scheme: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited.

    Attributes:
        request_s: For one request, which carries at most 5 MiB.
        stall_s: For the next byte of a reply.
        tries: How often a request is repeated.
        in_all_s: After which no request is repeated.
    """

    request_s: float = 180.0
    stall_s: float = 60.0
    tries: int = 8
    in_all_s: float = 180.0


PATIENCE = Patience()

OpenBucket: TypeAlias = "Callable[[BucketAddress], ObjectBackend]"
"""Opens a place in a bucket with the keys of the user."""


def is_in_bucket(address: str) -> bool:
    """Say whether an address is one of a bucket."""
    return address.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def parse_bucket_address(text: str) -> BucketAddress:
    """Return the place in a bucket that an address names.

    Raises:
        InvalidInput: It is no such address.
    """
    found = _ADDRESS.fullmatch(text)
    hint = "write s3://BUCKET/PREFIX, with letters, digits, '.', '_' and '-'"
    if found is None or _BUCKET.fullmatch(found[2]) is None:
        raise InvalidInput(f"not an address in a bucket: {text}", hint=hint)
    prefix = (found[3] or "").strip("/")
    try:
        return BucketAddress(found[1], found[2], check_key(prefix) if prefix else "")
    except InvalidInput:
        raise InvalidInput(f"not an address in a bucket: {text}", hint=hint) from None


def open_bucket(
    address: BucketAddress,
    keys: Keys,
    *,
    spool: Path | None = None,
    patience: Patience = PATIENCE,
    pace: Callable[[int], None] | None = None,
) -> "ObjectBackend":
    """Return the backend for a place in a bucket; nothing is asked of the store yet.

    Args:
        address: The place.
        keys: Settings of the client; what is missing is looked for where the client of that store does.
        spool: Where uploads lie until they are sent.
        patience: How long is waited.
        pace: Told of bytes that go to the bucket or came from there; returns when more may follow.

    Raises:
        Unsupported: The client for object stores is not installed.
        InvalidInput: The settings fit no client.
    """
    try:
        from tether.storage.objectstore import ObjectBackend
    except ModuleNotFoundError as error:
        raise Unsupported(
            f"{address.scheme}:// needs a package that is not installed: {error.name}",
            hint="run: pip install 'tether[objectstore]'",
        ) from None
    prefix = f"{address.prefix}/" if address.prefix else ""
    return ObjectBackend(_stores(address, keys, patience), prefix, spool=spool, pace=pace)


def as_surroundings_say(address: BucketAddress) -> "ObjectBackend":
    """Open a place in a bucket with what the client of that store finds by itself."""
    return open_bucket(address, {})


def _stores(address: BucketAddress, keys: Keys, patience: Patience) -> "Stores":
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    from tether.storage.objectclient import Stores

    kinds: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    settings = dict(keys)
    name, variable = _ENDPOINTS[address.scheme]
    if settings.get(name):
        check_endpoint(settings[name], variable)
    if address.scheme == "s3":
        # A copy that never replaces: parts copied by the store, completed under a condition.
        settings.setdefault("copy_if_not_exists", "multipart")
    client = {
        "timeout": timedelta(seconds=patience.request_s),
        "read_timeout": timedelta(seconds=patience.stall_s),
        "connect_timeout": timedelta(seconds=min(10.0, patience.request_s)),
        "allow_http": True,  # whoever writes http:// for the endpoint means it; the default is https
    }
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2}

    def store(tries: int) -> Any:
        retry = {
            "max_retries": tries,
            "backoff": backoff,
            "retry_timeout": timedelta(seconds=patience.in_all_s),
        }
        kind = kinds[address.scheme]
        return kind(address.bucket, config=settings, client_options=client, retry_config=retry)

    try:
        return Stores(f"{address.scheme}://{address.bucket}", store(patience.tries), store(0))
    except (BaseError, ValueError, TypeError):
        hint = KEYS_HINTS[address.scheme]
        raise InvalidInput(f"the settings for {address.scheme}:// fit no client", hint=hint) from None


def check_endpoint(endpoint: str, setting: str) -> None:
    """Check that a setting is the address of a server.

    Raises:
        InvalidInput: It is not.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or _ENDPOINT.fullmatch(endpoint) is None:
        raise InvalidInput("the endpoint is no address", hint=f"set {setting} to https://HOST")
