"""What a handoff may claim, as the deeds of a party tell it; no deed that is honest convicts."""

import itertools
import random
from dataclasses import replace

import pytest

from ledger.core.commitment import ItemName
from ledger.core.entries import FLAG_ERROR_DECLARATION, Address, EventEntry, Op, Z, entry_leaf_hash
from ledger.core.identifiers import item_key
from ledger.core.tokens import (
    Claims,
    Deed,
    Holding,
    SpentTokenError,
    hold_token,
    in_order,
    is_spendable,
    voided_origin,
)

US, BUYER, OTHER, CARRIER = (bytes([n]) * 32 for n in (1, 2, 3, 4))
PACK = "/01/04012345111118/21/987"
KEY = item_key(PACK)
ITEM = [ItemName(KEY, 0, PACK)]
_roots = (number.to_bytes(32, "big") for number in itertools.count(1))


def entry(
    op: Op, *, party: bytes = US, at: int = 0, flags: int = 0, **members: bytes
) -> EventEntry:
    return EventEntry(
        op=op, flags=flags, time_ms=at, signer=Address(party[:20]), party=party,
        on_behalf_of=party, to_owner=members.get("to", Z), to_possessor=members.get("via", Z),
        refers=members.get("refers", Z), row_count=1, event_root=next(_roots), item_count=1,
        items_root=next(_roots),
    )  # fmt: skip


def deed(made: EventEntry, role: int = 0, *, spends: bytes = Z, index: int | None = None) -> Deed:
    return Deed(
        leaf_hash=entry_leaf_hash(made.encode()), entry=made, role=role, spends=spends,
        index=index, is_own=made.party == US,
    )  # fmt: skip


def origin(*deeds: Deed) -> bytes | None:
    holding = Holding()
    for one in deeds:
        holding.take(one, is_safe=True)
    return holding.origin


def sale(to: bytes = BUYER, at: int = 10) -> Deed:
    return deed(entry(Op.HANDOFF, to=to, at=at), spends=hold_token(KEY, Z))


MADE = deed(entry(Op.COMMISSION))


@pytest.mark.parametrize(
    ("path", "spendable"),
    [
        (PACK, True),
        ("/00/340123450000000017", True),
        ("/01/04012345111118/235/X", True),
        ("/8006/040123451111180102/21/9", True),
        ("/01/04012345111118/10/LOT", False),
        ("/01/04012345111118", False),
        ("/8003/04012345111118987", False),
        ("uri:urn:x", False),
    ],
)
def test_only_what_is_one_thing_has_a_token(path: str, spendable: bool) -> None:
    assert is_spendable(path) is spendable


def test_labels_and_order_of_a_token_are_those_of_the_format() -> None:
    # docs/spec/tokens.md has these bytes; a change would let every holder sell once more.
    key, leaf = bytes(range(32)), bytes(range(32, 64))
    assert hold_token(key, Z).hex() == (
        "17b7f8914468935560c38082b9fe9eebdcaf5f3cd67adaea5aa32aaa3ece9251"
    )
    assert voided_origin(leaf).hex() == (
        "a1e6a70bd642bb6502a6c4510b1626c2f728c92ccb94778e97cc1efbec2b72b5"
    )


def test_what_was_made_here_has_the_origin_zero() -> None:
    assert origin(MADE) == Z
    assert origin(deed(entry(Op.TRANSFORM), role=4)) == Z
    assert origin(deed(entry(Op.TRANSFORM), role=3)) is None
    assert origin(deed(entry(Op.OBSERVE)), MADE) == Z


def test_what_was_received_cannot_be_made_anew() -> None:
    gift = deed(entry(Op.HANDOFF, party=OTHER, to=US), index=5)
    assert origin(gift, MADE) == gift.leaf_hash
    assert origin(deed(entry(Op.RECEIVE)), MADE) is None


def test_a_pallet_comes_from_its_packing() -> None:
    first, more = deed(entry(Op.PACK), role=1), deed(entry(Op.PACK), role=1)
    assert origin(first, more) == first.leaf_hash
    sold = deed(entry(Op.HANDOFF, to=BUYER))
    assert origin(first, sold, more) == more.leaf_hash
    assert origin(deed(entry(Op.PACK), role=2)) is None


