"""What receivers of a standing query get: one EPCIS query document of some events.

Events are put in as the bytes that the index has of them: they are rendered once, when they enter
it, and every receiver gets the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from ledger.core.jcs import canonical_json

CURSOR_URN: Final = "urn:unbroken:log:"
"""The `id` of a document is this and its position: who goes on behind it misses nothing."""

_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC


def query_document(
    *, query_name: str, subscription_id: str | None, events: Sequence[bytes], last: int, at_ms: int
) -> bytes:
    """Return the JSON of an `EPCISQueryDocument`; `last` is the position that it reaches."""
    moment = (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
    subscription = (
        b""
        if subscription_id is None
        else b'"subscriptionID":%s,' % canonical_json(subscription_id)
    )
    return b"".join(
        (
            b'{"@context":["%s"],"id":"%s%d",' % (_CONTEXT.encode(), CURSOR_URN.encode(), last),
            b'"type":"EPCISQueryDocument","schemaVersion":"2.0",',
            b'"creationDate":"%s",' % moment.replace("+00:00", "Z").encode(),
            b'"epcisBody":{"queryResults":{"queryName":%s,' % canonical_json(query_name),
            subscription,
            b'"resultsBody":{"eventList":[%s]}}}}' % b",".join(events),
        )
    )
