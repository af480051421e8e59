"""Page tokens: where the next page begins, signed, so that the server keeps nothing about them.

A token belongs to one query and ends after LIFETIME_MS. It holds how far the index was when the
first page was read, so that pages are of one state however much is captured meanwhile.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

import orjson

from ledger.core.epcis.given import QueryParameterError
from ledger.service.query_ports import Cursor

# Who reads page by page by hand comes back the same day.
LIFETIME_MS = 24 * 3600 * 1000
_FIELD = "nextPageToken"
_LABEL = b"unbroken/page-token/v1\0"
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins, and how many events came before it."""

    cursor: Cursor
    served: int


def token_key(storage_key: bytes) -> bytes:
    """Return the key that signs tokens; it tells nothing of the storage key."""
    return hmac.digest(storage_key, _LABEL, "sha256")


def format_token(place: Place, key: bytes, query: str, expires_ms: int) -> str:
    """Return the token of a place in the answer to a query, given as text."""
    shown = [part.hex() if isinstance(part, float) else part for part in place.cursor.key]
    payload = orjson.dumps(
        [shown, place.cursor.log_index, place.cursor.up_to, place.served, expires_ms]
    )
    return urlsafe_b64encode(_mac(payload, key, query) + payload).rstrip(b"=").decode()


def parse_token(token: str, key: bytes, query: str, at_ms: int) -> Place:
    """Return the place of a token.

    Raises:
        QueryParameterError: it is altered, of another query, or has ended.
    """
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise QueryParameterError(_FIELD, "is a token of this server", token) from None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(payload, key, query)):
        raise QueryParameterError(_FIELD, "belongs to the query that it came with", token)
    shown, log_index, up_to, served, expires_ms = orjson.loads(payload)
    if expires_ms <= at_ms:
        raise QueryParameterError(_FIELD, "has not expired", token)
    return Place(Cursor(tuple(shown), log_index, up_to), served)


def _mac(payload: bytes, key: bytes, query: str) -> bytes:
    bound = sha256(query.encode(errors="surrogatepass")).digest()
    return hmac.digest(key, bound + payload, "sha256")[:_MAC_BYTES]
