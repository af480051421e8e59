"""The two-part body of a capture: a strict reader of RFC 7578 for exactly one shape.

Two readers of a lenient multipart can see two documents. Here the body is the two parts and nothing
else: no preamble, no epilogue, no third part, no header that is not understood. The document is
searched once, for the boundary that ends it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.core.errors import MalformedError

SUBMISSION: Final = "submission"
DOCUMENT: Final = "document"
_NAMES: Final = (SUBMISSION, DOCUMENT)

# Two header fields of one part; real ones have about 120 bytes.
MAX_PART_HEADERS: Final = 1024
_FIELD = "body"
_CRLF = b"\r\n"
# RFC 2046 section 5.1.1: 1 to 70 characters, the last no space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]", re.ASCII)
_PARAMETER = re.compile(
    r';[ \t]*boundary=(?:"([^"\\]*)"|([^;" \t]+))[ \t]*', re.ASCII | re.IGNORECASE
)
_DISPOSITION = re.compile(
    r'form-data;[ \t]*name="?([a-z]+)"?(?:;[ \t]*filename=(?:"[^"]*"|[^"; \t]+))?', re.ASCII
)
_ALLOWED = frozenset(["content-disposition", "content-type"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureBody:
    """The parts of a capture, as received."""

    submission: bytes
    document: bytes
    media_type: str


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a multipart/form-data content type.

    Raises:
        MalformedError: There is none, more than one, or it breaks RFC 2046.
    """
    parameters = content_type[content_type.find(";") :] if ";" in content_type else ""
    match = _PARAMETER.fullmatch(parameters)
    text = (match[1] or match[2] or "") if match else ""
    if not _BOUNDARY.fullmatch(text):
        raise MalformedError("content-type", "has one boundary of 1 to 70 characters", content_type)
    return text.encode()


def split_capture(body: bytes, boundary: bytes) -> CaptureBody:
    """Return the parts `submission` and `document`, in whichever order they come.

    Cost: one search of each part for the boundary; each part is copied once.

    Raises:
        MalformedError: Anything else than these two parts, each with its content type.
    """
    delimiter = _CRLF + b"--" + boundary
    if not body.startswith(delimiter[2:] + _CRLF):
        raise MalformedError(_FIELD, "begins with the boundary of its content type", body[:40])
    parts: dict[str, tuple[str, bytes]] = {}
    start = len(delimiter)
    for _ in _NAMES:
        name, media_type, content = _part_header(body, start)
        if name in parts:
            raise MalformedError(_FIELD, "has each part once", name)
        end = body.find(delimiter, content)
        if end < 0:
            raise MalformedError(_FIELD, "ends with the closing boundary: it was cut short")
        parts[name] = media_type, body[content:end]
        start = end + len(delimiter) + 2
        if body[start - 2 : start] != (b"--" if len(parts) == len(_NAMES) else _CRLF):
            raise MalformedError(
                _FIELD,
                "has exactly the parts submission and document",
                body[start - 2 : start + 40],
            )
    if body[start:] not in (b"", _CRLF):
        raise MalformedError(_FIELD, "ends with the closing boundary", body[start : start + 40])
    media_type, document = parts[DOCUMENT]
    return CaptureBody(submission=parts[SUBMISSION][1], document=document, media_type=media_type)


def _part_header(body: bytes, start: int) -> tuple[str, str, int]:
    """Return name, media type and offset of the content of the part whose header is at start."""
    end = body.find(b"\r\n\r\n", start, start + MAX_PART_HEADERS)
    if end < 0:
        raise MalformedError(
            _FIELD, f"has part headers of at most {MAX_PART_HEADERS} bytes and an empty line",
            body[start : start + 40],
        )  # fmt: skip
    name, media_type = _parsed_header(body[start:end])
    return name, media_type, end + 4


# Clients send the same two headers with every capture.
@lru_cache(maxsize=64)
def _parsed_header(header: bytes) -> tuple[str, str]:
    fields: dict[str, str] = {}
    for line in header.split(_CRLF):
        raw_name, colon, raw_value = line.partition(b":")
        name = raw_name.decode("latin-1").lower()
        if not colon or name not in _ALLOWED or name in fields:
            raise MalformedError(
                _FIELD, "has parts with Content-Disposition and Content-Type only", line
            )
        fields[name] = raw_value.decode("latin-1").strip(" \t")
    match = _DISPOSITION.fullmatch(fields.get("content-disposition", ""))
    if match is None or match[1] not in _NAMES:
        raise MalformedError(
            _FIELD, "has exactly the parts submission and document",
            fields.get("content-disposition"),
        )  # fmt: skip
    media_type = fields.get("content-type", "")
    if not media_type or not media_type.isprintable():
        raise MalformedError(f"{_FIELD}.{match[1]}", "has a Content-Type", media_type)
    if (
        match[1] == SUBMISSION
        and media_type.partition(";")[0].strip().lower() != "application/json"
    ):
        raise MalformedError(f"{_FIELD}.{SUBMISSION}", "is application/json", media_type)
    return match[1], media_type
