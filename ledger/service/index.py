"""Index: integrated events become rows that queries read, in one transaction a step.

The index is a function of the log. It may lag what is integrated, never lead it; a crash leaves it
at the last step's end, and the log read again gives the same rows. What a query answers is no
evidence: that is what bundles are for.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from ledger.core.epcis.document import STANDARD_CONTEXT, Event
from ledger.core.epcis.epc_format import EpcFormat, in_format
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.index_terms import index_row
from ledger.core.epcis.master_data import MasterData
from ledger.core.epcis.read import read_document
from ledger.core.errors import InvariantError, MalformedError
from ledger.core.events import event_time_ms
from ledger.core.prefix_lengths import PrefixLengths
from ledger.core.strict_json import JsonValue, parse_json
from ledger.core.times import format_time
from ledger.service.query_ports import IndexedEvent, IndexStore, IndexTransaction, LoggedEvent

# Rises with each change of what a row holds: an index by other rules is made anew from the log.
VERSION = 2
# Entries per transaction: bounds memory, and the time until what is read is told.
MAX_ENTRIES = 2_000
_STANDARD = ([STANDARD_CONTEXT], STANDARD_CONTEXT)
_EPC_LISTS = frozenset(["epcList", "childEPCs", "inputEPCList", "outputEPCList"])
_PERSISTENT = "persistentDisposition"
_NO_LENGTHS = PrefixLengths()


@dataclass(slots=True)
class Indexer:
    """Takes integrated events into the index."""

    store: IndexStore

    def run(self) -> int:
        """Index what is integrated, at most MAX_ENTRIES; return the number of entries."""
        with self.store.indexing() as transaction:
            state = transaction.state()
            if state.version != VERSION:
                transaction.clear()
                state = state._replace(indexed=0, clock_ms=0)
            start, end = state.indexed, min(state.integrated, state.indexed + MAX_ENTRIES)
            if start >= end:
                return 0
            end = transaction.bounded(start, end)
            events = transaction.events(start, end)
            clocks = [(-1, state.clock_ms), *transaction.clocks(start, end)]
            rows = [_indexed(event, _clock_before(clocks, event.log_index)) for event in events]
            transaction.write(rows, _master_data(transaction, start, end))
            transaction.advance(end, clocks[-1][1], VERSION)
            return end - start


def rendered(content: Event, event_id: str, record_ms: int) -> bytes:
    """Return an event as it is served where no header asks for anything else."""
    event = spelt(content, EpcFormat.ALWAYS_GS1_DIGITAL_LINK, _NO_LENGTHS)
    return orjson.dumps(with_server_members(event, event_id, record_ms))


def spelt(content: Event, wanted: EpcFormat, lengths: PrefixLengths) -> Event:
    """Return an event with its GS1 keys as asked; what two spellings named stands once then."""
    event = in_format(content, wanted, lengths)
    return event if wanted is EpcFormat.NEVER_TRANSLATES else each_once(event)


def each_once(event: Event) -> Event:
    """Return an event whose lists of EPCs and of dispositions name each once.

    JSON has to (uniqueItems of the standard's schema); XML may repeat.
    """
    return {name: _each_once(name, value) for name, value in event.items()}


def with_server_members(event: Event, event_id: str, record_ms: int) -> Event:
    """Return an event with its eventID and the server's recordTime; a sender's one counts nothing.

    A context that is the answer's own is left out.
    """
    served = {name: value for name, value in event.items() if name != "recordTime"}
    if served.get("@context") in _STANDARD:
        del served["@context"]
    return {**served, "eventID": event_id, "recordTime": format_time(record_ms)}


def _each_once(name: str, value: JsonValue) -> JsonValue:
    if name in _EPC_LISTS:
        return _once(value)
    if name == _PERSISTENT and isinstance(value, dict):
        return {way: _once(words) for way, words in value.items()}
    return value


def _once(listed: JsonValue) -> JsonValue:
    """Return a list of texts with each once."""
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        return listed
    return [*{one: None for one in listed if isinstance(one, str)}]


def _indexed(logged: LoggedEvent, record_ms: int) -> IndexedEvent:
    content = parse_json(logged.content)
    if not isinstance(content, dict):
        raise InvariantError(f"entry {logged.log_index} is no event")
    given = content.get("eventID")
    event_id = logged.event_id or (given if isinstance(given, str) else event_hash(content))
    return IndexedEvent(
        log_index=logged.log_index,
        record_ms=record_ms,
        event_ms=event_time_ms(content.get("eventTime")),
        party=logged.party,
        event_id=event_id,
        row=index_row(content),
        rendered=rendered(content, event_id, record_ms),
    )


def _clock_before(clocks: Sequence[tuple[int, int]], log_index: int) -> int:
    """Return the time of the batch that logged an entry: its clock comes first."""
    return clocks[bisect(clocks, (log_index,)) - 1][1]


def _master_data(transaction: IndexTransaction, start: int, end: int) -> MasterData:
    master = MasterData()
    for raw in transaction.documents(start, end):
        try:
            master.add(read_document(raw).members)
        except MalformedError:
            # Read when it was captured by rules that have changed since.
            continue
    return master
