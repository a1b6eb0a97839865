"""What a hub is told when it starts: flags beat the environment, which beats `hub.toml` in its folder."""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tether.errors import InvalidInput, Unsupported
from tether.hub.oidc.provider import Provider, parse_providers
from tether.hub.webhooks.addresses import parse_networks
from tether.storage.buckets import check_endpoint, parse_bucket_address
from tether.storage.oserrors import translated

PREFIX = "TETHER_HUB_"
FILE = "hub.toml"
PRESIGNS = ("off", "on", "auto")
JOBS = (HERE, ELSEWHERE) = ("here", "elsewhere")
_LONGEST_PRESIGN_S = 7 * 86_400
MAIL_SECURITIES = ("starttls", "tls", "none")
_PORTS = 1 << 16
SIGNUPS = ("closed", "invite", "open")
_SHORTEST_TOKEN = 16
_SHARE = re.compile(r"0(\.[0-9]{1,9})?|1(\.0{1,9})?")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def _setting(default: Any, text: str) -> Any:
    """Return a field with its line in the table of settings."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The settings of one hub.

    Attributes:
        root: The folder of the hub: its database by default, repositories, and `hub.toml`.
        providers: Who may sign people in; the tables `[oidc.NAME]` of `hub.toml`.
    """

    root: Path
    database: str = _setting("", "address of the database; `hub.db` in the folder of the hub if not given")
    storage: str = _setting(
        "",
        "bucket for the contents of repositories, such as `s3://BUCKET/PREFIX`; "
        "the folder of the hub if not given",
    )
    presign: str = _setting(
        "auto",
        "send clients to the bucket for large packs: `on`, `off`, or `auto`: "
        "if others reach the bucket by https, or `presign_endpoint` is set",
    )
    presign_endpoint: str = _setting(
        "", "address under which clients reach the S3 server, if it is not the one of the hub"
    )
    presign_s: int = _setting(600, "seconds for which an address in the bucket is good")
    presign_uploads: bool = _setting(True, "where clients are sent to the bucket, also with packs of a push")
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one")
    public_url: str = _setting(
        "", "address under which people reach the hub, such as `https://hub.example.org`"
    )
    signup: str = _setting("closed", "who may make an account: nobody, people with an invitation, all")
    max_body: int = _setting(1 << 20, "largest body of a request, in bytes; transfers are not meant")
    grace_days: int = _setting(30, "days for which a deleted repository can be restored")
    login_attempts: int = _setting(10, "failed sign-ins allowed in one window, by name and by address")
    login_window_s: int = _setting(900, "length of that window in seconds")
    login_days: int = _setting(
        90, "days for which a token from `tether login` with a password or a provider is good"
    )
    quota_bytes: int = _setting(0, "bytes that one owner may store in all their repositories; 0 is no limit")
    quota_repositories: int = _setting(0, "repositories that one owner may have; 0 is no limit")
    requests_per_s: int = _setting(
        200, "requests a second of one token, or of one address without one; 0 is no limit"
    )
    requests_burst: int = _setting(2000, "requests that may come at once before that counts")
    trusted_proxies: str = _setting("", "addresses of proxies, with commas, that may say for whom they ask")
    log_requests: bool = _setting(True, "write a line of JSON to stderr for each request")
    shutdown_s: int = _setting(30, "seconds that running requests get when the hub is told to stop")
    stall_s: int = _setting(60, "seconds without a byte after which a connection that owes some is cut")
    jobs: str = _setting(
        "here", "who does what is to be done from time to time: `here` the hub, `elsewhere` workers"
    )
    gc_every_s: int = _setting(86400, "seconds between runs of `tether hub gc` by the hub; 0: none")
    verify_every_s: int = _setting(
        604800, "seconds between verifications of each repository by the hub; 0: none"
    )
    upload_grace_s: int = _setting(86400, "seconds for which a pack that arrived waits for its push")
    workspace_days: int = _setting(14, "days after which a workspace in which nobody worked is removed")
    pull_bytes: int = _setting(
        1 << 30,
        "bytes that a pull request may bring from a fork of somebody who may not write; 0 is no limit",
    )
    mail_server: str = _setting(
        "", "server that takes mail by SMTP, as `HOST:PORT`; no mail is sent if not given"
    )
    mail_security: str = _setting("starttls", "how that server is talked to: `starttls`, `tls` or `none`")
    mail_user: str = _setting("", "user at that server; nobody signs in there if not given")
    mail_password: str = _setting("", "password of that user")
    mail_from: str = _setting("", "address that mail comes from, such as `hub@example.org`")
    metrics_token: str = _setting("", "who sends this token may read `/metrics`; nobody may without it")
    traces: str = _setting(
        "", "address of an OTLP/HTTP collector for traces, such as `http://127.0.0.1:4318`; none if not given"
    )
    traces_sample: float = _setting(1.0, "share of requests and jobs that are traced, 0 to 1")
    traces_follow: bool = _setting(
        False, "let clients that send `traceparent` say whether their request is traced"
    )
    webhook_networks: str = _setting(
        "", "private networks, with commas, that webhooks may reach, such as `10.1.0.0/16`; none if not given"
    )
    webhook_timeout_s: int = _setting(10, "seconds that the receiver of a webhook has to answer")
    webhook_attempts: int = _setting(8, "attempts after which a delivery of a webhook is given up")
    webhook_days: int = _setting(30, "days for which deliveries of webhooks can be read and sent again")
    allow_unsafe: bool = _setting(False, "start although a setting is unsafe")
    providers: tuple[Provider, ...] = ()

    @property
    def database_url(self) -> str:
        """The address of the database with the default filled in."""
        return self.database or f"sqlite:///{self.root / 'hub.db'}"

    @property
    def is_in_the_clear(self) -> bool:
        """Whether others reach it, and nothing says that they do so by TLS."""
        return not (is_loopback(self.host) or self.public_url.startswith("https://"))

    @property
    def repositories(self) -> Path:
        """The folder in which each repository has one, named by its id."""
        return self.root / "repositories"