def test_taking_back_gives_a_new_origin_each_time() -> None:
    first, void = sale(), deed(entry(Op.VOID, at=20))
    assert origin(MADE, first) == Z
    assert origin(MADE, first, void) == voided_origin(first.leaf_hash)
    second = deed(entry(Op.HANDOFF, to=OTHER, at=30))
    again = deed(entry(Op.VOID, at=40))
    assert origin(MADE, first, void, second, again) == voided_origin(second.leaf_hash)
    assert origin(MADE, void) == Z


def test_a_void_that_may_be_rejected_takes_nothing_back() -> None:
    sold, void = sale(), deed(entry(Op.VOID, at=20))
    with pytest.raises(SpentTokenError, match="not known to be in the log") as refusal:
        Claims({KEY: [MADE, sold, void]}).spends(OTHER, ITEM)
    assert void.leaf_hash.hex() in str(refusal.value.at(1).named("/417/4012345000009"))
    logged = Claims({KEY: [MADE, sold, replace(void, index=7)]})
    token = hold_token(KEY, voided_origin(sold.leaf_hash))
    assert logged.spends(OTHER, ITEM) == {0: token}
    # What was signed behind it, in a document that was rolled back, does not go alone.
    with pytest.raises(SpentTokenError, match="not known to be in the log"):
        Claims({KEY: [MADE, sold, void]}).verify_earned({0: token}, ITEM)
    logged.verify_earned({0: token}, ITEM)


def test_a_void_counts_in_its_document_where_all_of_it_is_logged_or_nothing() -> None:
    sold, void = sale(), entry(Op.VOID, at=20)
    leaf, token = entry_leaf_hash(void.encode()), hold_token(KEY, voided_origin(sold.leaf_hash))
    for known in ([MADE, sold], [MADE, sold, deed(void)]):
        claims = Claims({KEY: known})
        claims.note(void, leaf, ITEM, {})
        assert claims.spends(OTHER, ITEM) == {0: token}
        claims.verify_earned({0: token}, ITEM)
        apart = Claims({KEY: known}, apart=True)
        apart.note(void, leaf, ITEM, {})
        with pytest.raises(SpentTokenError):
            apart.spends(OTHER, ITEM)
        with pytest.raises(SpentTokenError):
            apart.verify_earned({0: token}, ITEM)


def test_a_document_that_is_signed_again_has_its_entries_where_they_stood() -> None:
    sold, void = sale(), deed(entry(Op.VOID, at=20))
    token = hold_token(KEY, voided_origin(sold.leaf_hash))
    resold = deed(entry(Op.HANDOFF, to=OTHER, at=30), spends=token)
    claims = Claims({KEY: [MADE, sold, void, resold]})
    claims.note(void.entry, void.leaf_hash, ITEM, {})
    claims.verify_earned({0: token}, ITEM)
    claims.note(resold.entry, resold.leaf_hash, ITEM, {0: token})
    with pytest.raises(SpentTokenError):
        claims.spends(BUYER, ITEM)


def test_a_void_that_refers_takes_back_what_it_names() -> None:
    first, second = sale(at=10), sale(at=11)
    void = deed(entry(Op.VOID, refers=first.leaf_hash))
    assert origin(MADE, first, second, void) == voided_origin(first.leaf_hash)


def test_an_error_declaration_takes_back_its_like() -> None:
    first = sale(at=10)
    like = entry(Op.VOID, at=10, to=BUYER, flags=FLAG_ERROR_DECLARATION)
    assert origin(MADE, first, deed(like)) == voided_origin(first.leaf_hash)
    for unlike in (replace(like, time_ms=11), replace(like, to_owner=OTHER)):
        assert origin(MADE, first, deed(unlike)) == Z


def test_taking_back_carriage_leaves_the_sale() -> None:
    carried = deed(entry(Op.HANDOFF, via=CARRIER, at=20))
    assert origin(MADE, sale(), carried, deed(entry(Op.VOID, at=30))) == Z


