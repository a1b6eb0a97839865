"""What the errors of an object store mean.

Of their texts only status and code are taken: the rest can hold addresses with signatures in them.
"""

import re
from collections.abc import Mapping

from obstore.exceptions import (
    AlreadyExistsError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from tether.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TetherError,
    Unauthenticated,
    Unavailable,
)
from tether.storage.buckets import KEYS_HINTS

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_ENDED = frozenset(
    {
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestExpired",
        "TokenRefreshRequired",
    }
)
"""Codes with which stores refuse keys that ended or are no more, whatever status they give them."""
_METADATA_SERVICE = ("169.254.169.254", "metadata.google.internal", "[fd00:ec2::254]")
_SPEAKING_HINTS = {
    "s3": "set AWS_REGION to the region of the bucket, or check AWS_ENDPOINT_URL",
    "gs": "check GOOGLE_BASE_URL",
    "az": "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT",
}
_ACCESS = "check the keys and what they may do in this bucket"


def translate(error: Exception, bucket: str, key: str, *, far: bool = False) -> TetherError:
    """Return our error for one of the store.

    Args:
        error: What the store's client raised.
        bucket: The address of the bucket, for messages.
        key: What the call was about.
        far: The bucket is a far end, not where this process keeps what it has: that it is not there is no
            matter of storage that cannot be reached, but of a wrong address.
    """
    ours = _meant(error, bucket, key, far=far)
    ours.of_storage = not far
    return ours


def unable(message: str, *, far: bool) -> Unavailable:
    """Return our error for a store that does not do what it should, `far` as for `translate`."""
    ours = Unavailable(message, hint="run it again")
    ours.of_storage = not far
    return ours


def _meant(error: Exception, bucket: str, key: str, *, far: bool) -> TetherError:
    text = str(error)
    status, code = status_of(error), _first(_CODE, text)
    if code == "NoSuchBucket" or "ContainerNotFound" in text:
        kind = NotFound if far else Unavailable
        return kind(f"there is no bucket {bucket}", hint="make it first, or check the address")
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFound(f"not found: {key}")
    if isinstance(error, AlreadyExistsError):
        return AlreadyExists(f"already exists: {key}")
    if isinstance(error, PreconditionError):
        return Conflict(f"another writer changed {key}", hint="look at the new state, then run it again")
    refused = status in (401, 403) or isinstance(error, UnauthenticatedError | PermissionDeniedError)
    if refused or code in _ENDED:
        return _refusal(text, bucket, _named(code), known=status != 401 and code not in _ENDED)
    if status in (301, 307, 400):
        hint = _hint(_SPEAKING_HINTS, bucket)
        return InvalidInput(f"{bucket} cannot be spoken to like this{_named(code)}", hint=hint)
    said = f": it answered {status}{_named(code)}" if status else ""
    return Unavailable(f"{bucket} cannot be reached now{said}", hint="wait a little, then run it again")


def _refusal(text: str, bucket: str, named: str, *, known: bool) -> TetherError:
    if any(host in text for host in _METADATA_SERVICE):
        return Unauthenticated(f"no keys for {bucket}", hint=_hint(KEYS_HINTS, bucket))
    if not known:
        return Unauthenticated(f"{bucket} wants other keys{named}", hint=_ACCESS)
    return Forbidden(f"{bucket} refuses access{named}", hint=_ACCESS)


def _hint(hints: Mapping[str, str], bucket: str) -> str:
    """Return the hint for a kind of bucket."""
    return hints.get(bucket.partition(":")[0], _ACCESS)


def status_of(error: Exception) -> int:
    """Return the HTTP status that an error tells of, or 0."""
    return int(_first(_STATUS, str(error)) or 0)


def is_undecided(error: Exception) -> bool:
    """Say whether a write under a condition was refused only because another one is under way."""
    return status_of(error) == 409 and _first(_CODE, str(error)) != "BlobAlreadyExists"


def was_cut(error: Exception) -> bool:
    """Say whether a reply ended before its end."""
    return "body error" in str(error)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _named(code: str) -> str:
    return f" ({code})" if code else ""