TABLE: tuple[Field[Any], ...] = tuple(each for each in fields(HubSettings) if each.metadata)


def load_settings(root: Path, flags: Mapping[str, Any], environment: Mapping[str, str]) -> HubSettings:
    """Return the settings of the hub in `root`.

    Args:
        root: The folder of the hub; it need not exist yet.
        flags: Values from the command line by name; None means that it was not given.
        environment: All variables; those that begin with `TETHER_HUB_` are settings.

    Raises:
        InvalidInput: An unknown setting, a value that it may not have, or an unsafe combination.
    """
    names = {each.name for each in TABLE}
    of_environment = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}ROOT"
    }
    path = root / FILE
    written = _read(path)
    secrets = {name: of_environment.pop(f"oidc_{name}_secret") for name in _secrets_in(of_environment)}
    providers = parse_providers(written.pop("oidc", {}), secrets, root)
    values: dict[str, Any] = {}
    given = {name: value for name, value in flags.items() if value is not None}
    for origin, layer in ((str(path), written), ("the environment", of_environment), ("the command", given)):
        for name, value in layer.items():
            if name not in names:
                raise InvalidInput(f"unknown setting {name!r} in {origin}", hint=_nearest(name, names))
            values[name] = value
    told = {each.name: _value(each, values) for each in TABLE}
    settings = HubSettings(root.absolute(), providers=providers, **told)
    _check(settings)
    return settings


