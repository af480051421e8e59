"""The custody part of integration: facts of contents, states, stays and findings of items.

Everything that it writes is a function of the log and of the rules; when it is written is not: an
item may be evaluated any number of times. Time is that of the last clock entry. A clock entry only
begins a batch, so on a log where nothing is submitted no grace ends.
"""

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

import orjson

from ledger.core.custody.coordinates import coordinates
from ledger.core.custody.facts import event_facts
from ledger.core.custody.findings import Finding, Rule
from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings
from ledger.core.custody.steps import Step
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError
from ledger.service.custody_evaluation import evaluate, evaluate_class
from ledger.service.custody_ports import CustodyProgress, CustodyTransaction
from ledger.service.finding_changes import (
    LOOKED_AGAIN,
    SETTINGS_CHANGED,
    closing_reason,
    finding_changes,
)

# Entries whose contents are held at once: some 2 MB, were they not of 5,000 packs each.
CONTENTS = 1_000
# Items that are folded at once, with their containers: bounds memory.
ITEMS = 4_000
# Items that one transaction evaluates though no entry names them, and entries of an older release
# that it reads: bounds how long intake waits for changed settings.
REVISITED = 20_000
_OF_CLASSES = frozenset([Rule.OVER_SHIPMENT.value])
_ERASED = "The content that it rested on is erased."


def integrate_custody(
    transaction: CustodyTransaction, start: int, end: int, rules: RuleSettings = DEFAULT_SETTINGS
) -> int:
    """Evaluate every item whose custody entries [start, end) may change, and some that wait.

    While contents of an older release are unread, states are made and findings are not: half of
    what was told tells false alarms.

    Returns:
        How much was done that no entry touched, items and entries; where start is end and it is 0,
        everything is done.
    """
    progress = transaction.custody_progress()
    if progress.rules_digest != rules.digest():
        progress = progress._replace(rules_digest=rules.digest(), revised_to=b"")
    read_from = progress.facts_to
    progress, concerned = _take_in(transaction, progress, start, end)
    evaluation = _Evaluation(transaction, start, end, rules, is_read=progress.facts_to >= end)
    erased, recounted = transaction.forget_erased(start, end)
    transaction.forget_places(start, end)
    concerned |= transaction.find_namesakes(start, end)
    evaluation.items([*transaction.touched_items(start, end), *concerned], LOOKED_AGAIN)
    evaluation.items(erased, _ERASED)
    done = progress.facts_to - read_from + len(concerned)
    if evaluation.is_read:
        evaluation.classes(transaction.touched_classes(start, end), LOOKED_AGAIN)
        evaluation.classes(recounted, _ERASED)
        waiting = transaction.waiting_items(evaluation.as_of_ms, REVISITED)
        evaluation.items(waiting, LOOKED_AGAIN)
        progress, revised = _revise(transaction, progress, evaluation)
        done += len(waiting) + revised
    transaction.set_custody_progress(progress)
    return done


def remake_custody(
    transaction: CustodyTransaction, size: int, rules: RuleSettings = DEFAULT_SETTINGS
) -> None:
    """Make everything derived anew from the log below size; findings that stay are not told."""
    transaction.forget_custody()
    transaction.set_custody_progress(CustodyProgress(rules.digest(), None, 0))
    integrate_custody(transaction, 0, size, rules)
    while integrate_custody(transaction, size, size, rules):
        pass


def _take_in(
    transaction: CustodyTransaction, progress: CustodyProgress, start: int, end: int
) -> tuple[CustodyProgress, set[bytes]]:
    """Read what new contents say. An older release left entries unread: they are taken up first."""
    first = progress.facts_to
    stop = end if first == start else min(end, first + REVISITED)
    concerned: set[bytes] = set()
    for begin in range(first, stop, CONTENTS):
        until = min(begin + CONTENTS, stop)
        contents = transaction.contents(begin, until)
        transaction.write_facts(
            [(index, event_facts(orjson.loads(content))) for index, content in contents]
        )
        _read_places(transaction, begin, until)
    if first < start:
        concerned |= transaction.find_namesakes(first, stop)
        if stop == end:
            progress = progress._replace(revised_to=b"")
    return progress._replace(facts_to=max(stop, first)), concerned


