"""The columns that we know, the headers under which partners write them, the kinds of events.

Everything about a kind, a party or a reference follows from a row of the tables here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.core.epcis.vocabulary import BIZ_STEP


class Column(StrEnum):
    """What a column of a partner's table means."""

    KIND = "kind"
    EVENT_ID = "event_id"
    EVENT_TIME = "event_time"
    TIME_OF_DAY = "time_of_day"
    ZONE = "zone"
    GTIN = "gtin"
    SERIAL = "serial"
    LOT = "lot"
    EXPIRY = "expiry"
    QUANTITY = "quantity"
    UOM = "uom"
    SSCC = "sscc"
    EPC = "epc"
    PARENT = "parent"
    DISPOSITION = "disposition"
    READ_POINT = "read_point"
    BIZ_LOCATION = "biz_location"
    FROM_PARTY = "from_party"
    TO_PARTY = "to_party"
    FROM_POSSESSOR = "from_possessor"
    TO_POSSESSOR = "to_possessor"
    FROM_LOCATION = "from_location"
    TO_LOCATION = "to_location"
    PURCHASE_ORDER = "purchase_order"
    DESPATCH_ADVICE = "despatch_advice"
    INVOICE = "invoice"


# Headers in English, German, French, Spanish; compared by `plain_header`.
_SYNONYMS: Final = {
    Column.KIND: "event; event type; event kind; kind; vorgang; ereignis; opération; evento",
    Column.EVENT_ID: "event id; ereignis-id",
    Column.EVENT_TIME: """event time; event date; time stamp; timestamp; date time; date; time of
        event; zeitpunkt; zeitstempel; datum; ereigniszeit; date et heure; fecha; fecha y hora""",
    Column.TIME_OF_DAY: "time of day; time; uhrzeit; zeit; heure; hora",
    Column.ZONE: """zone; time zone; timezone; utc offset; offset; event time zone offset;
        zeitzone; fuseau horaire; zona horaria""",
    Column.GTIN: """gtin; gtin14; gtin 14; gtin13; ean; ean13; product code; produktcode;
        item gtin; artikel-gtin; code produit""",
    Column.SERIAL: """serial; serial no; serial number; serialnumber; sn; sgtin serial;
        seriennummer; serien-nr; serial-nr; numéro de série""",
    Column.LOT: """lot; lot no; lot number; batch; batch no; batch number; batch/lot; charge;
        chargennummer; chargen-nr; ch.-b.; lot/batch; numéro de lot; lote; número de lote""",
    Column.EXPIRY: """expiry; expiry date; expiration; expiration date; exp; exp date; use by;
        item expiration date; verfall; verfalldatum; verfallsdatum; verwendbar bis; haltbar bis;
        date de péremption; fecha de caducidad""",
    Column.QUANTITY: "quantity; qty; menge; anzahl; stück; quantité; cantidad",
    Column.UOM: "uom; unit; unit of measure; einheit; mengeneinheit; unité; unidad",
    Column.SSCC: "sscc; sscc18; sscc 18; pallet; nve; logistic unit; palette; palettennummer",
    Column.EPC: "epc; identifier; item; digital link; epc uri",
    Column.PARENT: """parent; parent id; parent sscc; sscc parent; container; packed in; case sscc;
        pallet sscc; verpackt in; übergeordnete sscc; eltern-sscc; umkarton""",
    Column.DISPOSITION: "disposition; status; zustand",
    Column.READ_POINT: "read point; readpoint; erfassungsort; point de lecture",
    Column.BIZ_LOCATION: "biz location; business location; location; site; gln; standort; lagerort",
    Column.FROM_PARTY: """from party; from; from gln; seller; seller gln; sender; sender gln; ship
        from gln; source owning party; von; von gln; verkäufer; absender; lieferant;
        lieferant gln; vendeur; vendedor""",
    Column.TO_PARTY: """to party; to; to gln; buyer; buyer gln; receiver; receiver gln;
        customer gln; ship to gln; destination owning party; an; an gln; käufer; empfänger;
        empfänger gln; kunde; kunde gln; acheteur; comprador""",
    Column.FROM_POSSESSOR: "from possessor; from possessing party; carrier from",
    Column.TO_POSSESSOR: "to possessor; to possessing party; carrier to",
    Column.FROM_LOCATION: "from location; ship from; ship from location; abgangsort",
    Column.TO_LOCATION: "to location; ship to; ship to location; zielort; lieferort",
    Column.PURCHASE_ORDER: """purchase order; purchase order number; po; po no; po number; order;
        order number; bestellung; bestellnummer; bestell-nr; bon de commande; pedido""",
    Column.DESPATCH_ADVICE: """despatch advice; dispatch advice; desadv; asn; delivery;
        delivery note; delivery number; lieferschein; lieferscheinnummer; lieferschein-nr;
        bon de livraison; albarán""",
    Column.INVOICE: """invoice; invoice no; invoice number; rechnung; rechnungsnummer; facture;
        factura""",
}  # fmt: skip


