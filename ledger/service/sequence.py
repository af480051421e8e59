"""Sequence: accepted submissions get their log indexes, in one transaction, or stay pending.

A crash before the commit leaves every submission pending and the next run gives the same indexes
to the same entries; a crash after it leaves entries that are sequenced but not integrated, which
the integrator takes up. Rights are decided here, at the index that an entry would get.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.core.entries import (
    EventEntry,
    Kind,
    decode_event,
    decode_fact,
    entry_leaf_hash,
)
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.errors import InvariantError, LedgerError, NotPermittedError
from ledger.core.facts import (
    LogIdentity,
    clock,
    parse_identity,
)
from ledger.core.merkle import Levels
from ledger.core.submission import parse_submission
from ledger.service.check import CheckedEvent, CheckPool, check_submission, uncheckable
from ledger.service.event_ids import EventIds, name_finding
from ledger.service.fact_rules import FactRules
from ledger.service.findings import format_findings
from ledger.service.ports import (
    Batch,
    Directory,
    ErrorBehaviour,
    EventName,
    EventRow,
    LogRow,
    LogStore,
    PendingSubmission,
    ResultRow,
    SequencingTransaction,
)
from ledger.service.vault import Vault

# Below this many document bytes a batch is checked in the worker itself: the hop costs more.
INLINE_BYTES = 128 * 1024
# Hops of one batch: a hop for every small submission would cost as much as its check.
CHUNKS = 16
# Of a reason that is kept: it may quote the sender's own text.
MAX_REASON = 500


@dataclass(slots=True)
class _Work:
    """A submission with what the check made of it; facts have entries only."""

    pending: PendingSubmission
    events: list[CheckedEvent]
    facts: list[bytes]
    paths: list[bytes] = field(default_factory=list)

    def entries(self) -> list[bytes]:
        return self.facts or [event.entry for event in self.events]

    def first(self) -> EventEntry:
        """Return the first event's entry: all entries have its signer and party."""
        return decode_event(self.events[0].entry)


@dataclass(slots=True)
class Sequencer:
    """Gives log indexes to accepted submissions, in order of acceptance."""

    store: LogStore
    vault: Vault
    batch_size: int
    pool: CheckPool | None = None

    def run(self, *, at_ms: int) -> int:
        """Sequence one batch of at most batch_size submissions; return how many it took up."""
        pending = self.store.pending(self.batch_size)
        if not pending:
            return 0
        work = self._check(pending)
        with self.store.sequencing() as transaction:
            alive = transaction.still_pending([item.id for item in pending])
            work = [one for one in work if one.pending.id in alive]
            if work:
                _sequence(transaction, work, self.vault, at_ms)
        return len(work)

    def _check(self, pending: Sequence[PendingSubmission]) -> list[_Work]:
        parts = [self.vault.open(item.sealed, item.digest) for item in pending]
        size = sum(len(item.document or b"") for item in pending)
        jobs = [
            (part, item.document, item.accepted_ms)
            for part, item in zip(parts, pending, strict=True)
            if item.document is not None
        ]
        if self.pool is not None and size > INLINE_BYTES:
            chunk = 1 + len(jobs) // CHUNKS
            checked = self.pool.run(check_submission, jobs, chunksize=chunk, instead=uncheckable)
        else:
            checked = iter([check_submission(*job) for job in jobs])
        return [_work(item, part, checked) for item, part in zip(pending, parts, strict=True)]


def _work(item: PendingSubmission, part: bytes, checked: Iterator[list[CheckedEvent]]) -> _Work:
    if item.document is None:
        facts = [event.entry for event in parse_submission(part).events]
        work = _Work(item, [], facts)
    else:
        work = _Work(item, next(checked), [])
    tree = Levels()
    tree.extend([entry_leaf_hash(entry) for entry in work.entries()])
    work.paths = [b"".join(tree.inclusion_proof(i)) for i in range(tree.size)]
    return work


def _root(event: CheckedEvent) -> bytes:
    return decode_event(event.entry).event_root


def _name(event: CheckedEvent, party: bytes) -> EventName:
    return EventName(event.event_id, event.event_hash, event.event_digest, party)


