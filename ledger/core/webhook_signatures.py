"""Signatures of what is pushed to receivers (docs/subscriptions.md): HMAC-SHA256 over exact bytes.

Both kinds sign the time of the attempt with the body, so that a receiver can refuse an old message
that is played again. A retry has the same body and id, and a new time.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from ledger.core.errors import MalformedError

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- a mark, no secret
# Standard Webhooks: between 24 and 64 bytes.
MIN_SECRET: Final = 24
MAX_SECRET: Final = 64


def gs1_signature(token: bytes, timestamp_s: int, body: bytes) -> str:
    """Return the `GS1-Signature` of a body: `t=<seconds>,v1=<hex HMAC of "<seconds>.<body>">`."""
    mac = hmac.new(token, b"%d." % timestamp_s + body, hashlib.sha256)
    return f"t={timestamp_s},v1={mac.hexdigest()}"


def standard_signature(secret: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the `webhook-signature`: `v1,<base64 HMAC of "<id>.<seconds>.<body>">`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    mac = hmac.new(secret, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


def format_secret(secret: bytes) -> str:
    """Return a Standard Webhooks secret as receivers configure it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def parse_secret(text: str) -> bytes:
    """Read a Standard Webhooks secret.

    Raises:
        MalformedError: It is not `whsec_` and the base64 of 24 to 64 bytes; the text is not told.
    """
    rule = f"is {SECRET_PREFIX} and the base64 of {MIN_SECRET} to {MAX_SECRET} bytes"
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not MIN_SECRET <= len(secret) <= MAX_SECRET or format_secret(secret) != text:
        raise MalformedError("secret", rule)
    return secret