def plain_header(text: str) -> str:
    """Return a header without case, spaces and punctuation, as headers are compared."""
    return "".join(one for one in text.casefold() if one.isalnum())


def _known_headers() -> dict[str, Column]:
    known = {plain_header(column.value): column for column in Column}
    for column, listed in _SYNONYMS.items():
        for text in listed.split(";"):
            known.setdefault(plain_header(text), column)
    return known


COLUMN_OF_HEADER: Final = _known_headers()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """What a word in the column `kind` makes of a row."""

    type: str = "ObjectEvent"
    action: str = "OBSERVE"
    biz_step: str
    disposition: str = ""

    @property
    def contains(self) -> bool:
        """Whether the row's item goes into, or comes out of, a parent."""
        return self.type == "AggregationEvent"

    @property
    def begins(self) -> bool:
        """Whether the event brings items into being, so that it has lot and expiry as ILMD."""
        return self.type == "ObjectEvent" and self.action == "ADD"


# In the column `disposition`: not even the one that the kind of event has by itself.
NO_DISPOSITION: Final = "none"
# Dispositions: CBV 2.0 section 7.2; actions of what ends: ADD and DELETE only.
_KINDS: Final = {
    kind.biz_step: kind
    for kind in (
        EventKind(biz_step="commissioning", action="ADD", disposition="active"),
        EventKind(type="AggregationEvent", biz_step="packing", action="ADD",
                  disposition="in_progress"),
        EventKind(type="AggregationEvent", biz_step="unpacking", action="DELETE",
                  disposition="in_progress"),
        EventKind(biz_step="shipping", disposition="in_transit"),
        EventKind(biz_step="receiving", disposition="in_progress"),
        EventKind(biz_step="dispensing", action="DELETE", disposition="dispensed"),
        EventKind(biz_step="decommissioning", action="DELETE", disposition="inactive"),
        EventKind(biz_step="destroying", action="DELETE", disposition="destroyed"),
    )
}  # fmt: skip
# Every other step of CBV is an observation, whose disposition the table names or leaves out.
KINDS: Final = {
    word: _KINDS.get(word) or EventKind(biz_step=word) for word in sorted(BIZ_STEP.words)
}


# The members that name serialised items, and those that name classes with quantities.
ITEM_LISTS: Final = {
    "ObjectEvent": ("epcList", "quantityList"),
    "AggregationEvent": ("childEPCs", "childQuantityList"),
}


# Steps by which goods change hands: parties and references that a mapping fixes for a whole table
# belong to these rows only, while a cell says for itself where it belongs.
TRANSFERS: Final = frozenset(
    [
        "accepting", "arriving", "consigning", "departing", "dispensing", "receiving",
        "retail_selling", "shipping", "transporting", "void_shipping",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyColumn:
    """Where a party or place of a column stands in an event."""

    column: Column
    list_name: str
    member: str
    type: str
    ai: str


PARTIES: Final = (
    PartyColumn(column=Column.FROM_PARTY, list_name="sourceList", member="source",
                type="owning_party", ai="417"),
    PartyColumn(column=Column.FROM_POSSESSOR, list_name="sourceList", member="source",
                type="possessing_party", ai="417"),
    PartyColumn(column=Column.FROM_LOCATION, list_name="sourceList", member="source",
                type="location", ai="414"),
    PartyColumn(column=Column.TO_PARTY, list_name="destinationList", member="destination",
                type="owning_party", ai="417"),
    PartyColumn(column=Column.TO_POSSESSOR, list_name="destinationList", member="destination",
                type="possessing_party", ai="417"),
    PartyColumn(column=Column.TO_LOCATION, list_name="destinationList", member="destination",
                type="location", ai="414"),
)  # fmt: skip
PLACES: Final = {Column.READ_POINT: "readPoint", Column.BIZ_LOCATION: "bizLocation"}
# CBV 2.0 section 8.5: the issuer's GLN is part of a reference. A buyer orders, a seller delivers.
REFERENCES: Final = {
    Column.PURCHASE_ORDER: ("po", Column.TO_PARTY),
    Column.DESPATCH_ADVICE: ("desadv", Column.FROM_PARTY),
    Column.INVOICE: ("inv", Column.FROM_PARTY),
}
LOT_MEMBER: Final = "cbvmda:lotNumber"
EXPIRY_MEMBER: Final = "cbvmda:itemExpirationDate"
MASTER_DATA_NAMESPACE: Final = "urn:epcglobal:cbv:mda:"
OF_TRANSFERS: Final = frozenset([*(party.column for party in PARTIES), *REFERENCES])