def _sequence(
    transaction: SequencingTransaction, work: list[_Work], vault: Vault, at_ms: int
) -> None:
    state = transaction.state()
    identity = _identity(transaction, work, state.sequenced)
    directory, batch = transaction.directory(), Batch(clock_ms=max(at_ms, state.clock_ms))
    _Sequencing(
        transaction=transaction, identity=identity, directory=directory, vault=vault, batch=batch,
        index=state.sequenced, fact_rules=FactRules(identity, directory, batch, transaction),
    ).run(work)  # fmt: skip


def _identity(transaction: SequencingTransaction, work: list[_Work], sequenced: int) -> LogIdentity:
    if sequenced:
        return transaction.identity()
    first = work[0].facts[0] if work[0].facts else b""
    fact = decode_fact(first)
    if fact.kind != Kind.GENESIS:
        raise InvariantError("the first submission of a log is its genesis")
    return parse_identity(fact.payload)


@dataclass(slots=True)
class _Sequencing:
    """The state of one sequencing transaction."""

    transaction: SequencingTransaction
    identity: LogIdentity
    directory: Directory
    vault: Vault
    batch: Batch
    index: int
    fact_rules: FactRules
    seen_leaves: dict[bytes, int] = field(default_factory=dict)
    seen_events: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    erased: dict[bytes, int] = field(default_factory=dict)
    event_ids: EventIds = field(default_factory=EventIds)

    def run(self, work: list[_Work]) -> None:
        start = self.index
        self._load_known(work)
        if start:
            self._add_clock()
        for one in work:
            self.batch.submission_ids.append(one.pending.id)
            if one.facts:
                self._facts(one)
            else:
                self._events(one)
        self.transaction.write(self.batch, self.index)

    def _load_known(self, work: list[_Work]) -> None:
        leaves = {entry_leaf_hash(entry) for one in work for entry in one.entries()}
        self.seen_leaves = self.transaction.known_leaves(leaves)
        found = [
            (party, event)
            for one in work
            if one.events
            for party in (one.first().party,)
            for event in one.events
            if event.code is None
        ]
        self.seen_events = self.transaction.known_events(
            {(party, digest) for party, event in found for digest in event.digests}
        )
        self.erased = self.transaction.erased_events({_root(event) for _, event in found})
        names = {_name(event, party) for party, event in found}
        self.event_ids = EventIds(self.transaction.namesakes(names))

    def _add_clock(self) -> None:
        entry = clock(self.batch.clock_ms, self.identity.head_signer).encode()
        leaf = entry_leaf_hash(entry)
        if leaf in self.transaction.known_leaves([leaf]):
            # Two batches in one millisecond: the later clock reads one millisecond more.
            self.batch.clock_ms += 1
            self._add_clock()
            return
        self.batch.log.append(
            LogRow(index=self.index, kind=Kind.CLOCK, entry=entry, leaf_hash=leaf)
        )
        self.index += 1

    def _log(self, one: _Work, position: int, entry: bytes, kind: int) -> int:
        leaf = entry_leaf_hash(entry)
        index = self.index
        self.batch.log.append(
            LogRow(
                index=index,
                kind=kind,
                entry=entry,
                leaf_hash=leaf,
                submission_id=one.pending.id,
                position=position,
                count=len(one.paths),
                path=one.paths[position],
            )
        )
        self.seen_leaves[leaf] = index
        self.index += 1
        return index

    def _result(
        self, one: _Work, position: int, verdict: str, index: int | None = None,
        code: str | None = None, reason: str | None = None,
        findings: Sequence[DocumentFinding] = (),
    ) -> None:  # fmt: skip
        if reason is not None:
            # Attack: PostgreSQL takes no NUL in a text, and a terminal obeys control characters.
            shown = (one if one.isprintable() else "?" for one in reason[:MAX_REASON])
            reason = "".join(shown)
        self.batch.results.append(
            ResultRow(
                submission_id=one.pending.id,
                position=position,
                verdict=verdict,
                log_index=index,
                code=code,
                reason=reason,
                findings=format_findings(findings),
            )
        )

    def _events(self, one: _Work) -> None:
        """Log a document's events; duplicates are no error, so they roll nothing back.

        Whether anything is refused is known before the first entry gets its index: a document
        that is rolled back leaves no hole.
        """
        entry = one.first()
        refusals = self._refusals(one, entry)
        if refusals and one.pending.error_behaviour == ErrorBehaviour.ROLLBACK:
            cause = min(refusals)
            rolled_back = ("rolled_back", f"event {cause} of the document was rejected")
            refusals = {i: refusals.get(i, rolled_back) for i in range(len(one.events))}
        for position, event in enumerate(one.events):
            known = self._known(event, entry.party)
            if known is not None:
                self._result(one, position, "duplicate", known, findings=event.findings)
            elif position in refusals:
                code, reason = refusals[position]
                self._result(one, position, "rejected", None, code, reason, event.findings)
            else:
                self._event(one, position, event, entry.party)

    def _known(self, event: CheckedEvent, party: bytes) -> int | None:
        """Return the index of an event that is in the log, or in this batch so far."""
        if event.code is not None:
            return None
        by_leaf = self.seen_leaves.get(entry_leaf_hash(event.entry))
        by_content = (self.seen_events.get((party, digest)) for digest in event.digests)
        found = (by_leaf, *by_content, self.erased.get(_root(event)))
        return next((index for index in found if index is not None), None)

    def _refusals(self, one: _Work, entry: EventEntry) -> dict[int, tuple[str, str]]:
        """Return code and reason of each event that may not be logged, by position."""
        refusals = {
            position: (event.code, event.reason or "")
            for position, event in enumerate(one.events)
            if event.code is not None
        }
        if not self.directory.may_sign(entry.signer, entry.party):
            reason = f"0x{entry.signer.hex()} was not active at index {self.index}"
            for position, event in enumerate(one.events):
                if self._known(event, entry.party) is None:
                    refusals.setdefault(position, ("not_permitted", reason))
        return refusals

    def _event(self, one: _Work, position: int, event: CheckedEvent, party: bytes) -> None:
        name = _name(event, party)
        codes = self.event_ids.codes(name, declares_error=event.declares_error, has_id=event.has_id)
        # The check knows the document, and may have said the same of it.
        said = {finding.code for finding in event.findings}
        about = [
            name_finding(code, event.pointer, event.event_id, position)
            for code in codes
            if code not in said
        ]
        index = self._log(one, position, event.entry, Kind.EVENT)
        for digest in event.digests:
            self.seen_events.setdefault((party, digest), index)
        if not event.declares_error:
            self.event_ids.add(name)
        self.batch.events.append(self._event_row(index, party, event))
        self._result(one, position, "accepted", index, findings=[*about, *event.findings])

    def _event_row(self, index: int, party: bytes, event: CheckedEvent) -> EventRow:
        return EventRow(
            index=index,
            party=party,
            event_digest=event.event_digest,
            event_id=event.event_id,
            event_hash=event.event_hash,
            declares_error=event.declares_error,
            content=event.content,
            sealed_secret=self.vault.seal(event.event_secret, event.event_digest),
            items_secret=event.items_secret,
            items=event.items,
            spends=dict(event.spends),
        )

    def _facts(self, one: _Work) -> None:
        try:
            self.fact_rules.verify_signer(one.facts, one.pending)
        except LedgerError as error:
            for position in range(len(one.facts)):
                self._result(one, position, "rejected", None, "not_permitted", str(error))
            return
        for position, raw in enumerate(one.facts):
            known = self.seen_leaves.get(entry_leaf_hash(raw))
            if known is not None:
                self._result(one, position, "duplicate", known)
                continue
            try:
                kind = self.fact_rules.apply(raw, self.index)
            except LedgerError as error:
                code = "not_permitted" if isinstance(error, NotPermittedError) else "malformed"
                self._result(one, position, "rejected", None, code, str(error))
                continue
            index = self._log(one, position, raw, kind)
            self._result(one, position, "accepted", index)
            if kind == Kind.GENESIS:
                self._add_clock()
