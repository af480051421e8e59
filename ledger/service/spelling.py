"""Spelling: events of the index with their GS1 keys as a subscriber asked for (GS1-EPC-Format)."""

from collections.abc import Mapping, Sequence

import orjson

from ledger.core.digital_links import to_urn
from ledger.core.epcis.compared import identity
from ledger.core.epcis.document import Event
from ledger.core.epcis.epc_format import EpcFormat, identifiers_of, in_format, learn_from_event
from ledger.core.prefix_lengths import PrefixLengths
from ledger.core.strict_json import parse_json
from ledger.service.index import each_once, with_server_members
from ledger.service.query_ports import Batch, SentEvent


def is_rendered(wanted: EpcFormat) -> bool:
    """Tell whether the index has events in that spelling already."""
    return wanted in (EpcFormat.ALWAYS_GS1_DIGITAL_LINK, EpcFormat.NO_PREFERENCE)


def spelt(batch: Batch, wanted: EpcFormat, sent: Mapping[int, SentEvent]) -> Batch:
    """Return a batch whose events are made anew from what was sent, in another spelling.

    Company prefixes are learnt from the batch: a Digital Link of another company stays one.
    """
    lengths = PrefixLengths()
    # What was erased since the index was read is left out.
    there = [position for position, _ in batch.messages if position in sent]
    found = [(position, _content(sent[position]), sent[position]) for position in there]
    for _, content, _ in found:
        learn_from_event(content, lengths)
    messages = [
        (position, _rendered(in_format(content, wanted, lengths), one))
        for position, content, one in found
    ]
    return Batch(messages, batch.reached)


def spelt_values(values: Sequence[str], wanted: EpcFormat, sent: Sequence[SentEvent]) -> list[str]:
    """Return identifiers in another spelling, as far as events that name them show it.

    Args:
        values: As Digital Links, or as they are where they are no GS1 keys.
        wanted: Always_EPC_URN takes the lengths of company prefixes from the events,
            Never_Translates the spelling of the first event that names a value.
        sent: The events.
    """
    found = [text for one in sent for text in identifiers_of(_content(one))]
    if wanted is EpcFormat.ALWAYS_EPC_URN:
        lengths = PrefixLengths()
        for text in found:
            lengths.learn(text)
        return [to_urn(value, lengths) for value in values]
    as_sent = {identity(text): text for text in reversed(found)}
    return [as_sent.get(identity(value), value) for value in values]


def _content(sent: SentEvent) -> Event:
    content = parse_json(sent.content)
    return content if isinstance(content, dict) else {}


def _rendered(event: Event, sent: SentEvent) -> bytes:
    return orjson.dumps(with_server_members(each_once(event), sent.event_id, sent.record_ms))