def _secrets_in(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the providers that the environment has secrets for, as in `OIDC_NAME_SECRET`."""
    found = [re.fullmatch(r"oidc_(\w+)_secret", name) for name in environment]
    return [each[1] for each in found if each is not None]


def _read(path: Path) -> dict[str, Any]:
    with translated(str(path)):
        try:
            text = path.read_text()
        except FileNotFoundError:
            return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not a TOML file: {error}", hint="correct it in an editor") from None


def _nearest(name: str, names: set[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(names))}"


def _value(setting: Field[Any], values: Mapping[str, Any]) -> Any:
    """Return one value as the type of its default."""
    if setting.name not in values:
        return setting.default
    value, kind = values[setting.name], type(setting.default)
    text = str(value).strip()
    if kind is bool and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if kind is int and text.isascii() and text.isdecimal():
        return int(text)
    if kind is float and _SHARE.fullmatch(text):
        return float(text)
    if kind is str and isinstance(value, str) and text.isprintable():
        return text
    wanted = {
        bool: "true or false",
        int: "a whole number, 0 or more",
        float: "a number from 0 to 1, such as 0.1",
        str: "a text in one line",
    }[kind]
    raise InvalidInput(f"the setting {setting.name} cannot be {value!r}", hint=f"give {wanted}")


def _check(settings: HubSettings) -> None:
    """Refuse values that make no sense, and unsafe ones unless they were asked for."""
    for name, allowed in (("signup", SIGNUPS), ("jobs", JOBS), ("presign", PRESIGNS)):
        _check_choice(settings, name, allowed)
    _check_presign(settings)
    if settings.stall_s < 1:
        raise InvalidInput("the setting stall_s cannot be 0", hint="give seconds, 1 or more")
    if not 1 <= settings.webhook_timeout_s <= 60 or not 1 <= settings.webhook_attempts <= 20:
        raise InvalidInput("webhook_timeout_s is 1 to 60, and webhook_attempts 1 to 20")
    parse_networks(settings.webhook_networks)
    _check_places(settings)
    _check_mail(settings)
    if 0 < len(settings.metrics_token) < _SHORTEST_TOKEN:
        raise InvalidInput(
            f"the setting metrics_token has less than {_SHORTEST_TOKEN} characters",
            hint="take the output of: openssl rand -hex 16",
        )
    if settings.port > 65535:
        raise InvalidInput(f"no such port: {settings.port}")
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise InvalidInput(f"public_url is no address: {settings.public_url}", hint="write https://HOST")
    if settings.providers:
        _check_providers(settings)
    _check_proxies(settings)
    if settings.signup == "open" and settings.is_in_the_clear and not settings.allow_unsafe:
        raise InvalidInput(
            f"sign-up is open and {settings.host} can be reached by others, but public_url is not https",
            hint="put the hub behind TLS and set public_url, close sign-up, or set allow_unsafe",
        )


def _check_places(settings: HubSettings) -> None:
    if settings.storage:
        parse_bucket_address(settings.storage)
    if settings.traces:
        check_endpoint(settings.traces, "traces")


def _check_proxies(settings: HubSettings) -> None:
    """Refuse proxies that are no addresses, and everybody as one: limits by address would hold nobody."""
    for each in filter(None, (part.strip() for part in settings.trusted_proxies.split(","))):
        try:
            everybody = each == "*" or ipaddress.ip_network(each).prefixlen == 0
        except ValueError:
            raise InvalidInput(
                f"the setting trusted_proxies has {each!r}, no address",
                hint="write addresses or networks, as 10.1.0.7 or 10.1.0.0/16",
            ) from None
        if everybody and not settings.allow_unsafe:
            raise InvalidInput(
                "trusted_proxies is everybody: whoever asks could say that it is somebody else",
                hint="name the addresses of the proxies, or set allow_unsafe",
            )


def _check_mail(settings: HubSettings) -> None:
    """Refuse what no mail can be sent with, and a password that would go in the clear."""
    _check_choice(settings, "mail_security", MAIL_SECURITIES)
    if not settings.mail_server:
        return
    host, _ = server_of(settings.mail_server)
    if "@" not in settings.mail_from:
        raise InvalidInput("mail_server is set, but mail_from is no address", hint="write hub@example.org")
    clear = settings.mail_security == "none" and not is_loopback(host)
    if clear and not settings.allow_unsafe:
        hint = "set mail_security to starttls or tls, or set allow_unsafe"
        raise InvalidInput(f"mail would go to {host} in the clear", hint=hint)


def server_of(text: str) -> tuple[str, int]:
    """Return the host and the port of `HOST:PORT`.

    Raises:
        InvalidInput: It is none.
    """
    host, _, port = text.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    if not name or not port.isdecimal() or not port.isascii() or not 0 < int(port) < _PORTS:
        raise InvalidInput("the setting mail_server is no server", hint="write HOST:PORT, such as mx:587")
    return name, int(port)


def _check_providers(settings: HubSettings) -> None:
    """Refuse sign-in by providers where browsers could not come back, or only in the clear."""
    if find_spec("joserfc") is None:
        raise Unsupported(
            "sign-in by providers needs a package that is not installed: joserfc",
            hint="run: pip install 'tether[oidc]'",
        )
    parts = urlsplit(settings.public_url)
    local = parts.hostname is not None and is_loopback(parts.hostname)
    if parts.scheme != "https" and not (parts.hostname and (local or settings.allow_unsafe)):
        raise InvalidInput(
            "sign-in by providers needs a public_url that is https",
            hint="put the hub behind TLS and set public_url",
        )


def _check_choice(settings: HubSettings, name: str, allowed: tuple[str, ...]) -> None:
    value = getattr(settings, name)
    if value not in allowed:
        hint = f"choose one of {', '.join(allowed)}"
        raise InvalidInput(f"the setting {name} cannot be {value!r}", hint=hint)


def _check_presign(settings: HubSettings) -> None:
    if settings.presign == "on" and not settings.storage:
        raise InvalidInput("presign is on, but the hub has no bucket", hint="set storage, or presign to auto")
    if not 1 <= settings.presign_s <= _LONGEST_PRESIGN_S:
        raise InvalidInput(f"the setting presign_s cannot be {settings.presign_s}", hint="give 1 to 604800")
    if settings.presign_endpoint:
        check_endpoint(settings.presign_endpoint, "presign_endpoint")


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
