"""Pools of connections: straight or through a proxy, with the usual certificates or others."""

import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from tether.errors import InvalidInput
from tether.sync.sending import FilePool


def open_pool(
    settings: dict[str, Any], proxy: str | None, ca_file: str | None, scheme: str
) -> urllib3.PoolManager:
    """Return connections.

    Args:
        settings: Of the pool.
        proxy: Address of a proxy, or None.
        ca_file: Certificates to trust instead of the usual ones, or None.
        scheme: Of the server's address. For `http` the certificates are not looked at, which takes many
            milliseconds for those of a whole system; another server that it names may need them yet.

    Raises:
        InvalidInput: The proxy is none, or the file has no certificates.
    """
    if ca_file is not None:
        if "https" in (scheme, urlsplit(proxy or "").scheme):
            _require_certificates(ca_file)
        settings = {**settings, "ca_certs": ca_file}
    pools = urllib3.PoolManager(**settings) if proxy is None else _through(proxy, settings)
    pools.pool_classes_by_scheme = {**pools.pool_classes_by_scheme, "http": FilePool}
    return pools


def _through(proxy: str, settings: dict[str, Any]) -> urllib3.ProxyManager:
    """Return connections through a proxy.

    Raises:
        InvalidInput: It is no address of one.
    """
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("the address of the proxy is none", hint="write http://HOST:PORT")
    secret = None
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    headers = urllib3.make_headers(proxy_basic_auth=secret)
    host = parts.netloc.rpartition("@")[2]
    return urllib3.ProxyManager(f"{parts.scheme}://{host}", proxy_headers=headers, **settings)


def _require_certificates(path: str) -> None:
    """Refuse a file that has none; else it would look like a hub that has a wrong one.

    Raises:
        InvalidInput: It cannot be read, or has none.
    """
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        raise InvalidInput(
            f"{path} has no certificates", hint="give a file of certificates in PEM form"
        ) from None
