"""Tokens through client, journal and ledger: who sells twice is convicted, nobody else ever is."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from ledger.bootstrap import Node
from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import item_key
from ledger.core.signatures import address_of
from ledger.core.tokens import SpentTokenError, hold_token
from ledger.journal import Journal
from ledger.service.incoming import MAX_OWN
from ledger.worker import Worker
from tests.integration.partners import (
    Partner,
    commission,
    document,
    event,
    new_item,
    pack,
    path_of,
    post,
    ship,
    signed,
)

Make = Callable[..., Partner]
PROVEN = "conflict_proven"


@dataclass(slots=True)
class Trade:
    """Partners who each keep a journal of their own."""

    api: httpx.Client
    node: Node
    worker: Worker
    folder: Path

    def client(self, partner: Partner, *, journal: str | None = None) -> LedgerClient:
        name = journal or f"{partner.name}-{partner.signer.party.hex()}"
        return LedgerClient(str(self.api.base_url), Journal(self.folder / f"{name}.sqlite3"))

    def send(
        self, partner: Partner, *events: dict[str, Any], on_error: str = "rollback",
        journal: str | None = None, claims: bool = True,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Capture events, turn the worker, return the job's results."""
        with self.client(partner, journal=journal) as client:
            sent = client.send(
                document(*events), partner.signer, self.node.identity, issued_at=now_ms(),
                on_error=on_error, claims=claims,
            )  # fmt: skip
            self.worker.turn()
            results: list[dict[str, Any]] = client.job(sent.job)["results"]
            return results

    def tokens(self, index: int) -> list[bytes | None]:
        """The tokens that the item rows of an entry spend."""
        with self.node.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT spends FROM item_rows WHERE log_index = %(i)s ORDER BY row_index",
                {"i": index},
            )
            return [row.spends for row in rows]

    def proven(self, item: str) -> bool:
        """Whether anything anywhere says that an item was sold twice, all saying the same."""
        told = self.api.get("/findings", params={"item": item}).json()["findings"]
        classes = {one["class"] for one in told}
        shown = self.api.get(f"/items{path_of(item)}").json()
        evidence = self.api.get(f"/items{path_of(item)}/evidence")
        assert evidence.status_code in (200, 404), evidence.text
        proven = PROVEN in classes
        assert (evidence.status_code == 200) is proven is bool(shown.get("equivocated_keys"))
        return proven


@pytest.fixture
def trade(api: httpx.Client, node: Node, worker: Worker, tmp_path: Path) -> Trade:
    return Trade(api, node, worker, tmp_path)


def logged(results: list[dict[str, Any]]) -> int:
    assert [one["verdict"] for one in results] == ["accepted"] * len(results), results
    index: int = results[-1]["logIndex"]
    return index


def receive(*items: str, at: str) -> dict[str, Any]:
    return event(action="OBSERVE", bizStep="receiving", epcList=list(items), eventTime=at)


def void(shipped: dict[str, Any], at: str) -> dict[str, Any]:
    return {**shipped, "bizStep": "void_shipping", "eventTime": at}


def declared(shipped: dict[str, Any], at: str) -> dict[str, Any]:
    return {**shipped, "errorDeclaration": {"declarationTime": at, "reason": "incorrect_data"}}


def new_sscc() -> str:
    body = f"1{secrets.randbelow(10**16):016d}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def carried(item: str, carrier: Partner, at: str) -> dict[str, Any]:
    destination = f"https://id.gs1.org{carrier.path}"
    return {
        **ship(item, at=at),
        "destinationList": [{"type": "possessing_party", "destination": destination}],
    }


def test_a_retry_has_the_same_bytes_and_proves_nothing(trade: Trade, partner: Make) -> None:
    maker, buyer, item = partner("Maker"), partner("Buyer"), new_item()
    trade.send(maker, commission(item))
    sale = ship(item, to=buyer)
    index = logged(trade.send(maker, sale))
    assert trade.tokens(index) == [hold_token(trade_key(item), bytes(32))]
    again = trade.send(maker, sale)
    assert [(one["verdict"], one["logIndex"]) for one in again] == [("duplicate", index)]
    assert not trade.proven(item)