def test_what_came_back_comes_from_the_handoff_that_brought_it() -> None:
    back = deed(entry(Op.HANDOFF, party=BUYER, to=US), index=9)
    receipt = deed(entry(Op.RECEIVE, at=20))
    assert origin(MADE, sale(), back) == back.leaf_hash
    assert origin(MADE, sale(), back, receipt) == back.leaf_hash
    assert origin(MADE, sale(), receipt, back) == back.leaf_hash
    assert origin(MADE, sale(), receipt) is None


def test_a_receipt_of_before_the_sale_brings_nothing_back() -> None:
    assert origin(MADE, sale(at=10), deed(entry(Op.RECEIVE, at=9))) == Z


def test_entries_without_an_index_stand_behind_what_was_signed_before() -> None:
    made, sold = replace(MADE, index=3), replace(sale(), index=7)
    waiting = sale(at=99)
    back = deed(entry(Op.HANDOFF, party=BUYER, to=US), index=9)
    assert in_order([made, sold, waiting, back]) == [made, sold, waiting, back]
    assert in_order([waiting, sold, back, made]) == [waiting, made, sold, back]
    # What was told before is behind nothing that was signed later.
    assert in_order([back, waiting, sold]) == [sold, back, waiting]


def test_a_sale_that_was_never_logged_is_taken_back_by_a_void_that_was() -> None:
    gift = deed(entry(Op.HANDOFF, party=BUYER, to=US), index=5)
    sold = deed(entry(Op.HANDOFF, to=BUYER), spends=hold_token(KEY, gift.leaf_hash))
    void = deed(entry(Op.VOID))
    for known in ([gift, sold, void], [gift, sold, replace(void, index=9)]):
        assert origin(*in_order(known)) == voided_origin(sold.leaf_hash)


def test_a_token_is_for_one_owner() -> None:
    claims = Claims({KEY: [MADE]})
    token = hold_token(KEY, Z)
    assert claims.spends(BUYER, ITEM) == {0: token}
    sold = entry(Op.HANDOFF, to=BUYER)
    claims.note(sold, entry_leaf_hash(sold.encode()), ITEM, {0: token}, "/417/4012345000009")
    assert claims.spends(BUYER, ITEM) == {0: token}
    with pytest.raises(SpentTokenError) as refusal:
        claims.spends(OTHER, ITEM)
    text = str(refusal.value.at(3))
    for word in ("event 3", PACK, "/417/4012345000009", refusal.value.first.leaf_hash.hex()):
        assert word in text


def test_no_claim_where_nothing_is_known_and_for_what_is_no_thing() -> None:
    assert Claims({KEY: []}).spends(BUYER, ITEM) == {}
    assert Claims({}).spends(BUYER, ITEM) == {}
    consumed = [ItemName(KEY, 3, PACK)]
    assert Claims({KEY: [MADE]}).spends(BUYER, consumed) == {}


@pytest.mark.parametrize("seed", range(200))
def test_no_order_of_deeds_spends_a_token_twice(seed: int) -> None:
    """Whatever happens between, two sales to two owners never have one token."""
    picks = random.Random(seed)
    holding_deeds: list[Deed] = [MADE]
    spent: dict[bytes, bytes] = {}
    for step in range(30):
        act = picks.choice(("sale", "sale", "void", "declare", "receive", "back", "pack", "carry"))
        owner = picks.choice((BUYER, OTHER))
        if act == "sale":
            claims = Claims({KEY: holding_deeds})
            try:
                tokens = claims.spends(owner, ITEM)
            except SpentTokenError:
                continue
            for token in tokens.values():
                assert spent.setdefault(token, owner) == owner
            made = entry(Op.HANDOFF, to=owner, at=step)
            holding_deeds.append(deed(made, spends=tokens.get(0, Z)))
        else:
            made = {
                "void": entry(Op.VOID, at=step),
                "declare": entry(Op.VOID, at=step - 1, to=owner, flags=FLAG_ERROR_DECLARATION)
                if step
                else entry(Op.OBSERVE),
                "receive": entry(Op.RECEIVE, at=step),
                "back": entry(Op.HANDOFF, party=owner, to=US, at=step),
                "pack": entry(Op.PACK, at=step),
                "carry": entry(Op.HANDOFF, via=CARRIER, at=step),
            }[act]
            index = picks.choice((step, None))
            holding_deeds.append(deed(made, role=1 if act == "pack" else 0, index=index))
