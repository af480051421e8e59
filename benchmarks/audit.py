"""G7: replaying signatures beside bare signature checks, and what a second process brings."""

import os
import secrets
import time
from collections.abc import Callable, Iterator

from benchmarks.bulk import fill
from benchmarks.ground import ground, new_signer
from benchmarks.measure import PAIRS, Result, cpu_of, cpu_of_tree, paired, spread
from benchmarks.raw_verify import verifying, verifying_parsed
from ledger.core.audit_signatures import SignatureAudit, SignedEntry
from ledger.core.eip712 import submission_digest
from ledger.core.entries import Address, EventEntry, Kind, Op, Z, entry_leaf_hash
from ledger.core.facts import LogIdentity
from ledger.core.merkle import Levels
from ledger.core.rights import FOREVER
from ledger.core.signatures import address_of, sign
from ledger.service.audit import Auditor

WHOLE_PAIRS = 9


def _log(
    entries: int,
) -> tuple[LogIdentity, dict[bytes, tuple[tuple[int, int], ...]], list[SignedEntry]]:
    """Return a log of events that were signed one by one, as an audit reads its rows."""
    signer = new_signer()
    address = address_of(signer.private_key)
    identity = LogIdentity(
        origin="benchmark.example/log", head_signer=Address(bytes(20)),
        registrar=Address(bytes(20)), checkpoint_key=bytes(32), chain_id=31337,
        contract=bytes(20),
    )  # fmt: skip
    domain, doc, rows = identity.domain(), secrets.token_bytes(32), []
    for index in range(entries):
        entry = EventEntry(
            op=Op.OBSERVE, flags=0, time_ms=index, signer=address, party=signer.party,
            on_behalf_of=signer.party, to_owner=Z, to_possessor=Z, refers=Z, row_count=1,
            event_root=secrets.token_bytes(32), item_count=0, items_root=Z,
        ).encode()  # fmt: skip
        leaf = entry_leaf_hash(entry)
        digest = submission_digest(domain.separator(), domain.log_id, leaf, 1, doc, index)
        signature = sign(signer.private_key, digest)
        rows.append(
            SignedEntry(
                index, Kind.EVENT, entry, leaf, index, 0, 1, b"", index, doc, signature, digest
            )
        )
    return identity, {address + signer.party: ((-1, FOREVER),)}, rows


def _replay(entries: int, pairs: int) -> Iterator[Result]:
    identity, spans, rows = _log(entries)

    def replay() -> None:
        audit = SignatureAudit(identity, spans, recovery_ids=False)
        tree = Levels()
        tree.extend(audit.run(rows))
        tree.root()
        if audit.failures or audit.signatures != entries:
            raise AssertionError(f"{audit.signatures} signatures, {audit.failures[:1]}")

    peers: list[tuple[str, Callable[[], None], float | None]] = [
        ("libsecp256k1 verify of compact signatures", verifying(entries), 0.85),
        ("the same, parsed before", verifying_parsed(entries), None),
    ]
    for name, verify, threshold in peers:
        (median, low, high), our_wall, peer_wall = paired(replay, verify, pairs=pairs)
        yield Result(
            goal="G7", what=f"audit: leaf, rights, digest, signature, root / {name}", ratio=median,
            low=low, high=high, threshold=threshold,
            wall=f"{entries / our_wall:,.0f}/s, {entries / peer_wall:,.0f}/s",
        )  # fmt: skip


def _audit(auditor: Auditor, workers: int) -> tuple[float, float, float, int]:
    """Return CPU seconds here and in other processes, wall seconds, signatures."""
    wall, before = time.perf_counter(), cpu_of_tree(os.getpid())
    reports = []
    here, _ = cpu_of(lambda: reports.append(auditor.run(workers=workers, quick=True)))
    wall = time.perf_counter() - wall
    if reports[0]["failed"]:
        raise AssertionError(reports[0]["failed"][0])
    there = max(0.0, cpu_of_tree(os.getpid()) - before - here)
    return here, there, wall, reports[0]["checked"]["signatures"]


def audit(entries: int = 3_000, log: int = 33_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G7: the inner loop in memory, then `unbroken audit --quick` over a log in PostgreSQL."""
    yield from _replay(entries, pairs)
    our = ground()
    fill(our, log)
    auditor = our.node.auditor()
    ratios, scaling, walls, signatures = [], [], [], 0
    verify = verifying(entries)
    for _ in range(min(pairs, WHOLE_PAIRS)):
        database = our.postgres_cpu()
        alone, _, wall, signatures = _audit(auditor, 1)
        database = our.postgres_cpu() - database
        ratios.append(cpu_of(verify)[0] / entries * signatures / (alone + database))
        here, there, wall_of_two, _ = _audit(auditor, 2)
        scaling.append(alone / (here + there / 2))
        walls.append(wall / wall_of_two)
    median, low, high = spread(ratios)
    yield Result(
        goal="G7", what="`audit --quick` with PostgreSQL / raw libsecp256k1 verify", ratio=median,
        low=low, high=high, note=f"{signatures:,} signatures",
    )  # fmt: skip
    median, low, high = spread(scaling)
    yield Result(
        goal="G7", what="`audit --quick`, CPU on the longest path: one process / two", ratio=median,
        low=low, high=high, threshold=1.8, wall=f"{spread(walls)[0]:.2f} in wall time",
        note="the parent's own CPU and half of the processes', PostgreSQL apart",
    )  # fmt: skip
