"""A submission that is made to hurt the others is its own rejection, and nothing else."""

import json
from collections.abc import Callable

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.core.eip712 import submission_digest
from ledger.core.entries import decode_event, entry_leaf_hash
from ledger.core.merkle import root_hash
from ledger.core.signatures import sign
from ledger.core.submission import (
    SignedEvent,
    Submission,
    build_submission,
    doc_hash,
    format_submission,
)
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, document, new_item, post, signed

pytestmark = [pytest.mark.db, pytest.mark.chain]
Make = Callable[..., Partner]


def poisoned(node: Node, by: Partner, raw: bytes) -> bytes:
    """A well-signed submission whose first event commits to other rows than the document's."""
    domain = node.identity.domain()
    built = build_submission(raw, by.signer, domain, issued_at=1, explain=True)
    (event,) = built.events
    decoded = decode_event(event.entry)
    entry = event.entry.replace(decoded.event_root, bytes(32))
    digest = submission_digest(
        domain.separator(), domain.log_id, root_hash([entry_leaf_hash(entry)]), 1,
        doc_hash(built.doc_salt, raw), 1,
    )  # fmt: skip
    wrong = SignedEvent(
        entry=entry, event_secret=event.event_secret, row_hashes=bytes(len(event.row_hashes))
    )
    return format_submission(
        Submission(
            events=[wrong], doc_salt=built.doc_salt, issued_at=1,
            signature=sign(by.signer.private_key, digest),
        )
    )  # fmt: skip


def test_a_reason_that_quotes_a_nul_stops_nobody(
    api: httpx.Client, node: Node, worker: Worker, partner: Make
) -> None:
    attacker, honest = partner("Attacker"), partner("Honest")
    raw = document({**commission(new_item()), "\0": "\x1b[2J" * 1000})
    attack = post(api, poisoned(node, attacker, raw), raw)
    good = document(commission(new_item()))
    after = post(api, signed(node, good, honest), good)
    worker.turn()
    (refused,) = api.get(attack.headers["Location"]).json()["results"]
    assert (refused["verdict"], refused["code"]) == ("rejected", "UNKNOWN_MEMBER")
    assert refused["reason"].isprintable()
    assert len(refused["reason"]) <= 500
    (taken,) = api.get(after.headers["Location"]).json()["results"]
    assert taken["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (
            json.dumps(
                {
                    "@context": ["x" * 1_000_000], "type": "EPCISDocument", "schemaVersion": "2.0",
                    "epcisBody": {"eventList": [commission(f"urn:x:{i}") for i in range(20)]},
                }
            ).encode(),
            "@context",
        ),
        (document({**commission("urn:x:pad"), "ex:pad": "x" * 300_000}), "bytes that name no item"),
    ],
    ids=["a context times its events", "padding in everybody's evidence"],
)  # fmt: skip
def test_what_would_grow_in_our_hands_cannot_be_signed(
    node: Node, partner: Make, raw: bytes, named: str
) -> None:
    with pytest.raises(Exception, match=named):
        signed(node, raw, partner("Attacker"))
