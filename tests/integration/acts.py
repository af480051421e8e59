"""Acts on findings, as partners sign and send them."""

from typing import Any

import httpx

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.entries import Address
from ledger.core.facts import facts_digest
from ledger.core.finding_acts import Act, FindingAct
from ledger.core.signatures import sign
from ledger.core.submission import SignedEvent, Submission, format_submission
from tests.integration.partners import Partner


def act(what: str, item: str, code: str = "DOUBLE_SHIP", **members: Any) -> FindingAct:  # noqa: ANN401
    return FindingAct(act=Act(what), item=item, code=code, **members)


def signed_acts(node: Node, partner: Partner, *acts: FindingAct, at_ms: int | None = None) -> bytes:
    """The submission of acts, signed by a partner."""
    at = now_ms() if at_ms is None else at_ms
    signer, party = Address(partner.address), partner.signer.party
    entries = [one.entry(at, signer, party).encode() for one in acts]
    signature = sign(partner.signer.private_key, facts_digest(node.identity, entries, at))
    return format_submission(
        Submission(
            events=[SignedEvent(entry=one, event_secret=bytes(32)) for one in entries],
            doc_salt=bytes(16), issued_at=at, signature=signature,
        )
    )  # fmt: skip


def post_acts(api: httpx.Client, part: bytes) -> httpx.Response:
    return api.post("/acts", content=part, headers={"Content-Type": "application/json"})
