"""What receivers of a standing query get: one EPCIS query document of some events.

Events are put in as the bytes that the index has of them: they are rendered once, when they enter
it, and every receiver gets the same.
"""

from collections.abc import Sequence
from typing import Final

from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.jcs import canonical_json
from ledger.core.times import format_time

CURSOR_URN: Final = "urn:unbroken:log:"
"""The `id` of a document is this and its position: who goes on behind it misses nothing."""


def query_document(
    *, query_name: str, subscription_id: str | None, events: Sequence[bytes], last: int, at_ms: int
) -> bytes:
    """Return the JSON of an `EPCISQueryDocument`; `last` is the position that it reaches."""
    subscription = (
        b""
        if subscription_id is None
        else b'"subscriptionID":%s,' % canonical_json(subscription_id)
    )
    return b"".join(
        (
            b'{"@context":["%s"],"id":"%s%d",'
            % (STANDARD_CONTEXT.encode(), CURSOR_URN.encode(), last),
            b'"type":"EPCISQueryDocument","schemaVersion":"2.0",',
            b'"creationDate":"%s",' % format_time(at_ms).encode(),
            b'"epcisBody":{"queryResults":{"queryName":%s,' % canonical_json(query_name),
            subscription,
            b'"resultsBody":{"eventList":[%s]}}}}' % b",".join(events),
        )
    )
