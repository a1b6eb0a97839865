"""Keys for buckets from the environment and from files."""

from pathlib import Path
from typing import Any, cast

import pytest

from tether.cli.bucketkeys import _AZURE, _GOOGLE, bucket_keys
from tether.errors import InvalidInput


def files(home: Path, config: str, credentials: str) -> dict[str, str]:
    """Write the files of a user; return the environment."""
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(config)
    (home / ".aws/credentials").write_text(credentials)
    return {"HOME": str(home)}


def test_variables_are_taken(tmp_path: Path) -> None:
    """The endpoint for S3 alone counts more than that for all, and a region is always there."""
    environ = {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": "https://all.example.org",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
    }
    assert bucket_keys("s3", environ) == {
        "region": "us-east-1",
        "access_key_id": "id",
        "secret_access_key": "secret",
        "session_token": "token",
        "endpoint": "https://s3.example.org",
    }


def test_a_profile_is_read_from_both_files(tmp_path: Path) -> None:
    """Credentials count more than the configuration, variables more than both."""
    environ = files(
        tmp_path,
        "[default]\nregion = eu-west-1\n[profile team]\nregion = eu-north-1\noutput = json\n",
        "[default]\naws_access_key_id = d\naws_secret_access_key = ds\n"
        "[team]\naws_access_key_id = t\naws_secret_access_key = ts\n",
    )
    assert bucket_keys("s3", environ)["access_key_id"] == "d"
    assert bucket_keys("s3", environ)["region"] == "eu-west-1"
    named = bucket_keys("s3", {**environ, "AWS_PROFILE": "team", "AWS_REGION": "here"})
    assert named == {"region": "here", "access_key_id": "t", "secret_access_key": "ts"}


def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    """The variables that name the files are followed."""
    place = tmp_path / "keys"
    place.write_text("[default]\naws_access_key_id = k\naws_secret_access_key = s\n")
    environ = {"HOME": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(place)}
    assert bucket_keys("s3", environ)["access_key_id"] == "k"


def test_wrong_files_and_profiles_are_told(tmp_path: Path) -> None:
    """Without showing what is in them."""
    environ = files(tmp_path, "", "aws_secret_access_key = hidden\n")
    with pytest.raises(InvalidInput) as found:
        bucket_keys("s3", environ)
    assert "hidden" not in str(found.value)
    (tmp_path / ".aws/credentials").write_text("")
    with pytest.raises(InvalidInput, match="no profile 'team'"):
        bucket_keys("s3", {**environ, "AWS_PROFILE": "team"})


@pytest.mark.parametrize(
    ("scheme", "name", "setting"),
    [
        ("gs", "GOOGLE_SERVICE_ACCOUNT", "service_account"),
        ("gs", "GOOGLE_BASE_URL", "base_url"),
        ("az", "AZURE_STORAGE_ACCOUNT_NAME", "account_name"),
        ("az", "AZURE_STORAGE_ACCOUNT", "account_name"),
        ("az", "AZURE_ENDPOINT", "endpoint"),
    ],
)
def test_others_have_variables_of_their_own(scheme: str, name: str, setting: str) -> None:
    """Those of the store are given on, and nothing else."""
    others = {"AWS_ACCESS_KEY_ID": "y", "GOOGLE_CLOUD_PROJECT": "y", "AZURE_CONFIG_DIR": "y", "HOME": "/"}
    assert bucket_keys(scheme, {name: "x", **others}) == {setting: "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey=a2V5==;EndpointSuffix=core.windows.net",
            {
                "account_name": "ada",
                "account_key": "a2V5==",
                "endpoint": "https://ada.blob.core.windows.net",
            },
        ),
        (
            "BlobEndpoint=https://ada.blob.example.org/;SharedAccessSignature=sv=1&sig=x%3D;",
            {
                "account_name": "ada",
                "endpoint": "https://ada.blob.example.org/",
                "sas_token": "sv=1&sig=x%3D",
            },
        ),
        ("UseDevelopmentStorage=true", {"use_emulator": "true"}),
    ],
)
def test_a_connection_string_is_taken(text: str, expected: dict[str, str]) -> None:
    """As Azure's own tools take it; it does not count where an account is named."""
    assert bucket_keys("az", {"AZURE_STORAGE_CONNECTION_STRING": text}) == expected
    both = {"AZURE_STORAGE_CONNECTION_STRING": text, "AZURE_STORAGE_ACCOUNT": "bob"}
    assert bucket_keys("az", both) == {"account_name": "bob"}


@pytest.mark.parametrize("text", ["secret", "AccountKey=secret", "AccountName=ada;secret"])
def test_what_is_no_connection_string_is_told(text: str) -> None:
    """Without showing what is in it."""
    with pytest.raises(InvalidInput, match="no connection string") as found:
        bucket_keys("az", {"AZURE_STORAGE_CONNECTION_STRING": text})
    assert "secret" not in f"{found.value}{found.value.hint}"


def test_an_emulator_of_google_is_asked_as_nobody() -> None:
    """Its variable is that of Google's libraries; keys are given on where there are some."""
    found = bucket_keys("gs", {"STORAGE_EMULATOR_HOST": "localhost:9000/"})
    assert found["base_url"] == "http://localhost:9000"
    assert "disable_oauth" in found["service_account_key"]
    keys = {"STORAGE_EMULATOR_HOST": "http://localhost:9000", "GOOGLE_SERVICE_ACCOUNT": "file"}
    assert bucket_keys("gs", keys) == {"base_url": "http://localhost:9000", "service_account": "file"}


@pytest.mark.parametrize("scheme", ["az", "gs"])
def test_the_client_knows_the_names(scheme: str) -> None:
    """Every variable that is given on is a setting of the store's client."""
    pytest.importorskip("obstore")
    from obstore.exceptions import BaseError, UnknownConfigurationKeyError
    from obstore.store import AzureStore, GCSStore

    for setting in {"gs": _GOOGLE, "az": _AZURE}[scheme].values():
        try:
            if scheme == "gs":
                GCSStore("bucket", config=cast(Any, {setting: "x"}))
            else:
                AzureStore("container", config=cast(Any, {setting: "x"}))
        except UnknownConfigurationKeyError as error:
            pytest.fail(str(error))
        except BaseError:
            pass  # the value is none, but the name is known
