"""Keys for buckets, found where the makers' own tools look: in the environment and in files that it names."""

import configparser
from collections.abc import Mapping
from pathlib import Path

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
_OTHERS = {
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_BASE_URL",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
    ),
    "az": (
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ENDPOINT",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_USE_EMULATOR",
        "AZURE_TENANT_ID",
    ),
}
"""Variables that are settings of the client under their own names in small letters."""


def bucket_keys(scheme: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the client for a kind of bucket.

    Args:
        scheme: `s3`, `gs` or `az`.
        environ: The environment.

    Raises:
        InvalidInput: A profile is named that no file has, or a file cannot be read as one of settings.
    """
    if scheme != "s3":
        return {name.lower(): environ[name] for name in _OTHERS[scheme] if environ.get(name)}
    named = {_S3[name]: environ[name] for name in _S3 if environ.get(name)}
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    if profile or "access_key_id" not in named:
        named = {**_of_profile(profile, environ), **named}
    return {"region": "us-east-1", **named}


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
