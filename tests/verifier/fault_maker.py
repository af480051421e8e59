"""Evidence of faults, written from docs/spec/evidence.md apart from ledger and verifier."""

from typing import Any, Unpack

from tests.verifier import maker, map_maker
from tests.verifier.maker import (
    CHAIN_ID,
    CONTRACT,
    HEAD,
    PACK_A,
    PACK_B,
    Changes,
    Json,
    Key,
    Log,
    Written,
    leaf_hash,
    path_of,
    root_of,
)
from tests.verifier.story import MAKER, MAKER_KEY, PHARMACY, WHOLESALER

TOKEN = bytes([7]) * 32


def sold(log: Log, to: str, op: int = maker.HANDOFF, **changes: Unpack[Changes]) -> Written:
    """The maker sells the pack to `to`, and spends the token."""
    event = maker.event_of(
        120,
        "ObjectEvent",
        "OBSERVE",
        "shipping",
        epcList=[PACK_A[0]],
        destinationList=maker.to_owner(to),
    )
    settings: Changes = {"to_owner": maker.party_of(to), "spends": TOKEN, **changes}
    return log.write(MAKER, changes.get("signed_by", MAKER_KEY), event, op, **settings)


def handoff(log: Log, written: Written, item: str = PACK_A[1]) -> Json:
    leaves = written.item_leaves()
    (place,) = (n for n, (_, _, path) in enumerate(written.items) if path == item)
    return {
        "log_id": log.log_id.hex(),
        "entry": log.entries[written.index].hex(),
        "submission": log.submissions[written.index],
        "row": {
            "index": place,
            "salt": written.item_salt(place).hex(),
            "role": written.items[place][1],
            "path": [one.hex() for one in path_of(place, leaves)],
        },
    }


def double_spend(*handoffs: Json, **changes: Any) -> Json:  # noqa: ANN401
    return {
        "format": "unbroken/evidence/v1",
        "kind": "double_spend",
        "chain_id": CHAIN_ID,
        "contract": CONTRACT.hex(),
        "item": PACK_A[1],
        "spends": TOKEN.hex(),
        "handoffs": list(handoffs),
        **changes,
    }


def sold_twice() -> Json:
    """To wholesaler and pharmacy, on one log."""
    log = Log()
    return double_spend(*(handoff(log, sold(log, gln)) for gln in (WHOLESALER, PHARMACY)))


def head(log: Log, size: int, leaves: list[bytes], map_root: bytes, by: Key | None = None) -> Json:
    root = root_of(leaves[:size])
    message = {"logId": log.log_id, "size": size, "root": root, "mapRoot": map_root}
    domain = {"name": "Unbroken Log", "version": "1"}
    signed = {
        "size": size,
        "root": root.hex(),
        "signature": (by or log.head_key).sign(HEAD, domain, message).hex(),
    }
    return signed if map_root == maker.Z else {**signed, "map_root": map_root.hex()}


def identity(log: Log) -> Json:
    """What the id of a log commits to."""
    return {
        "checkpoint_key": maker.CHECKPOINT_KEY.hex(),
        "head_signer": log.head_key.address.hex(),
        "origin": maker.ORIGIN,
        "registrar": log.registrar.address.hex(),
    }


def two_heads(log: Log, *heads: Json) -> Json:
    return {
        "format": "unbroken/evidence/v1",
        "kind": "two_heads",
        "log_id": log.log_id.hex(),
        "identity": identity(log),
        "heads": list(heads),
    }


LEAVES = [leaf_hash(bytes([n])) for n in range(7)]
OTHERS = [leaf_hash(bytes([n])) for n in (0, 1, 9, 3, 4, 5, 6)]
LOG = Log()


def split_view() -> Json:
    """Two heads of size 7."""
    heads = [head(LOG, 7, leaves, bytes([5]) * 32) for leaves in (LEAVES, OTHERS)]
    return two_heads(LOG, *heads)


def forked(**changes: Any) -> Json:  # noqa: ANN401
    """A head of size 3, and one of size 7 whose third entry is another."""
    return {
        "format": "unbroken/evidence/v1",
        "kind": "fork",
        "log_id": LOG.log_id.hex(),
        "identity": identity(LOG),
        "heads": [head(LOG, 3, LEAVES, maker.Z), head(LOG, 7, OTHERS, maker.Z)],
        "root": root_of(OTHERS[:3]).hex(),
        "proof": [one.hex() for one in consistency(3, OTHERS)],
        **changes,
    }


def consistency(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 9162 section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*consistency(old, leaves[:split], whole=whole), root_of(leaves[split:])]
    return [*consistency(old - split, leaves[split:], whole=False), root_of(leaves[:split])]


def omission(log: Log, written: Written, item: str = PACK_A[1], **changes: Any) -> Json:  # noqa: ANN401
    """The head that the log signs now, against an entry that its map lacks."""
    shown, key = log.proved(written.index), maker.key_of(item)
    row = handoff(log, written, item)["row"]
    if written.spends != maker.Z:
        row["spends"] = written.spends.hex()
    siblings, terminal = map_maker.path_of(log.map(), key)
    chain, leaves = log.chain_of(key), log.leaves()
    evidence = {
        "format": "unbroken/evidence/v1",
        "kind": "omission",
        "item": item,
        "head": log.head(),
        "facts": [log.proved(0)],
        "omitted": {name: shown[name] for name in ("index", "entry", "inclusion")} | {"row": row},
        "chain": [{"index": n, "leaf_hash": leaves[n].hex()} for n in chain],
        "siblings": [one.hex() for one in siblings],
        **changes,
    }
    for other, value in terminal.items():
        if not chain:
            evidence["terminal"] = {"key": other.hex(), "value": value.hex()}
    return evidence


def unlisted(log: Log, written: Written, item: str = PACK_A[1]) -> None:
    """The operator leaves an entry out of the map."""
    log.names[log.entries[written.index]].discard(maker.key_of(item))


def left_out() -> Json:
    """Of two sales the map has one."""
    log = Log()
    log.genesis()
    _, hidden = (sold(log, gln) for gln in (WHOLESALER, PHARMACY))
    unlisted(log, hidden)
    return omission(log, hidden)


def left_out_alone() -> Json:
    """Of one sale the map has nothing; there are other packs."""
    log = Log()
    log.genesis()
    other = [(maker.key_of(PACK_B[1]), 0, PACK_B[1])]
    hidden, _ = sold(log, WHOLESALER), sold(log, PHARMACY, items=other)
    unlisted(log, hidden)
    return omission(log, hidden)
