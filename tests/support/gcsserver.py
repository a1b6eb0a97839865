"""The XML interface of Google Cloud Storage, as much of it as a client for objects uses, in memory.

No emulator that can be had has all of this: generations and `x-goog-if-generation-match` for new values,
replaced ones and copies, uploads in parts, lists in pages, tokens that are verified. It was written from the
public reference of the XML interface, and is no proof of what Google's servers do.
"""

import base64
import hashlib
import itertools
import json
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

LEAST_PART = 5 << 20
_PAGE = 1000
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Stored:
    """An object of one generation."""

    data: bytes
    generation: int

    @property
    def tag(self) -> str:
        """Its ETag."""
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class Bucket:
    """All that a server keeps.

    Attributes:
        name: Of its one bucket.
        readers: Public keys of those who may read, by address.
        writers: Addresses of those who may write too.
    """

    name: str
    readers: dict[str, RSAPublicKey]
    writers: frozenset[str]
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[int, bytes]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    counter: "itertools.count[int]" = field(default_factory=lambda: itertools.count(time.time_ns() // 1000))


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def serve(bucket: Bucket) -> ThreadingHTTPServer:
    """Return a server over a bucket, which is not started yet."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"bucket": bucket}))
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    bucket: ClassVar[Bucket]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        name, _, key = parts.path.removeprefix("/").partition("/")
        try:
            self._authorize(writes=self.command not in ("GET", "HEAD"))
            if unquote(name) != self.bucket.name:
                raise Refused(404, "NoSuchBucket")
            answer = getattr(self, f"_{self.command.lower()}")
            status, headers, data = answer(unquote(key), query, body)
        except Refused as error:
            text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{error.code}</Code></Error>"
            status, headers, data = error.status, {}, text.encode()
        self.send_response_only(status)
        length = headers.pop("Content-Length", str(len(data)))
        for header, value in {**headers, "Content-Length": length}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _authorize(self, *, writes: bool) -> None:
        """Verify the token that a service account signed for itself."""
        try:
            head, claims, signature = self.headers.get("authorization", "").removeprefix("Bearer ").split(".")
            said = json.loads(_decoded(claims))
            key = self.bucket.readers[said["iss"]]
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
            if not said["iat"] - 60 <= time.time() < said["exp"]:
                raise Refused(401, "AuthenticationRequired")
        except (ValueError, KeyError, InvalidSignature):
            raise Refused(401, "AuthenticationRequired") from None
        if writes and said["iss"] not in self.bucket.writers:
            raise Refused(403, "AccessDenied")

    # -- reading ----------------------------------------------------------------------------

    def _get(self, key: str, query: dict[str, str], _body: bytes) -> tuple[int, dict[str, str], bytes]:
        if not key:
            return 200, {"Content-Type": "application/xml"}, self._listed(query)
        found = self._found(key)
        headers = _described(found)
        wanted = _RANGE.fullmatch(self.headers.get("range", ""))
        if wanted is None:
            return 200, {**headers, "Content-Length": str(len(found.data))}, found.data
        start, stop = int(wanted[1]), min(int(wanted[2] or len(found.data)) + 1, len(found.data))
        if start >= len(found.data):
            raise Refused(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(found.data)}"
        return 206, headers, found.data[start:stop]

    _head = _get

    def _found(self, key: str) -> Stored:
        try:
            return self.bucket.objects[key]
        except KeyError:
            raise Refused(404, "NoSuchKey") from None

    def _listed(self, query: dict[str, str]) -> bytes:
        prefix, after = query.get("prefix", ""), query.get("continuation-token", query.get("start-after", ""))
        most = min(int(query.get("max-keys", _PAGE)), _PAGE)
        with self.bucket.lock:
            rows = sorted(item for item in self.bucket.objects.items() if item[0].startswith(prefix))
        rows = [row for row in rows if row[0] > after]
        more = rows[most - 1][0] if len(rows) > most else ""
        listed = "".join(
            f"<Contents><Key>{escape(key)}</Key><Generation>{found.generation}</Generation>"
            f"<LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>{found.tag}</ETag>"
            f"<Size>{len(found.data)}</Size></Contents>"
            for key, found in rows[:most]
        )
        token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
        text = f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{token}{listed}"
        return f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>{text}</ListBucketResult>".encode()

    # -- writing ----------------------------------------------------------------------------

    def _put(self, key: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "uploadId" in query:
            _, parts = self._upload(key, query)
            parts[int(query["partNumber"])] = body
            return 200, {"ETag": Stored(body, 0).tag}, b""
        source = self.headers.get("x-goog-copy-source")
        if source is not None:
            body = self._found(unquote(source).removeprefix(f"{self.bucket.name}/")).data
        stored = self._store(key, body)
        data = b"<CopyObjectResult/>" if source is not None else b""
        return 200, _described(stored), data

    def _store(self, key: str, data: bytes) -> Stored:
        """Keep an object, if the generation that is there is the one that the request names."""
        wanted = self.headers.get("x-goog-if-generation-match")
        with self.bucket.lock:
            found = self.bucket.objects.get(key)
            if wanted is not None and int(wanted) != (found.generation if found else 0):
                raise Refused(412, "PreconditionFailed")
            stored = self.bucket.objects[key] = Stored(data, next(self.bucket.counter))
        return stored

    def _post(self, key: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "uploads" in query:
            upload = f"upload-{next(self.bucket.counter)}"
            self.bucket.uploads[upload] = (key, {})
            text = f"<Bucket>{self.bucket.name}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            return 200, {}, f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>".encode()
        _, parts = self._upload(key, query)
        named = [
            (int(part.findtext("PartNumber", "")), part.findtext("ETag", ""))
            for part in ElementTree.fromstring(body)
        ]
        if not named or any(number not in parts or Stored(parts[number], 0).tag != t for number, t in named):
            raise Refused(400, "InvalidPart")
        if any(len(parts[number]) < LEAST_PART for number, _ in named[:-1]):
            raise Refused(400, "EntityTooSmall")
        stored = self._store(key, b"".join(parts[number] for number, _ in named))
        del self.bucket.uploads[query["uploadId"]]
        text = f"<Bucket>{self.bucket.name}</Bucket><Key>{escape(key)}</Key><ETag>{stored.tag}</ETag>"
        done = f"<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>"
        return 200, _described(stored), done.encode()

    def _upload(self, key: str, query: dict[str, str]) -> tuple[str, dict[int, bytes]]:
        found = self.bucket.uploads.get(query.get("uploadId", ""))
        if found is None or found[0] != key:
            raise Refused(404, "NoSuchUpload")
        return found

    def _delete(self, key: str, query: dict[str, str], _body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "uploadId" in query:
            self._upload(key, query)
            del self.bucket.uploads[query["uploadId"]]
        else:
            with self.bucket.lock:
                self._found(key)
                del self.bucket.objects[key]
        return 204, {}, b""


def _described(stored: Stored) -> dict[str, str]:
    return {
        "ETag": stored.tag,
        "Last-Modified": formatdate(usegmt=True),
        "x-goog-generation": str(stored.generation),
    }


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
