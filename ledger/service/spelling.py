"""Spelling: events of the index with their GS1 keys as a subscriber asked for (GS1-EPC-Format)."""

from collections.abc import Mapping

import orjson

from ledger.core.epcis.document import Event
from ledger.core.epcis.epc_format import EpcFormat, in_format, learn_from_event
from ledger.core.prefix_lengths import PrefixLengths
from ledger.core.strict_json import parse_json
from ledger.service.index import with_server_members
from ledger.service.query_ports import Batch, SentEvent


def is_rendered(wanted: EpcFormat) -> bool:
    """Tell whether the index has events in that spelling already."""
    return wanted in (EpcFormat.ALWAYS_GS1_DIGITAL_LINK, EpcFormat.NO_PREFERENCE)


def spelt(batch: Batch, wanted: EpcFormat, sent: Mapping[int, SentEvent]) -> Batch:
    """Return a batch whose events are made anew from what was sent, in another spelling.

    Company prefixes are learnt from the batch: a Digital Link of another company stays one.
    """
    lengths = PrefixLengths()
    found = [(position, _content(sent[position]), sent[position]) for position, _ in batch.messages]
    for _, content, _ in found:
        learn_from_event(content, lengths)
    messages = [
        (position, _rendered(in_format(content, wanted, lengths), one))
        for position, content, one in found
    ]
    return Batch(messages, batch.reached)


def _content(sent: SentEvent) -> Event:
    content = parse_json(sent.content)
    return content if isinstance(content, dict) else {}


def _rendered(event: Event, sent: SentEvent) -> bytes:
    return orjson.dumps(with_server_members(event, sent.event_id, sent.record_ms))
