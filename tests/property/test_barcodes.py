"""Round trips of barcode text: what is formatted is read back as it was."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.barcodes.application_identifiers import ROWS
from ledger.core.barcodes.diagnosis import Verdict, diagnose
from ledger.core.barcodes.element_strings import (
    format_bracketed,
    format_elements,
    parse_bracketed,
    parse_elements,
)
from ledger.core.barcodes.hibc import format_hibc, parse_hibc
from ledger.core.barcodes.ifa import format_ifa, parse_ifa, ppn_check_digits
from ledger.core.barcodes.items import name_item
from ledger.core.barcodes.links import find_link, format_link
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import read_scan
from ledger.core.digital_links import to_digital_link, to_urn
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import canonical_path
from ledger.core.prefix_lengths import PrefixLengths

DIGITS = "0123456789"
SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

values = st.text(SET_82, min_size=1, max_size=20)
bodies = st.text(DIGITS, min_size=13, max_size=13)
dates = st.dates().map(lambda day: day.strftime("%y%m%d"))


@st.composite
def packs(draw: st.DrawFn) -> dict[str, str]:
    body = draw(bodies)
    beside = draw(
        st.fixed_dictionaries(
            {},
            optional={"10": values, "21": values, "22": values, "17": dates, "11": dates,
                      "240": values, "91": values, "3103": st.text(DIGITS, min_size=6, max_size=6)},
        )
    )  # fmt: skip
    order = draw(st.permutations(["01", *beside]))
    return {ai: ({"01": body + check_digit(body)} | beside)[ai] for ai in order}


@given(packs())
def test_element_strings(elements: dict[str, str]) -> None:
    raw = format_elements(elements)
    assert parse_elements(raw) == elements
    assert list(parse_elements(raw)) == list(elements)
    if any(f"({ai})" in value for value in elements.values() for ai in ROWS):
        with pytest.raises(BarcodeError, match="brackets"):
            format_bracketed(elements)
    else:
        assert parse_bracketed(format_bracketed(elements)) == elements


@given(packs())
def test_links(elements: dict[str, str]) -> None:
    link = find_link(format_link(elements))
    assert link is not None
    assert link.all_elements() == elements
    assert (
        canonical_path(format_link(elements)) == read_scan(format_elements(elements)).carried.path
    )


@given(
    di=st.builds(
        "{}{}{}{}".format,
        st.sampled_from(UPPER),
        st.text(UPPER + DIGITS, min_size=3, max_size=3),
        st.text(UPPER + DIGITS, min_size=1, max_size=18),
        st.sampled_from(DIGITS),
    ),
    lot=st.text(UPPER + DIGITS, min_size=1, max_size=18),
    serial=st.text(UPPER + DIGITS, min_size=1, max_size=18),
    expiry=st.dates().map(lambda day: day.strftime("%y%m%d")),
)
def test_hibc(di: str, lot: str, serial: str, expiry: str) -> None:
    text = format_hibc(di, f"$$3{expiry}{lot}", f"S{serial}")
    carried = parse_hibc(text)
    assert (carried.di, carried.lot, carried.serial) == (di, lot, serial)
    assert carried.expiry == f"20{expiry[:2]}-{expiry[2:4]}-{expiry[4:]}"
    assert carried.path == f"hibc:{di}/serial/{serial}"
    assert diagnose(text).verdict is Verdict.OK


@given(product=st.text(UPPER + DIGITS, min_size=1, max_size=18), lot=values, serial=values)
def test_ifa(product: str, lot: str, serial: str) -> None:
    ppn = "12" + product
    ppn += ppn_check_digits(ppn)
    carried = parse_ifa(format_ifa(ppn, lot=lot, serial=serial))
    assert (carried.di, carried.lot, carried.serial) == (ppn, lot, serial)


@st.composite
def urns(draw: st.DrawFn) -> str:
    length = draw(st.integers(6, 12))
    digits = draw(st.text(DIGITS, min_size=17, max_size=17))
    prefix, rest = digits[:length], digits[length:]
    serial = "".join(f"%{ord(one):02X}" if one in '"%&/<>?' else one for one in draw(values))
    number = draw(st.text(DIGITS, min_size=1, max_size=12))
    reference = rest[: 12 - length]
    item = rest[: 13 - length]
    return draw(
        st.sampled_from([
            f"urn:epc:id:sgtin:{prefix}.{item}.{serial}",
            f"urn:epc:idpat:sgtin:{prefix}.{item}.*",
            f"urn:epc:class:lgtin:{prefix}.{item}.{serial}",
            f"urn:epc:id:upui:{prefix}.{item}.{serial}",
            f"urn:epc:id:itip:{prefix}.{item}.01.02.{serial}",
            f"urn:epc:id:sscc:{prefix}.{rest}",
            f"urn:epc:id:gsrn:{prefix}.{rest}",
            f"urn:epc:id:gsrnp:{prefix}.{rest}",
            f"urn:epc:id:gsin:{prefix}.{rest[: 16 - length]}",
            f"urn:epc:id:sgln:{prefix}.{reference}.{serial}",
            f"urn:epc:id:pgln:{prefix}.{reference}",
            f"urn:epc:id:gdti:{prefix}.{reference}.{serial[:1] if '%' not in serial else 'A'}",
            f"urn:epc:id:sgcn:{prefix}.{reference}.{number}",
            f"urn:epc:idpat:sgcn:{prefix}.{reference}.*",
            f"urn:epc:id:cpi:{prefix}.A1.{number}",
            f"urn:epc:id:giai:{prefix}.{serial if '%' not in serial else 'A'}",
        ])
    )  # fmt: skip


@given(urns())
def test_urn_to_link_and_back(urn: str) -> None:
    lengths = PrefixLengths()
    lengths.learn(urn)
    link = to_digital_link(urn)
    assert link.startswith("https://id.gs1.org/")
    # A URN may spell what a link would: SGLN extension 0, a joined reference of digits.
    assert to_urn(link, lengths) == urn
    assert name_item(link, lengths).path == name_item(urn, lengths).path


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_verdict(text: str) -> None:
    for raw in (text, f"]d2{text}", f"01095011015300032{text}", f"https://{text}", f"+{text}"):
        found = diagnose(raw, lambda _path: False)
        assert found.raw == raw
        assert (found.verdict is Verdict.REFUSED) is (found.reading is None)


@given(st.data())
def test_every_ai_takes_a_value_it_can_say(data: st.DataObject) -> None:
    ai = data.draw(st.sampled_from(sorted(ROWS)))
    row = ROWS[ai]
    value = "".join(
        data.draw(st.text(DIGITS, min_size=one.shortest, max_size=one.longest))
        for one in row.components
    )
    assert row.shortest <= len(value) <= row.longest
    with suppress(BarcodeError):
        row.verify(value)
    with pytest.raises(BarcodeError) as refused:
        row.verify(value + "\x1d" + "0" * row.longest)
    assert refused.value.code == "VALUE_TOO_LONG"