def _read_places(transaction: CustodyTransaction, start: int, end: int) -> None:
    for begin in range(start, end, CONTENTS):
        for submission_id, raw in transaction.documents(begin, min(begin + CONTENTS, end)):
            transaction.add_places(submission_id, read_coordinates(raw))


def read_coordinates(raw: bytes) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of the places of which a stored document tells."""
    try:
        return coordinates(read_document(raw).members)
    except MalformedError:
        return {}  # read when it was captured, by rules that have changed since


def _revise(
    transaction: CustodyTransaction, progress: CustodyProgress, evaluation: "_Evaluation"
) -> tuple[CustodyProgress, int]:
    """Evaluate the next items that were judged by other rules."""
    if progress.revised_to is None:
        return progress, 0
    known = transaction.keys_after(progress.revised_to, REVISITED)
    evaluation.items([one.key for one in known if one.is_item], SETTINGS_CHANGED)
    evaluation.classes([one.key for one in known if one.is_class], SETTINGS_CHANGED)
    reached = known[-1].key if len(known) == REVISITED else None
    return progress._replace(revised_to=reached), len(known)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the search for cycles: a chunk makes no cycle, and a search would read all its steps.

    It took half of the time of an evaluation.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Evaluation:
    """Evaluates items as of the end of a transaction, each once."""

    def __init__(
        self, transaction: CustodyTransaction, start: int, end: int, rules: RuleSettings, *,
        is_read: bool,
    ) -> None:  # fmt: skip
        self._transaction, self.is_read = transaction, is_read
        self._start, self._end, self._rules = start, end, rules
        self._done: set[bytes] = set()
        self.as_of_ms = transaction.clock_before(end)

    def items(self, keys: Iterable[bytes], reason: str) -> None:
        """Evaluate items; reason is that of findings which close by no new entry."""
        waiting = iter(dict.fromkeys(key for key in keys if key not in self._done))
        while chunk := list(islice(waiting, ITEMS)):
            self._done.update(chunk)
            with _collector_paused():
                self._chunk(chunk, reason)

    def _chunk(self, keys: Sequence[bytes], reason: str) -> None:
        transaction = self._transaction
        made = evaluate(transaction, keys, self._end, self.as_of_ms, self._rules)
        transaction.write_states(made.states, made.due)
        transaction.write_stays(keys, made.stays)
        if not self.is_read:
            return
        why = partial(self._why, made.histories, reason)
        self._compare(keys, made.findings, why, are_classes=False)

    def classes(self, keys: Iterable[bytes], reason: str) -> None:
        """Evaluate the balances of classes; reason as for items."""
        for key in dict.fromkeys(keys):
            history, found = evaluate_class(
                self._transaction, key, self._end, self.as_of_ms, self._rules
            )
            self._compare([key], found, partial(self._why, history, reason), are_classes=True)

    def _why(self, histories: Mapping[bytes, Sequence[Step]], reason: str, item: bytes) -> str:
        return closing_reason(histories, item, self._start, reason)

    def _compare(
        self,
        keys: Collection[bytes],
        found: Iterable[Finding],
        why: Callable[[bytes], str],
        *,
        are_classes: bool,
    ) -> None:
        """Write what has changed; a key may name an item and a class, which are judged apart."""
        transaction = self._transaction
        before = [
            one
            for one in transaction.open_findings(keys)
            if (one.code in _OF_CLASSES) == are_classes
        ]
        changes = finding_changes(before, found, why)
        if changes:
            transaction.write_findings(
                changes, self._end - 1, self.as_of_ms, self._rules.findings_cap
            )
