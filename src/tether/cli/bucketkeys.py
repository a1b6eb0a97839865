"""Keys for buckets, found where the makers' own tools look: in the environment and in files that it names."""

import configparser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tether.errors import InvalidInput

_S3 = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "AWS_DEFAULT_REGION": "region",
    "AWS_REGION": "region",
    "AWS_ENDPOINT_URL": "endpoint",
    "AWS_ENDPOINT_URL_S3": "endpoint",
}
"""The settings of the client for some variables; of two for one setting the later one counts."""
_PROFILE = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
_GOOGLE = {
    "STORAGE_EMULATOR_HOST": "base_url",
    "GOOGLE_BASE_URL": "base_url",
    "GOOGLE_APPLICATION_CREDENTIALS": "application_credentials",
    "GOOGLE_SERVICE_ACCOUNT_PATH": "service_account",
    "GOOGLE_SERVICE_ACCOUNT": "service_account",
    "GOOGLE_SERVICE_ACCOUNT_KEY": "service_account_key",
}
_NOBODY = '{"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": true}'
"""The key of a service account for an emulator, which asks for none."""
_AZURE = {
    "AZURE_CLIENT_ID": "client_id",
    "AZURE_CLIENT_SECRET": "client_secret",
    "AZURE_ENDPOINT": "endpoint",
    "AZURE_FEDERATED_TOKEN_FILE": "federated_token_file",
    "AZURE_STORAGE_ACCOUNT": "account_name",
    "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
    "AZURE_STORAGE_KEY": "account_key",
    "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
    "AZURE_STORAGE_ENDPOINT": "endpoint",
    "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    "AZURE_STORAGE_TOKEN": "token",
    "AZURE_STORAGE_USE_EMULATOR": "use_emulator",
    "AZURE_TENANT_ID": "tenant_id",
}
_CONNECTION = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "blobendpoint": "endpoint",
    "sharedaccesssignature": "sas_token",
    "usedevelopmentstorage": "use_emulator",
}
"""The settings of the client for the parts of a connection string of Azure."""


def bucket_keys(scheme: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the client for a kind of bucket.

    Args:
        scheme: `s3`, `gs` or `az`.
        environ: The environment.

    Raises:
        InvalidInput: A profile is named that no file has, a file cannot be read as one of settings, or a
            connection string is none.
    """
    if scheme == "gs":
        return _of_google(environ)
    if scheme == "az":
        return _of_azure(environ)
    named = _named(_S3, environ)
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    if profile or "access_key_id" not in named:
        named = {**_of_profile(profile, environ), **named}
    return {"region": "us-east-1", **named}


def _named(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    return {settings[name]: environ[name] for name in settings if environ.get(name)}


def _of_google(environ: Mapping[str, str]) -> dict[str, str]:
    found = _named(_GOOGLE, environ)
    if environ.get("STORAGE_EMULATOR_HOST") and not environ.get("GOOGLE_BASE_URL"):
        host = environ["STORAGE_EMULATOR_HOST"]
        found["base_url"] = (host if "://" in host else f"http://{host}").rstrip("/")
        if len(found) == 1:
            found["service_account_key"] = _NOBODY
    return found


def _of_azure(environ: Mapping[str, str]) -> dict[str, str]:
    found = _named(_AZURE, environ)
    connection = environ.get("AZURE_STORAGE_CONNECTION_STRING")
    return _of_connection(connection) | found if connection and "account_name" not in found else found


def _of_connection(text: str) -> dict[str, str]:
    """Return what a connection string of Azure says."""
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    parts = {name.lower(): value for name, equals, value in pairs if equals}
    found = _named(_CONNECTION, parts)
    if "account_name" in found and "endpoint" not in found and parts.get("endpointsuffix"):
        scheme = parts.get("defaultendpointsprotocol", "https")
        found["endpoint"] = f"{scheme}://{found['account_name']}.blob.{parts['endpointsuffix']}"
    if "account_name" not in found and "endpoint" in found:  # a string with a signature names none
        found["account_name"] = (urlsplit(found["endpoint"]).hostname or "").partition(".")[0]
    if len(parts) < len(pairs) or not found.keys() & {"account_name", "use_emulator"}:
        hint = "copy it from the portal of Azure again"
        raise InvalidInput("AZURE_STORAGE_CONNECTION_STRING is no connection string", hint=hint)
    return found


def _of_profile(profile: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    name, found, known = profile or "default", dict[str, str](), False
    for path, section in _files(name, environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
        except (configparser.Error, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} is no file of settings", hint="correct it in an editor") from error
        if parser.has_section(section):
            known = True
            found |= {_PROFILE[key]: value for key, value in parser.items(section) if key in _PROFILE}
    if profile and not known:
        raise InvalidInput(f"no profile {profile!r} in the files of AWS", hint="check AWS_PROFILE")
    return found


def _files(name: str, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Return the files with the section of a profile in each, the one that counts more last."""
    folder = Path(environ.get("HOME", "~")).expanduser() / ".aws"
    config = Path(environ.get("AWS_CONFIG_FILE") or folder / "config")
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials")
    return [(config, name if name == "default" else f"profile {name}"), (credentials, name)]
