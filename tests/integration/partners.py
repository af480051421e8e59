"""What partners send: EPCIS events about items of their own, signed."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import key_revoked
from ledger.core.gs1_keys import check_digit
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A registered party with one key."""

    signer: Signer
    path: str
    name: str

    @property
    def gln(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def address(self) -> bytes:
        return address_of(self.signer.private_key)


def revoke(node: Node, partner: Partner) -> None:
    """Queue the revocation of a partner's key."""
    at = now_ms()
    fact = key_revoked(at, node.identity.registrar, partner.signer.party, partner.address, "lost")
    node.registrar().submit([fact], at_ms=at)


def gtin(number: int) -> str:
    """A GTIN-14 of our test prefix."""
    body = f"0401234{number:06d}"
    return body + check_digit(body)


_SERIALS = iter(range(10**6))


def new_item() -> str:
    """A Digital Link URI that no other test uses."""
    return f"https://id.gs1.org/01/{gtin(11111)}/21/T{secrets.token_hex(4)}{next(_SERIALS)}"


def path_of(item: str) -> str:
    return item.removeprefix("https://id.gs1.org")


def event(kind: str = "ObjectEvent", **members: object) -> dict[str, Any]:
    """An EPCIS event; the defaults commission nothing."""
    return {
        "type": kind,
        "eventTime": "2026-01-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        **members,
    }


def commission(*items: str, at: str = "2026-01-01T10:00:00Z") -> dict[str, Any]:
    return event(action="ADD", bizStep="commissioning", epcList=list(items), eventTime=at)


def ship(
    *items: str, to: Partner | None = None, at: str = "2026-01-02T10:00:00Z"
) -> dict[str, Any]:
    shipped = event(action="OBSERVE", bizStep="shipping", epcList=list(items), eventTime=at)
    if to is not None:
        destination = f"https://id.gs1.org{to.path}"
        shipped["destinationList"] = [{"type": "owning_party", "destination": destination}]
    return shipped


def pack(parent: str, *items: str, at: str = "2026-01-01T12:00:00Z") -> dict[str, Any]:
    return event(
        "AggregationEvent", action="ADD", bizStep="packing", parentID=parent,
        childEPCs=list(items), eventTime=at,
    )  # fmt: skip


def document(*events: dict[str, Any]) -> bytes:
    """An EPCIS 2.0 JSON document."""
    return json.dumps(
        {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()


def signed(
    node: Node, raw: bytes, partner: Partner, *, issued_at: int | None = None, token: bytes = b""
) -> bytes:
    """The submission part of a document; with a token, its first event's first item spends it."""
    at = now_ms() if issued_at is None else issued_at
    domain, spends = node.identity.domain(), {0: {0: token}} if token else None
    return format_submission(
        build_submission(raw, partner.signer, domain, issued_at=at, spends=spends)
    )


def post(
    api: httpx.Client, part: bytes, raw: bytes, media: str = "application/json"
) -> httpx.Response:
    """Send both parts."""
    return api.post(
        "/epcis/capture",
        files={
            "submission": ("submission.json", part, "application/json"),
            "document": ("document.json", raw, media),
        },
    )