def test_a_re_signed_handoff_proves_nothing(trade: Trade, partner: Make) -> None:
    maker, buyer, item = partner("Maker"), partner("Buyer"), new_item()
    trade.send(maker, commission(item))
    first = logged(trade.send(maker, ship(item, to=buyer)))
    second = logged(trade.send(maker, ship(item, to=buyer, at="2026-01-02T11:00:00Z")))
    assert trade.tokens(first) == trade.tokens(second) != [None]
    assert not trade.proven(item)


@pytest.mark.parametrize("taken_back", [void, declared], ids=["void", "error declaration"])
def test_taking_back_and_shipping_again_proves_nothing(
    trade: Trade, partner: Make, taken_back: Callable[..., dict[str, Any]]
) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    first = logged(trade.send(maker, ship(item, to=buyer)))
    trade.send(maker, taken_back(ship(item, to=buyer), "2026-01-03T10:00:00Z"))
    second = logged(trade.send(maker, ship(item, to=other, at="2026-01-04T10:00:00Z")))
    assert None not in trade.tokens(first) + trade.tokens(second)
    assert trade.tokens(first) != trade.tokens(second)
    assert not trade.proven(item)


@pytest.mark.parametrize("taken_back", [void, declared], ids=["void", "error declaration"])
def test_a_void_that_the_ledger_rejects_frees_no_item(
    trade: Trade, partner: Make, taken_back: Callable[..., dict[str, Any]]
) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    sold = ship(item, to=buyer)
    logged(trade.send(maker, sold))
    taking = taken_back(sold, "2026-01-03T10:00:00Z")
    resold, bad = ship(item, to=other, at="2026-01-04T10:00:00Z"), {**commission(item), "action": 7}
    # All or nothing: the void counts for the sale behind it, and both are rolled back.
    rolled = trade.send(maker, taking, resold, bad)
    assert [one["verdict"] for one in rolled] == ["rejected"] * 3
    for events, on_error in (((resold,), "rollback"), ((ship(item, to=other),), "rollback")):
        with pytest.raises(SpentTokenError, match="not known to be in the log"):
            trade.send(maker, *events, on_error=on_error)
    # One by one: the ledger may reject the void and log the sale.
    rows = trade.send(maker, taking, resold, on_error="proceed")
    assert [one["verdict"] for one in rows] == ["accepted", "rejected"]
    second = logged(trade.send(maker, resold))
    assert None not in trade.tokens(second)
    told = trade.api.get("/findings", params={"item": item}).json()["findings"]
    assert "DOUBLE_SHIP" not in {one["code"] for one in told}
    assert not trade.proven(item)


def test_the_journal_learns_from_the_job_that_a_void_is_logged(trade: Trade, partner: Make) -> None:
    maker, buyer, item = partner("Maker"), partner("Buyer"), new_item()
    trade.send(maker, commission(item))
    sold = ship(item, to=buyer)
    trade.send(maker, sold)
    index = logged(trade.send(maker, void(sold, "2026-01-03T10:00:00Z")))
    journal = Journal(trade.folder / f"{maker.name}-{maker.signer.party.hex()}.sqlite3")
    home = trade.node.identity
    with journal.signing(home.chain_id, home.contract, maker.signer.party) as pages:
        assert pages.deeds([trade_key(item)])[trade_key(item)][-1].index == index


