"""Custody: what moves an item, what contradicts, what must stay silent (epcis d1)."""

from dataclasses import replace

import pytest

from ledger.core.custody.applying import apply_own
from ledger.core.custody.findings import FindingClass, Rule, Severity
from ledger.core.custody.fold import fold
from ledger.core.custody.ground import Ground
from ledger.core.custody.item import Item
from ledger.core.custody.state import NEVER, Status
from ledger.core.custody.steps import MAX_NESTING, MAX_OPEN
from ledger.core.custody.verdicts import judge
from tests.custody_story import histories, key, raised, story, told

BORN = "MFG commission a"

SILENT: dict[str, tuple[str, ...]] = {
    "normal flow": (
        BORN, "MFG ship a > WH1", "WH1 receive a", "WH1 ship a > PHA", "PHA receive a",
        "PHA dispense a"),
    "no shipment is ever told, a pharmacy dispenses": (BORN, "PHA dispense a"),
    "receiving, then accepting": (
        BORN, "MFG ship a > WH1", "WH1 receive a", "WH1 receive a"),
    "late arrival with consistent times": (
        BORN, "@3 WH1 receive a", "@4 WH1 ship a > PHA", "@2 MFG ship a > WH1"),
    "clocks differ: received before it was shipped": (
        BORN, "@3 WH1 receive a", "@4 MFG ship a > WH1", "WH1 ship a > PHA", "PHA receive a"),
    "void_shipping, then shipped to another": (
        BORN, "MFG ship a > WH1", "MFG void a", "MFG ship a > WH2", "WH2 receive a"),
    "void that names the shipment": (
        BORN, "MFG ship a > WH1", "MFG void a refers 1", "MFG ship a > WH2", "WH2 receive a"),
    "double shipment, the later one voided": (
        BORN, "MFG ship a > WH1", "MFG ship a > WH2", "MFG void a", "WH1 receive a"),
    "shipment declared wrong, the correction at the same time": (
        BORN, "@1 MFG ship a > WH1", "MFG declare 1", "@1 MFG ship a > WH2", "WH2 receive a"),
    "shipment declared wrong and repeated alike": (
        BORN, "@1 MFG ship a > WH1", "MFG declare 1", "@1 MFG ship a > WH1", "WH1 receive a"),
    "void_shipping declared wrong, then received": (
        BORN, "MFG ship a > WH1", "MFG void a", "MFG declare 2", "WH1 receive a"),
    "destroyed by mistake, shipped": (
        BORN, "MFG destroy a", "MFG declare 1", "MFG ship a > WH1", "WH1 receive a"),
    "commissioned by mistake, commissioned again": (
        BORN, "MFG declare 0", "MFG commission a"),
    "return and resale": (
        BORN, "MFG ship a > WH1", "WH1 receive a", "WH1 ship a > MFG", "MFG receive a",
        "MFG ship a > WH2", "WH2 receive a"),
    "refused, sent back without receipts, sold to another": (
        BORN, "MFG ship a > WH1", "WH1 ship a > MFG", "MFG ship a > WH2"),
    "came back to the shipper": (
        BORN, "MFG ship a > WH1", "MFG receive a", "MFG ship a > WH2", "WH2 receive a"),
    "shipped on without a receipt": (
        BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "PHA receive a"),
    "shipped to nobody named": (
        BORN, "MFG ship a", "WH1 receive a", "WH1 ship a", "PHA ship a > PHB"),
    "one shipment told twice": (BORN, "@1 MFG ship a > WH1", "@1 MFG ship a > WH1"),
    "pallet and content in one shipment": (
        BORN, "MFG pack a in P", "MFG ship a P > WH1", "WH1 receive a P", "WH1 ship P > PHA",
        "PHA receive a", "PHA dispense a"),
    "pallet shipped and received, children inferred": (
        "MFG commission a b", "MFG commission P", "MFG pack a b in P", "MFG ship P > WH1",
        "WH1 receive P", "WH1 unpack a in P", "WH1 ship a > PHA", "PHA receive a",
        "WH1 unpack-all in P", "WH1 ship b > PHA"),
    "children used without an unpack": (
        "MFG commission a b", "MFG pack a b in P", "MFG ship P > WH1", "WH1 receive P",
        "WH1 ship a > PHA", "PHA receive a", "PHA dispense a", "WH1 ship P > WH2", "WH2 receive P"),
    "unpacked by the addressee without a receipt": (
        BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 unpack-all in P", "WH1 ship a > PHA"),
    "one child received before the pallet": (
        BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive a", "WH1 ship a > PHA",
        "WH1 receive P", "PHA receive a"),
    "pallet shipment voided while one child is out": (
        BORN, "MFG pack a in P", "MFG ship P > WH1", "MFG unpack-all in P", "MFG void P refers 2",
        "MFG ship a > WH2"),
    "one child voided out of a pallet's shipment": (
        "MFG commission a b", "MFG pack a b in P", "MFG ship P > WH1", "MFG void a",
        "MFG unpack a in P", "MFG ship a > WH2", "WH1 receive P"),
    "one child voided by reference to the pallet's shipment": (
        "MFG commission a b", "MFG pack a b in P", "MFG ship P > WH1", "MFG void a refers 2",
        "MFG unpack a in P", "MFG ship a > WH2", "WH1 receive P"),
    "packed by mistake": (
        "MFG commission a P", "MFG pack a in P", "MFG declare 1", "MFG ship P > WH1",
        "MFG ship a > WH2"),
    "unpacked and repacked": (
        "MFG commission a b", "MFG commission P Q", "MFG pack a b in P", "MFG unpack a in P",
        "MFG pack a in Q", "MFG ship P > WH1", "MFG ship Q > WH2"),
    "wholesaler's tote": (
        BORN, "MFG ship a > WH1", "WH1 pack a in T", "WH1 ship T > PHA", "PHA receive T",
        "PHA unpack-all in T", "PHA dispense a"),
    "nested containers": (
        BORN, "MFG pack a in C", "MFG pack C in P", "MFG ship P > WH1", "WH1 receive P",
        "WH1 unpack C in P", "WH1 ship C > PHA", "PHA receive C", "PHA ship a > PHB"),
    "3PL: goods, then title, then delivery": (
        BORN, "MFG ship a via TPL", "TPL receive a", "MFG ship a > WH1", "TPL ship a via WH1",
        "WH1 receive a", "WH1 ship a > PHA"),
    "3PL: title sold while the goods are on their way to it": (
        BORN, "MFG ship a via TPL", "MFG ship a > WH1", "TPL receive a", "TPL ship a > WH1",
        "WH1 receive a"),
    "3PL: delivers before the owner reports the sale": (
        BORN, "MFG ship a via TPL", "TPL ship a > WH1", "MFG ship a > WH1", "WH1 receive a"),
    "3PL: named beside the buyer, who accepts title first": (
        BORN, "MFG ship a > WH1 via TPL", "TPL receive a", "WH1 receive a", "TPL ship a via WH1",
        "WH1 receive a", "WH1 ship a > PHA"),
    "3PL: the buyer sells on before delivery": (
        BORN, "MFG ship a > WH1 via TPL", "WH1 ship a > PHA", "TPL receive a", "TPL ship a > PHA",
        "PHA receive a"),
    "3PL: returned to the owner": (
        BORN, "MFG ship a via TPL", "TPL receive a", "TPL ship a via MFG", "MFG receive a",
        "MFG ship a > WH1"),
    "sold, then given to a carrier": (
        BORN, "MFG ship a > WH1", "MFG ship a via CAR", "WH1 receive a"),
    "goods came back, title too": (
        BORN, "MFG ship a > WH1", "MFG receive a", "MFG ship a via TPL", "TPL receive a",
        "MFG ship a > WH2"),
    "pallet and content in one shipment to nobody named": (
        BORN, "MFG pack a in P", "MFG ship a P"),
    "declared wrong, the shipment before it voided": (
        BORN, "MFG ship a > WH1", "MFG ship a via TPL", "MFG declare 2", "MFG void a",
        "MFG ship a > WH2"),
    "reworked by another": (
        BORN, "MFG ship a > CMO", "CMO receive a", "CMO rework a", "CMO ship a > WH1"),
    "transformed": ("MFG commission a", "MFG consume a", "MFG produce b", "MFG ship b > WH1"),
    "commissioned and the output of a transformation": ("MFG commission b", "MFG produce b"),
    "consumed, then destroyed by the same party": (BORN, "MFG consume a", "MFG destroy a"),
    "dispensed by the addressee without a receipt": (
        BORN, "MFG ship a > PHA", "PHA dispense a", "PHA decommission a"),
    "shipped to nobody named, then dispensed": (BORN, "MFG ship a", "PHA dispense a"),
    "destroyed by the 3PL that keeps it": (
        BORN, "MFG ship a via TPL", "TPL receive a", "TPL destroy a"),
    "sold while the 3PL keeps it, destroyed by the 3PL on its way": (
        BORN, "MFG ship a via TPL", "TPL receive a", "MFG ship a > WH1", "TPL destroy a"),
    "decommissioned by its owner at a 3PL": (
        BORN, "MFG ship a via TPL", "TPL receive a", "MFG decommission a"),
    "dispensed out of a pallet without an unpack": (
        BORN, "MFG pack a in P", "MFG ship P > PHA", "PHA receive P", "PHA dispense a"),
    "dispensed out of a pallet without a receipt": (
        BORN, "MFG pack a in P", "MFG ship P > PHA", "PHA dispense a"),
    "consumed by the addressee of a nested container": (
        BORN, "MFG pack a in C", "MFG pack C in P", "MFG ship P > LAB", "LAB consume a"),
    "decommissioned, then destroyed by the same party": (
        BORN, "MFG decommission a", "MFG destroy a"),
    "container listed with its children at shipment": (
        "MFG commission P", "MFG ship-listed a > WH1 in P"),
    "3PL packs, the owner sells the pallet": (
        BORN, "MFG ship a via TPL", "TPL receive a", "TPL pack a in P", "MFG ship P > WH1",
         "WH1 receive P", "WH1 unpack a in P", "WH1 dispense a"),
    "3PL packs, owner and 3PL report the sale": (
        BORN, "MFG ship a via TPL", "TPL receive a", "TPL pack a in P", "MFG ship P > WH1",
         "TPL ship P via WH1", "WH1 receive P", "WH1 unpack a in P", "WH1 dispense a"),
    "contract packer packs, the owner sells the pallet": (
        BORN, "TPL pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH1 unpack a in P",
         "WH1 dispense a"),
    "contract packer packs cases and pallet, the owner sells it": (
        BORN, "TPL pack a in C", "TPL pack C in P", "MFG ship P > WH1", "WH1 receive P",
         "WH1 unpack C in P", "WH1 unpack a in C", "WH1 dispense a"),
    "contract packer gives the pallet back": (
        BORN, "TPL pack a in P", "TPL ship P via MFG", "MFG receive P", "MFG ship P > WH1",
         "WH1 receive P", "WH1 unpack a in P"),
    "receipt booked after the onward shipment": (
        BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "WH1 receive a", "PHA receive a",
         "PHA dispense a"),
    "receipt booked after the onward delivery": (
        BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "PHA receive a", "WH1 receive a",
         "PHA dispense a"),
    "receipt of a pallet booked after its onward shipment": (
        BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 ship P > PHA", "WH1 receive P",
         "PHA receive P", "PHA unpack a in P", "PHA dispense a"),
    "receipt booked after dispensing": (
        BORN, "MFG ship a > PHA", "PHA dispense a", "PHA receive a"),
    "refused, received back without the first receipt, sold to another": (
        BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "WH1 receive a", "WH1 ship a > PHB",
         "PHB receive a"),
    "container used again": (
        "MFG commission a b", "MFG pack a in T", "MFG ship T > WH1", "WH1 receive T",
         "WH1 unpack a in T", "MFG pack b in T", "MFG ship T > PHA"),
    "shipment booked after the onward delivery": (
        BORN, "@1 WH1 receive a", "@2 WH1 ship a > PHA", "@3 PHA receive a",
         "@4 MFG ship a > WH1"),
    "class-level keys": ("MFG count lot", "MFG ship-class lot > WH1", "MFG ship-class lot > WH2"),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_honest_trade_raises_nothing(name: str) -> None:
    assert raised(told(*SILENT[name])) == {}


Contradiction = tuple[tuple[str, ...], dict[tuple[str, str], tuple[int, ...]]]
FLAGGED: dict[str, Contradiction] = {
    "commissioned twice": (
        (BORN, "LAB commission a", "MFG commission a"), {("a", "DUPLICATE_COMMISSION"): (0, 1, 2)}),
    "commissioned again after destruction": (
        (BORN, "MFG destroy a", "MFG commission a"),
        {("a", "DUPLICATE_COMMISSION"): (0, 2), ("a", "COMMISSION_AFTER_DECOMMISSION"): (1, 2)}),
    "sold twice": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH2"), {("a", "DOUBLE_SHIP"): (1, 2)}),
    "sold twice to one customer": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH1"), {("a", "DOUBLE_SHIP"): (1, 2)}),
    "sold, then shipped to nobody named at the same instant": (
        (BORN, "@1 MFG ship a", "@1 MFG ship a"), {("a", "DOUBLE_SHIP"): (1, 2)}),
    "sold three times: one finding, all evidence": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH2", "MFG ship a > PHA"),
        {("a", "DOUBLE_SHIP"): (1, 2, 3)}),
    "back-dated sale": (
        (BORN, "@3 MFG ship a > WH1", "@4 WH1 receive a", "@2 MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (1, 3)}),
    "sold by its owner and by the 3PL that keeps it": (
        (BORN, "MFG ship a via TPL", "TPL receive a", "TPL ship a > PHA", "MFG ship a > WH1"),
        {("a", "DOUBLE_SHIP"): (3, 4)}),
    "sold twice, title goes with the receipt": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH2", "WH2 receive a", "WH2 ship a via TPL",
         "TPL receive a", "WH2 ship a > PHA"),
        {("a", "DOUBLE_SHIP"): (1, 2)}),
    "corrected alike, then sold again: the correction is the evidence": (
        (BORN, "@1 MFG ship a > WH1", "MFG declare 1", "@1 MFG ship a > WH1", "MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (3, 4)}),
    "void taken back, then sold again": (
        (BORN, "MFG ship a > WH1", "MFG void a refers 1", "MFG void a refers 2",
         "MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (1, 4)}),
    "pallet sold, child sold": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (2, 3)}),
    "child sold, its pallet sold after it": (
        (BORN, "MFG pack a in P", "MFG ship a > WH2", "MFG ship P > WH1"),
        {("a", "DOUBLE_SHIP"): (2, 3)}),
    "child of a nested container sold alone": (
        (BORN, "MFG pack a in C", "MFG pack C in P", "MFG ship P > WH1", "MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (3, 4)}),
    "both customers confirm": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH2", "WH2 receive a", "WH1 receive a"),
        {("a", "DOUBLE_SHIP"): (1, 2), ("a", "DOUBLE_RECEIVE"): (3, 4)}),
    "received by another, then by the addressee": (
        (BORN, "MFG ship a > WH1", "WH2 receive a", "WH1 receive a"),
        {("a", "DOUBLE_RECEIVE"): (2, 3), ("a", "RECEIVE_BY_WRONG_PARTY"): (1, 2)}),
    "received twice out of a pallet": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH2 receive a"),
        {("a", "DOUBLE_RECEIVE"): (3, 4), ("a", "RECEIVE_WITHOUT_SHIP"): (4,)}),
    "shipped by the former owner": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "MFG ship a > WH2"),
        {("a", "SHIP_BY_NON_OWNER"): (2, 3)}),
    "shipped by a stranger: the owner is not blamed": (
        (BORN, "EVE ship a > WH2", "MFG ship a > WH1"), {("a", "SHIP_BY_NON_OWNER"): (0, 1)}),
    "stranger packs, ships and unpacks another's item": (
        (BORN, "EVE pack a in P", "EVE ship P > WH2", "EVE unpack-all in P", "EVE ship a > WH2"),
        {("a", "SHIP_BY_NON_OWNER"): (0, 2, 4)}),
    "stranger packs and ships another's item": (
        (BORN, "EVE pack a in P", "EVE ship P > WH1", "WH1 receive P", "WH1 unpack a in P",
         "WH1 dispense a"),
        {("a", "SHIP_BY_NON_OWNER"): (0, 2, 4)}),
    "stranger packs a copy, the genuine one is sold": (
        (BORN, "EVE pack a in P", "EVE ship P > WH1", "WH1 receive P", "WH1 unpack a in P",
         "WH1 ship a > PHB", "MFG ship a > PHA", "PHA receive a"),
        {("a", "SHIP_BY_NON_OWNER"): (0, 2, 4, 5)}),
    "stranger packs and ships what another holds": (
        (BORN, "MFG ship a > PHA", "PHA receive a", "EVE pack a in P", "EVE ship P > WH1",
         "WH1 receive P", "WH1 unpack-all in P", "WH1 observe a"),
        {("a", "SHIP_BY_NON_OWNER"): (2, 4, 7)}),
    "pallet shipped by a stranger": (
        (BORN, "MFG pack a in P", "EVE ship P > WH1", "WH1 unpack a in P"),
        {("P", "SHIP_BY_NON_OWNER"): (1, 2)}),
    "pallet of nested cases shipped by a stranger": (
        (BORN, "MFG pack a in C", "TPL pack C in P", "EVE ship P > WH1"),
        {("P", "SHIP_BY_NON_OWNER"): (2, 3)}),
    "packed by a 3PL, sold by the owner and by the 3PL": (
        (BORN, "MFG ship a via TPL", "TPL receive a", "TPL pack a in P", "MFG ship P > WH1",
         "TPL ship P > WH2"),
        {("P", "DOUBLE_SHIP"): (4, 5)}),
    "received by a second party only after the onward shipment": (
        (BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "PHA receive a", "WH1 receive a",
         "WH1 receive a"),
        {("a", "DOUBLE_RECEIVE"): (3, 5)}),
    "sold on, booked late, sold on again after delivery": (
        (BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "PHA receive a", "WH1 receive a",
         "WH1 ship a > PHB"),
        {("a", "SHIP_BY_NON_OWNER"): (3, 5)}),
    "received where nobody shipped it": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "PHA receive a"),
        {("a", "DOUBLE_RECEIVE"): (2, 3), ("a", "RECEIVE_WITHOUT_SHIP"): (3,)}),
    "stranger's void does not help": (
        (BORN, "MFG ship a > WH1", "EVE void a", "EVE void a refers 1", "MFG ship a > WH2"),
        {("a", "DOUBLE_SHIP"): (1, 4)}),
    "void after the receipt does not bring it back": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "MFG void a", "MFG ship a > WH2"),
        {("a", "SHIP_BY_NON_OWNER"): (2, 4)}),
    "void of a shipment that was shipped on": (
        (BORN, "MFG ship a > WH1", "WH1 ship a > PHA", "MFG void a", "MFG ship a > WH2"),
        {("a", "SHIP_BY_NON_OWNER"): (2, 4), ("a", "DOUBLE_SHIP"): (2, 4)}),
    "used after destruction": (
        (BORN, "MFG destroy a", "MFG ship a > WH1", "WH1 receive a"),
        {("a", "USE_AFTER_DECOMMISSION"): (1, 2, 3)}),
    "seen after dispensing": (
        (BORN, "MFG dispense a", "PHA observe a"), {("a", "USE_AFTER_DECOMMISSION"): (1, 2)}),
    "destroyed by another after its destruction": (
        (BORN, "MFG destroy a", "PHA destroy a"), {("a", "USE_AFTER_DECOMMISSION"): (1, 2)}),
    "dispensed in many pharmacies: one case": (
        (BORN, "MFG ship a > PHA", "PHA dispense a", "PHA decommission a", "PHB dispense a",
         "PHC dispense a"),
        {("a", "DOUBLE_DISPENSE"): (2, 4, 5)}),
    "dispensed by those it never reached": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "PHA dispense a", "PHA decommission a",
         "PHB dispense a"),
        {("a", "ENDED_BY_NON_OWNER"): (2, 3, 4, 5), ("a", "DOUBLE_DISPENSE"): (3, 5)}),
    "no shipment told, dispensed by two": (
        (BORN, "PHA dispense a", "PHA decommission a", "PHB dispense a"),
        {("a", "DOUBLE_DISPENSE"): (1, 3)}),
    "dispensed by a stranger: the holder is not blamed": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "EVE dispense a", "WH1 dispense a"),
        {("a", "ENDED_BY_NON_OWNER"): (2, 3), ("a", "DOUBLE_DISPENSE"): (3, 4)}),
    "destroyed by a stranger: trade goes on": (
        (BORN, "EVE destroy a", "MFG ship a > WH1", "WH1 receive a", "WH1 ship a > PHA"),
        {("a", "ENDED_BY_NON_OWNER"): (0, 1)}),
    "decommissioned by the former owner": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "MFG decommission a", "WH1 ship a > PHA"),
        {("a", "ENDED_BY_NON_OWNER"): (2, 3)}),
    "destroyed by a stranger inside another's container": (
        ("MFG pack a in P", "EVE destroy a"),
        {("a", "NOT_COMMISSIONED"): (0, 1), ("a", "ENDED_BY_NON_OWNER"): (0, 1)}),
    "stranger's back-dated consumption does not hide a double sale": (
        (BORN, "@4 MFG ship a > WH1", "@5 MFG ship a > WH2", "@1 EVE consume a"),
        {("a", "DOUBLE_SHIP"): (1, 2), ("a", "ENDED_BY_NON_OWNER"): (0, 3)}),
    "stranger's back-dated consumption does not hide a double dispensing": (
        (BORN, "@4 MFG ship a > PHA", "@5 PHA dispense a", "@6 PHB dispense a", "@1 EVE consume a"),
        {("a", "DOUBLE_DISPENSE"): (2, 3), ("a", "ENDED_BY_NON_OWNER"): (0, 4)}),
    "seller's back-dated consumption turns the double sale into use after it": (
        (BORN, "@4 MFG ship a > WH1", "@5 MFG ship a > WH2", "@1 MFG consume a"),
        {("a", "USE_AFTER_CONSUMED"): (1, 2, 3)}),
    "consumed twice": ((BORN, "MFG consume a", "MFG consume a"),
        {("a", "USE_AFTER_CONSUMED"): (1, 2)}),
    "never commissioned": (
        ("MFG ship a > WH1", "WH1 receive a"), {("a", "NOT_COMMISSIONED"): (0, 1)}),
    "never commissioned, used after unpacking": (
        ("MFG pack a in P", "MFG unpack a in P", "MFG ship a > WH1"),
        {("a", "NOT_COMMISSIONED"): (0, 1, 2)}),
    "never commissioned, packed and shipped": (
        ("MFG pack a in P", "MFG ship P > WH1"), {("a", "NOT_COMMISSIONED"): (0,)}),
    "packed long before it was commissioned": (
        ("@1 MFG pack a in P", "@9 MFG commission a"),
        {("a", "EVENT_BEFORE_COMMISSION"): (0, 1)}),
    "commissioned by one, produced by another": (
        (BORN, "CMO produce a"), {("a", "DUPLICATE_COMMISSION"): (0, 1)}),
    "child sold, then packed into a pallet that is sold to another": (
        (BORN, "MFG ship a > WH2", "MFG pack a in P", "MFG ship P > WH1"),
        {("a", "DOUBLE_SHIP"): (1, 3)}),
    "commission taken back": (
        (BORN, "MFG void a refers 0", "MFG ship a > WH1"), {("a", "NOT_COMMISSIONED"): (2,)}),
    "one of two events of an instant declared wrong": (
        (BORN, "@0 MFG ship a > WH1", "MFG declare 0"), {("a", "NOT_COMMISSIONED"): (1,)}),
    "pallet that nobody packed": (
        ("MFG ship P > WH1",), {("P", "NOT_COMMISSIONED"): (0,)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAGGED)
def test_contradiction_is_flagged_with_its_evidence(name: str) -> None:
    lines, expected = FLAGGED[name]
    named = {(key(item), rule): evidence for (item, rule), evidence in expected.items()}
    assert raised(told(*lines)) == named


Standing = tuple[str, str | None, str | None, str | None]
STATES: dict[str, tuple[tuple[str, ...], Standing]] = {
    "commissioned": ((BORN,), ("commissioned", "MFG", None, None)),
    "in transit": ((BORN, "MFG ship a > WH1"), ("in_transit", "MFG", "WH1", None)),
    "in transit to a 3PL": (
        (BORN, "MFG ship a > WH1 via TPL"), ("in_transit", "MFG", "TPL", None)),
    "in transit to nobody named": ((BORN, "MFG ship a"), ("in_transit", "MFG", None, None)),
    "held": ((BORN, "MFG ship a > WH1", "WH1 receive a"), ("held", "WH1", None, None)),
    "title sold, goods at the 3PL": (
        (BORN, "MFG ship a via TPL", "TPL receive a", "MFG ship a > WH1"),
        ("held", "TPL", None, None)),
    "voided": ((BORN, "MFG ship a > WH1", "MFG void a"), ("commissioned", "MFG", None, None)),
    "first shipment stands": (
        (BORN, "MFG ship a > WH1", "MFG ship a > WH2"), ("in_transit", "MFG", "WH1", None)),
    "first receipt stands": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "WH2 receive a"), ("held", "WH1", None, None)),
    "addressee wins over who received it first": (
        (BORN, "MFG ship a > WH1", "WH2 receive a", "WH1 receive a"), ("held", "WH1", None, None)),
    "stranger's shipment moves nothing": (
        (BORN, "EVE ship a > WH2"), ("commissioned", "MFG", None, None)),
    "packed": ((BORN, "MFG pack a in P"), ("commissioned", "MFG", None, "P")),
    "its pallet moves, it has no step of its own": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1"), ("commissioned", "MFG", None, "P")),
    "stranger's end moves nothing": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "EVE dispense a", "EVE consume a",
         "EVE destroy a", "EVE decommission a"),
        ("held", "WH1", None, None)),
    "dispensed by its addressee: received": (
        (BORN, "MFG ship a > PHA", "PHA dispense a"), ("dispensed", "PHA", None, None)),
    "follows its pallet up to its own step": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH1 observe a"),
        ("held", "WH1", None, "P")),
    "follows the outermost container": (
        (BORN, "MFG pack a in C", "MFG pack C in P", "MFG ship P > WH1", "WH1 receive P",
         "WH1 observe a", "WH1 ship P > PHA"),
        ("held", "WH1", None, "C")),
    "went its own way out of a pallet that nobody unpacked": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH1 ship a > PHA",
         "PHA receive a", "WH1 ship P > WH2"),
        ("held", "PHA", None, None)),
    "late shipment does not outdo the one logged first": (
        (BORN, "@3 MFG ship a > WH1", "@2 MFG ship a > WH2"), ("in_transit", "MFG", "WH1", None)),
    "late receipt does not outdo the one logged first": (
        (BORN, "@1 MFG ship a > WH1", "@2 MFG ship a > WH2", "@5 WH1 receive a",
         "@4 WH2 receive a"),
        ("held", "WH1", None, None)),
    "late dispensing does not outdo the receipt logged first": (
        (BORN, "@1 MFG ship a > WH1", "@2 WH1 receive a", "@4 WH1 ship a > PHA",
         "@5 PHA receive a", "@3 WH1 dispense a"),
        ("held", "PHA", None, None)),
    "late dispensing is not outdone by a look": (
        (BORN, "@5 PHA observe a", "@4 MFG dispense a"), ("dispensed", "MFG", None, None)),
    "goes in and comes out of one transformation": (
        (BORN, "MFG rework a", "MFG ship a > WH1"), ("in_transit", "MFG", "WH1", None)),
    "keeps what it has when unpacked by name": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH1 unpack a in P"),
        ("held", "WH1", None, None)),
    "keeps what it has when all is unpacked": (
        (BORN, "MFG pack a in P", "MFG ship P > WH1", "WH1 receive P", "WH1 unpack-all in P"),
        ("held", "WH1", None, None)),
    "goes its own way once unpacked": (
        (BORN, "MFG pack a in P", "MFG unpack-all in P", "MFG ship P > WH1"),
        ("commissioned", "MFG", None, None)),
    "unknown child takes over its container's custody": (
        ("MFG pack a in P", "MFG unpack a in P"), ("commissioned", "MFG", None, None)),
    "unpacked from another container: stays": (
        (BORN, "MFG pack a in P", "MFG unpack a in Q"), ("commissioned", "MFG", None, "P")),
    "in the last of two containers": (
        (BORN, "MFG pack a in P", "MFG pack a in Q"), ("commissioned", "MFG", None, "Q")),
    "packed by its addressee: received": (
        (BORN, "MFG ship a > WH1", "WH1 pack a in T"), ("held", "WH1", None, "T")),
    "does not end with its container": (
        (BORN, "MFG pack a in P", "MFG decommission P"), ("commissioned", "MFG", None, "P")),
    "circle of containers is not closed": (
        (BORN, "MFG pack a in P", "MFG pack P in a", "MFG ship P > WH1"),
        ("commissioned", "MFG", None, "P")),
    "not its own container": ((BORN, "MFG pack a in a"), ("commissioned", "MFG", None, None)),
    "dispensed": ((BORN, "MFG dispense a", "PHA receive a"), ("dispensed", "MFG", None, None)),
    "destroyed": ((BORN, "MFG decommission a", "MFG destroy a"), ("destroyed", "MFG", None, None)),
    "decommissioned": ((BORN, "MFG decommission a"), ("decommissioned", "MFG", None, None)),
    "consumed": ((BORN, "MFG consume a", "MFG ship a > WH1"), ("consumed", "MFG", None, None)),
    "produced": (("MFG produce a",), ("commissioned", "MFG", None, None)),
    "shipped before it was commissioned": (
        ("MFG ship a > WH1", BORN), ("in_transit", "MFG", "WH1", None)),
    "class-level": (("MFG ship-class a > WH1",), ("unknown", None, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_state_says_where_the_item_is(name: str) -> None:
    lines, (status, *parties) = STATES[name]
    state = told(*lines).states[key("a")]
    assert state.status == status
    expected = [None if word is None else key(word) for word in parties]
    assert [state.holder, state.shipped_to, state.container] == expected


def test_last_entry_is_the_last_of_its_own_or_what_freed_it() -> None:
    lines = (BORN, "MFG pack a in P", "@9 WH1 receive P", "@8 MFG ship P > WH1")
    state = told(*lines).states[key("a")]
    assert (state.last_index, state.last_time) == (1, 1 * 3_600_000)
    state = told(*lines, "@10 WH1 unpack-all in P").states[key("a")]
    assert (state.last_index, state.holder, state.container) == (4, key("WH1"), None)


def test_error_declaration_may_arrive_before_its_original() -> None:
    entries = story(BORN, "MFG ship a > WH1", "MFG declare 1", "@6 MFG ship a > WH2")
    arrived = [
        [replace(step, log_index=index) for step in entry]
        for index, entry in zip((0, 2, 1, 3), entries, strict=True)
    ]
    steps = histories(arrived)
    outcome = fold(steps, steps.keys())
    assert outcome.findings == []
    assert outcome.states[key("a")].shipped_to == key("WH2")


def test_item_without_entries_is_unknown() -> None:
    state = fold({}, [key("a")]).states[key("a")]
    assert (state.status, state.last_index, state.last_time) == (Status.UNKNOWN, NEVER, NEVER)


def test_only_the_keys_asked_for_are_answered() -> None:
    steps = histories(story(BORN, "MFG pack a in P", "MFG ship a > WH1", "MFG ship P > WH2"))
    outcome = fold(steps, [key("a")])
    assert list(outcome.states) == [key("a")]
    assert set(raised(outcome)) == {(key("a"), "DOUBLE_SHIP")}


def test_unjudged_keys_have_a_state_and_no_finding() -> None:
    outcome = fold(histories(story("MFG ship a > WH1")), [key("a")], unjudged={key("a")})
    assert outcome.findings == []
    assert outcome.states[key("a")].status is Status.IN_TRANSIT


def test_unpack_flag_beside_named_children_takes_out_only_these() -> None:
    entries = story("MFG commission a b", "MFG pack a b in P", "MFG unpack-all a in P")
    steps = histories(entries)
    states = fold(steps, steps.keys()).states
    assert states[key("a")].container is None
    assert states[key("b")].container == key("P")


def test_containers_nested_too_deep_are_not_followed() -> None:
    states = told(*(f"MFG pack c{i + 1} in c{i}" for i in range(MAX_NESTING + 1))).states
    assert states[key(f"c{MAX_NESTING}")].container == key(f"c{MAX_NESTING - 1}")
    assert states[key(f"c{MAX_NESTING + 1}")].container is None


def test_finding_says_rule_severity_class_and_indexes() -> None:
    (finding,) = told(BORN, "MFG ship a > WH1", "WH1 receive a", "MFG ship a > WH2").findings
    assert finding.code is Rule.SHIP_BY_NON_OWNER
    assert finding.severity is Severity.CRITICAL
    assert finding.finding_class is FindingClass.SUSPICIOUS
    assert finding.detail == "Shipped by one who neither held nor owned it: 2, 3."


def test_receipts_without_shipment_are_bounded_and_none_is_lost() -> None:
    lines = [BORN, *(f"P{i} receive a" for i in range(MAX_OPEN + 9))]
    steps = histories(story(*lines))[key("a")]
    item = Item(key("a"), Ground())
    for step in steps:
        apply_own(item, step)
    assert len(item.unmatched) == MAX_OPEN
    findings, _ = judge(item, steps)
    (told_of,) = (one for one in findings if one.code is Rule.RECEIVE_WITHOUT_SHIP)
    assert (told_of.evidence[0], told_of.evidence[-1]) == (1, MAX_OPEN + 9)
