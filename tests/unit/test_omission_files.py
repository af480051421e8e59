"""A map that lacks an entry becomes a file that the verifier accepts; an honest one gives none."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from unbroken_verifier.steps import verify_bundle

from ledger.core.errors import MalformedError, ProofError
from ledger.core.evidence_files import parse_evidence
from ledger.core.jcs import canonical_json
from ledger.core.merkle import ReadNode
from ledger.core.omission_files import omission
from ledger.core.strict_json import parse_json
from ledger.core.tiles import TileReader
from tests.fakes.memory_log import Logged, MemoryLog
from tests.property.test_cross import (
    BUYER,
    MAKER,
    OTHER,
    PACKS,
    POLICY,
    SIGNER,
    document_of,
    moved,
)


@dataclass(slots=True)
class Forgetful(MemoryLog):
    """A log whose operator leaves entries out of the map, and out of what it serves."""

    hidden: set[int] = field(default_factory=set)

    def _map_keys(self, one: Logged) -> set[bytes]:
        number = self.logged.index(one)
        return set() if number in self.hidden else MemoryLog._map_keys(self, one)

    def chain_links(self, item_key: bytes, size: int) -> Any:  # noqa: ANN401
        links = MemoryLog.chain_links(self, item_key, size)
        return [link for link in links if link.index not in self.hidden]

    def item_known(self, item_key: bytes) -> bool:
        return bool(self.chain(item_key, len(self.logged)))


def forgetful() -> Forgetful:
    log = Forgetful()
    for signer, gln in ((SIGNER, MAKER), (OTHER, BUYER)):
        log.register(signer, gln)
    return log


def hide(log: Forgetful, event: dict[str, Any]) -> int:
    (index,) = log.submit(document_of([event]), SIGNER)
    log.hidden.add(index)
    return index


def served(log: MemoryLog) -> Any:  # noqa: ANN401
    def tree_at(size: int) -> ReadNode:
        return TileReader(log.read_tile).at(size)

    return tree_at


def unasked(size: int) -> ReadNode:
    raise AssertionError(f"nobody needs the tree of {size}")


def convicts(raw: bytes) -> bool:
    verify_bundle(raw, policy=POLICY)
    return True


def test_an_entry_left_out_of_a_chain_convicts() -> None:
    log = forgetful()
    log.submit(document_of([moved(1, *PACKS)]), SIGNER)
    index = hide(log, moved(2, PACKS[0]))
    log.publish()
    short = log.prove(PACKS[0])
    assert convicts(short)  # the bundle alone does not show it
    shows = log.disclose(str(index), fields=[], items=[PACKS[0]])
    raw = omission(shows, short, unasked)
    assert convicts(raw)
    with pytest.raises(MalformedError, match="is one that a contract takes"):
        parse_evidence(raw)


def test_the_only_entry_left_out_convicts_by_the_proof_of_absence() -> None:
    log = forgetful()
    log.submit(document_of([moved(1, *PACKS[1:])]), SIGNER)
    index = hide(log, moved(2, PACKS[0]))
    log.publish()
    shows = log.disclose(str(index), fields=[], items=[PACKS[0]])
    assert convicts(omission(shows, log.prover().evidence(PACKS[0]).content, unasked))


def test_an_entry_shown_at_an_older_head_is_found_in_the_tree_of_the_newer() -> None:
    log = forgetful()
    log.submit(document_of([moved(1, *PACKS)]), SIGNER)
    index = hide(log, moved(2, PACKS[0]))
    log.publish()
    shows = log.disclose(str(index), fields=[], items=[PACKS[0]])
    log.submit(document_of([moved(3, PACKS[0])]), OTHER)
    log.publish()
    short = log.prove(PACKS[0])
    assert convicts(omission(shows, short, served(log)))
    other = forgetful()
    other.submit(document_of([moved(n, *PACKS) for n in range(20)]), SIGNER)
    with pytest.raises(ProofError, match="may be a fork"):
        omission(shows, short, served(other))


def test_an_honest_log_gives_no_evidence() -> None:
    log = forgetful()
    (index,) = log.submit(document_of([moved(1, *PACKS)]), SIGNER)
    log.publish()
    shows, early = log.disclose(str(index), fields=[], items=PACKS), log.prove(PACKS[0])
    (later,) = log.submit(document_of([moved(2, PACKS[0])]), OTHER)
    log.publish()
    # What was logged after the head of a history is not left out of it.
    new = log.disclose(str(later), fields=[], items=[PACKS[0]])
    for file in (shows, new, early):
        with pytest.raises(MalformedError, match="that its history lacks"):
            omission(file, early, served(log))
    absent = log.prover().evidence("urn:epc:id:sgtin:4012345.011111.never").content
    with pytest.raises(MalformedError, match="that its history lacks"):
        omission(shows, absent, served(log))


def test_other_files_and_other_logs_are_named() -> None:
    log = forgetful()
    (index,) = log.submit(document_of([moved(1, *PACKS)]), SIGNER)
    log.publish()
    shows, history = log.disclose(str(index), fields=[], items=PACKS), log.prove(PACKS[0])
    head: Any = parse_json(history)
    alone = canonical_json({"log_id": "11" * 32, "head": head["head"]})
    with pytest.raises(MalformedError, match="is of one log"):
        omission(shows, alone, unasked)
    with pytest.raises(MalformedError, match="is made from a file that shows the entry"):
        omission(shows, shows, unasked)