def test_an_owner_of_whom_the_ledger_told_is_named(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    trade.send(maker, ship(item, to=buyer))
    for on_error in ("rollback", "proceed"):
        with trade.client(maker, journal=f"lost-{secrets.token_hex(8)}") as client:
            try:
                sent = client.send(
                    document(ship(item, to=other, at="2026-01-03T10:00:00Z")), maker.signer,
                    trade.node.identity, issued_at=now_ms(), on_error=on_error,
                )  # fmt: skip
                text = str(sent.refused[0])
            except SpentTokenError as error:
                text = str(error)
        assert f"handed to {buyer.path} by" in text
        assert buyer.signer.party.hex() not in text


def test_carriage_and_then_a_sale_proves_nothing(trade: Trade, partner: Make) -> None:
    maker, carrier, buyer, item = partner("Maker"), partner("3PL"), partner("Buyer"), new_item()
    trade.send(maker, commission(item))
    moved = logged(trade.send(maker, carried(item, carrier, "2026-01-02T09:00:00Z")))
    sold = logged(trade.send(maker, ship(item, to=buyer, at="2026-01-03T10:00:00Z")))
    assert trade.tokens(moved) == [None]
    assert trade.tokens(sold) != [None]
    assert not trade.proven(item)


def test_an_internal_transfer_proves_nothing(trade: Trade, partner: Make) -> None:
    maker, buyer, item = partner("Maker"), partner("Buyer"), new_item()
    trade.send(maker, commission(item))
    inside = logged(trade.send(maker, ship(item, to=maker)))
    sold = logged(trade.send(maker, ship(item, to=buyer, at="2026-01-03T10:00:00Z")))
    assert trade.tokens(inside) == [None]
    assert trade.tokens(sold) != [None]
    assert not trade.proven(item)


def test_dispense_and_then_decommission_proves_nothing(trade: Trade, partner: Make) -> None:
    maker, item = partner("Maker"), new_item()
    trade.send(maker, commission(item))
    for step, at in (
        ("dispensing", "2026-01-05T10:00:00Z"),
        ("decommissioning", "2026-01-06T10:00:00Z"),
    ):
        logged(
            trade.send(maker, event(action="DELETE", bizStep=step, epcList=[item], eventTime=at))
        )
    assert not trade.proven(item)


def test_a_return_and_a_resale_prove_nothing(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    sold = logged(trade.send(maker, ship(item, to=buyer)))
    trade.send(buyer, receive(item, at="2026-01-03T10:00:00Z"))
    back = logged(trade.send(buyer, ship(item, to=maker, at="2026-01-04T10:00:00Z")))
    trade.send(maker, receive(item, at="2026-01-05T10:00:00Z"))
    again = logged(trade.send(maker, ship(item, to=other, at="2026-01-06T10:00:00Z")))
    tokens = [trade.tokens(index)[0] for index in (sold, back, again)]
    assert tokens == [hold_token(trade_key(item), origin) for origin in (
        bytes(32), leaf(trade, sold), leaf(trade, back)
    )]  # fmt: skip
    assert not trade.proven(item)


def test_what_came_back_in_a_way_that_nobody_told_claims_nothing(
    trade: Trade, partner: Make
) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    trade.send(maker, ship(item, to=buyer))
    trade.send(maker, receive(item, at="2026-01-05T10:00:00Z"))
    again = logged(trade.send(maker, ship(item, to=other, at="2026-01-06T10:00:00Z")))
    assert trade.tokens(again) == [None]
    assert not trade.proven(item)


def test_a_second_owner_is_refused_before_anything_is_sent(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    first = logged(trade.send(maker, ship(item, to=buyer)))
    size = trade.api.get("/log").json()["sizes"]["sequenced"]
    with pytest.raises(SpentTokenError) as refusal:
        trade.send(maker, ship(item, to=other, at="2026-01-03T10:00:00Z"))
    for word in (path_of(item), buyer.path, leaf(trade, first).hex(), f"index {first}", "event 0"):
        assert word in str(refusal.value)
    trade.worker.turn()
    sizes = trade.api.get("/log").json()["sizes"]
    assert (sizes["sequenced"], sizes["accepted"]) == (size, 0)
    assert not trade.proven(item)


def test_one_refused_event_leaves_the_others_when_asked_to_proceed(
    trade: Trade, partner: Make
) -> None:
    maker, buyer, other = partner("Maker"), partner("Buyer"), partner("Other")
    sold, free = new_item(), new_item()
    trade.send(maker, commission(sold, free))
    trade.send(maker, ship(sold, to=buyer))
    at = "2026-01-03T10:00:00Z"
    both = [ship(sold, to=other, at=at), ship(free, to=other, at=at)]
    results = trade.send(maker, *both, on_error="proceed")
    assert [one["verdict"] for one in results] == ["rejected", "accepted"]
    assert not trade.proven(sold)
    with pytest.raises(SpentTokenError):
        trade.send(maker, *both)


def test_a_sale_without_claims_is_found_by_rule_alone(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    trade.send(maker, ship(item, to=buyer))
    second = logged(
        trade.send(maker, ship(item, to=other, at="2026-01-03T10:00:00Z"), claims=False)
    )
    assert trade.tokens(second) == [None]
    assert not trade.proven(item)
    told = trade.api.get("/findings", params={"item": item}).json()["findings"]
    assert {"DOUBLE_SHIP"} <= {one["code"] for one in told if one["class"] == "suspicious"}


def test_a_lost_journal_learns_from_the_ledger_and_refuses_all_the_same(
    trade: Trade, partner: Make
) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    trade.send(maker, ship(item, to=buyer))
    at = "2026-01-03T10:00:00Z"
    with pytest.raises(SpentTokenError):
        trade.send(maker, ship(item, to=other, at=at), journal="new")
    trade.send(maker, void(ship(item, to=buyer), at), journal="newer")
    again = logged(trade.send(maker, ship(item, to=other, at=at), journal="newest"))
    assert trade.tokens(again) != [None]
    assert not trade.proven(item)


def test_a_journal_that_is_behind_takes_up_what_it_missed(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item), journal="backup")
    trade.send(maker, ship(item, to=buyer), journal="lost")
    trade.send(maker, void(ship(item, to=buyer), "2026-01-03T09:00:00Z"), journal="lost")
    again = ship(item, to=other, at="2026-01-03T10:00:00Z")
    index = logged(trade.send(maker, again, journal="backup"))
    assert trade.tokens(index) != [None]
    assert not trade.proven(item)


def test_where_the_ledger_cannot_tell_all_nothing_is_claimed(trade: Trade, partner: Make) -> None:
    """An honest party with a journal that is lost, or behind, does not sign the token again."""
    maker, item = partner("Maker"), new_item()
    buyer, other, third = partner("Buyer"), partner("Other"), partner("Third")
    trade.send(maker, commission(item), journal="backup")
    trade.send(maker, ship(item, to=buyer), journal="lost")
    seen = [
        event(
            action="OBSERVE",
            bizStep="storing",
            epcList=[item],
            eventTime=f"2026-01-03T{10 + n // 60}:{n % 60:02}:00Z",
        )
        for n in range(MAX_OWN - 2)
    ]
    logged(trade.send(maker, *seen))
    late = "2026-01-05T10:00:00Z"
    with pytest.raises(SpentTokenError):
        trade.send(maker, ship(item, to=other, at=late), journal="new")
    trade.send(maker, void(ship(item, to=buyer), "2026-01-04T10:00:00Z"), journal="lost")
    for journal, to in (("backup", other), ("newer", third)):
        sold = logged(trade.send(maker, ship(item, to=to, at=late), journal=journal))
        assert trade.tokens(sold) == [None]
    assert not trade.proven(item)


def test_one_key_of_two_parties_is_refused_a_second_owner(trade: Trade, partner: Make) -> None:
    """One home, one journal: the evidence knows the key, whatever party it signed for."""
    maker, second, item = partner("Maker"), partner("Second"), new_item()
    buyer, other = partner("Buyer"), partner("Other")
    trade.send(maker, commission(item), ship(item, to=buyer), journal="one")
    twice = replace(second, signer=replace(second.signer, private_key=maker.signer.private_key))
    both = [commission(item), ship(item, to=other, at="2026-01-03T10:00:00Z")]
    with pytest.raises(SpentTokenError, match=buyer.path):
        trade.send(twice, *both, journal="one")


def test_pallets_have_tokens_of_their_own(trade: Trade, partner: Make) -> None:
    maker, buyer, other = partner("Maker"), partner("Buyer"), partner("Other")
    pallet, items = new_sscc(), [new_item() for _ in range(3)]
    trade.send(maker, commission(*items))
    packed = logged(trade.send(maker, pack(pallet, *items)))
    sold = logged(trade.send(maker, ship(pallet, to=buyer)))
    assert trade.tokens(sold) == [hold_token(trade_key(pallet), leaf(trade, packed))]
    # The buyer sells one pack out of the pallet that names it nowhere.
    trade.send(buyer, receive(pallet, at="2026-01-03T10:00:00Z"))
    out = logged(trade.send(buyer, ship(items[0], to=other, at="2026-01-04T10:00:00Z")))
    assert trade.tokens(out) == [hold_token(trade_key(items[0]), leaf(trade, sold))]
    assert not any(trade.proven(one) for one in (pallet, *items))


def test_packing_and_selling_in_one_document(trade: Trade, partner: Make) -> None:
    maker, buyer, pallet, item = partner("Maker"), partner("Buyer"), new_sscc(), new_item()
    results = trade.send(maker, commission(item), pack(pallet, item), ship(pallet, to=buyer))
    sold = logged(results)
    origin = leaf(trade, results[1]["logIndex"])
    assert trade.tokens(sold) == [hold_token(trade_key(pallet), origin)]


def test_who_bypasses_the_journal_is_convicted_everywhere(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    first = logged(trade.send(maker, ship(item, to=buyer)))
    assert not trade.proven(item)
    raw = document(ship(item, to=other, at="2026-01-03T10:00:00Z"))
    token = hold_token(trade_key(item), bytes(32))
    forged = signed(trade.node, raw, maker, token=token)
    assert post(trade.api, forged, raw).status_code == 202
    trade.worker.turn()
    assert trade.proven(item)
    evidence = orjson.loads(trade.api.get(f"/items{path_of(item)}/evidence").content)
    assert evidence["spends"] == token.hex()
    owners = [bytes.fromhex(one["entry"])[100:132] for one in evidence["handoffs"]]
    assert owners == [buyer.signer.party, other.signer.party]
    # It is shown wherever the key is, from the later entry's index on.
    address = f"0x{maker.address.hex()}"
    at = trade.api.get(f"/keys/{address}").json()["equivocated_at"]
    assert at > first
    parties = {one["party"]: one for one in trade.api.get("/parties").json()["parties"]}
    assert parties[maker.signer.party.hex()]["keys"] == [
        {"address": address, "active": True, "equivocated_at": at}
    ]
    shown = trade.api.get(f"/items{path_of(item)}").json()
    assert shown["equivocated_keys"] == [{"address": address, "log_index": at}]
    assert "equivocated_at" not in trade.api.get(f"/keys/0x{buyer.address.hex()}").json()
    unsold = new_item()
    trade.send(maker, commission(unsold))
    assert trade.api.get(f"/items{path_of(unsold)}").json()["holder"]["equivocated_at"] == at


def test_two_keys_of_one_party_are_refused_a_second_owner_too(trade: Trade, partner: Make) -> None:
    maker, buyer, other, item = partner("Maker"), partner("Buyer"), partner("Other"), new_item()
    trade.send(maker, commission(item))
    trade.send(maker, ship(item, to=buyer))
    second = replace(maker, signer=replace(maker.signer, private_key=secrets.token_bytes(32)))
    assert address_of(second.signer.private_key) != maker.address
    with pytest.raises(SpentTokenError):
        trade.send(second, ship(item, to=other, at="2026-01-03T10:00:00Z"))


def trade_key(item: str) -> bytes:
    return item_key(path_of(item))


def leaf(trade: Trade, index: int) -> bytes:
    with trade.node.engine.connect() as connection:
        found: bytes = connection.exec_driver_sql(
            "SELECT leaf_hash FROM log_entries WHERE log_index = %(i)s", {"i": index}
        ).scalar_one()
    return found
