"""What an XML document must not do to its reader: each is refused, fast, and by name."""

import time
from collections.abc import Callable

import pytest

from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import MAX_FINDINGS
from ledger.core.epcis.read import read_document
from ledger.core.epcis.read_json import MAX_EVENTS
from ledger.core.epcis.read_xml import (
    MAX_ATTRIBUTES,
    MAX_ELEMENTS,
    MAX_NAME,
    MAX_NAMESPACES,
    MAX_TEXT,
)
from ledger.core.epcis.xml_grammar import MAX_XML_DEPTH
from ledger.core.epcis.xml_names import MAX_PREFIXES
from ledger.core.epcis.xml_prolog import MAX_PROLOG_BYTES
from ledger.core.errors import MalformedError
from tests.epcis_xml import document, observed

# Generous: what is linear takes far less, what is quadratic far more.
SECONDS = 20
PLAIN = document(observed())
LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
BILLION = f"<!DOCTYPE a [{LAUGHS}]>" + document(observed(epc="&a9;")).decode()
DECLARED = '<?xml version="1.0" encoding="UTF-16"?>'
ENTITY = '<!DOCTYPE a [<!ENTITY x "y">]>' + PLAIN.decode()

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "billion laughs": (BILLION.encode, "document type"),
    "behind a declaration": ((DECLARED[:19] + "?>" + ENTITY).encode, "document type"),
    "behind a comment": (("<!-- a --><?b c?>\n" + ENTITY).encode, "document type"),
    "in UTF-16": (lambda: (DECLARED + ENTITY).encode("utf-16"), "document type"),
    "in UTF-16 without a mark": (lambda: ENTITY.encode("utf-16-le"), "document type"),
    "quadratic blow-up": (
        lambda: b'<!DOCTYPE a [<!ENTITY x "' + b"y" * 100_000 + b'">]>' + b"&x;" * 100_000,
        "document type",
    ),
    "external subset": (lambda: b'<!DOCTYPE a SYSTEM "file:///etc">' + PLAIN, "document type"),
    "public subset": (lambda: b'<!DOCTYPE a PUBLIC "a" "urn:x">' + PLAIN, "document type"),
    "lower case": (lambda: b"<!doctype a>" + PLAIN, "well-formed"),
    "entity without a declaration": (lambda: document(observed(epc="&x;")), "well-formed"),
    "UTF-7": (lambda: b'<?xml version="1.0" encoding="UTF-7"?>' + PLAIN, "encoding"),
    "UTF-32": (lambda: PLAIN.decode().encode("utf-32"), "UTF-8 or UTF-16"),
    "another encoding than declared": (lambda: DECLARED.encode() + PLAIN, "encoding"),
    "no UTF-8": (lambda: PLAIN.replace(b"OBSERVE", b"OBS\xff"), "well-formed"),
    "half a character in UTF-16": (lambda: PLAIN.decode().encode("utf-16")[:-1], "utf-16"),
    "XML 1.1": (lambda: b'<?xml version="1.1"?>' + PLAIN, "XML 1.0"),
    "a control character": (lambda: document(observed(epc="&#1;")), "well-formed"),
    "depth": (lambda: document(observed("<a>" * 100 + "</a>" * 100)), str(MAX_XML_DEPTH)),
    "depth without an end": (lambda: PLAIN[:-60] + b"<a>" * 2_000_000, str(MAX_XML_DEPTH)),
    "attributes": (
        lambda: document(observed(attributes="".join(f' a{i}=""' for i in range(100_000)))),
        str(MAX_ATTRIBUTES),
    ),
    "namespaces in scope": (
        lambda: document(observed(attributes="".join(f' xmlns:a{i}="u"' for i in range(50_000)))),
        str(MAX_NAMESPACES),
    ),
    "namespaces of one event": (
        lambda: document(observed("".join(f'<a:b xmlns:a="u:{i}"/>' for i in range(2_000)))),
        str(MAX_PREFIXES),
    ),
    "prolog": (lambda: b"<!-- -->" * 200_000 + PLAIN, str(MAX_PROLOG_BYTES)),
    "a comment without an end": (lambda: b"<!-- " * 200_000, str(MAX_PROLOG_BYTES)),
    "text": (lambda: document(observed(epc="a" * 11_000_000)), str(MAX_TEXT)),
    "blanks": (lambda: document(observed() + " " * 20_000_000), str(MAX_TEXT)),
    "one tag": (lambda: document(f"<a {' ' * 11_000_000}/>"), str(MAX_TEXT)),
    "a comment": (lambda: document(f"<!--{'a' * 11_000_000}-->"), str(MAX_TEXT)),
    "a name": (lambda: document(f"<{'a' * 60_000}/>"), str(MAX_NAME)),
    "EBCDIC": (
        lambda: ("<?xml version='1.0' encoding='cp037'?>" + PLAIN.decode()).encode("cp037"),
        "UTF-8 or UTF-16",
    ),
    "a second root": (lambda: PLAIN + PLAIN, "well-formed"),
    "nothing": (lambda: b"<", "well-formed"),
    "no EPCIS": (lambda: b"<a/>", "EPCIS"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_is_refused_by_name_and_fast(name: str) -> None:
    make, rule = REFUSED[name]
    raw = make()
    begun = time.process_time()
    with pytest.raises(MalformedError, match=r"^xml: ") as refused:
        read_document(raw)
    assert rule in str(refused.value)
    assert time.process_time() - begun < SECONDS


def test_elements_of_one_event_are_bounded() -> None:
    with pytest.raises(MalformedError, match=str(MAX_ELEMENTS)):
        read_document(document(observed(epc=EMPTY * (MAX_ELEMENTS + 1))))


EMPTY = "<a/>"


def test_items_of_a_list_are_bounded() -> None:
    with pytest.raises(MalformedError, match=f"has at most {MAX_EVENTS} events"):
        read_document(b"[" + b"0," * MAX_EVENTS + b"0]")


def test_findings_are_bounded_and_never_change_the_verdict() -> None:
    found = read_document(document(EMPTY * 3_000)).findings
    assert len(found) == MAX_FINDINGS + 1
    assert found[0].severity is Severity.ERROR
    assert (found[-1].code, found[-1].severity) == ("FINDINGS_TRUNCATED", Severity.INFO)


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<!-- a -->' + PLAIN,
        PLAIN.decode().encode("utf-16"),
        (DECLARED + PLAIN.decode()).encode("utf-16"),
        PLAIN.decode().encode("utf-16-be"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + PLAIN,
        b"<?xml-stylesheet href='urn:never'?>" + PLAIN,
        b" \n" + PLAIN,
    ],
)
def test_what_is_no_attack_is_read(raw: bytes) -> None:
    assert read_document(raw).findings == []


def test_a_document_type_that_declares_nothing_is_told_and_ignored() -> None:
    found = read_document(b"<?xml version='1.0'?>\n<!DOCTYPE project>\n" + PLAIN)
    assert [(one.code, one.severity) for one in found.findings] == [
        ("DOCTYPE_IGNORED", Severity.LOW)
    ]
    assert found.lines == [3]


def test_latin_1_is_read_as_it_is_declared() -> None:
    raw = document(observed('<e:a xmlns:e="urn:e">é</e:a>')).decode().encode("latin-1")
    with pytest.raises(MalformedError):
        read_document(raw)
    declared = b'<?xml version="1.0" encoding="iso-8859-1"?>' + raw
    assert read_document(declared).events[0]["e:a"] == "é"
