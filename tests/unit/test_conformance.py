"""The official schemas beside our check, on every document of the conformance data.

A difference that tests/conformance.toml does not explain, or an explanation without a difference,
is wrong. Nothing is fetched: the schemas are read from the folder, and lxml has no network.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from lxml import etree

from ledger.core.epcis.check import check_document

# Any instant after all examples: their verdicts do not hang on the clock (STALE_EVENT is info).
AT_MS = 1_795_652_400_000
LISTED = Path(__file__).resolve().parents[1] / "conformance.toml"
GROUPS = (
    "authored/semantic", "authored/dscsa", "event-hash", "event-sentry/epcis-events",
    "gs1-examples", "openepcis-valid", "openepcis-invalid",
)  # fmt: skip
SUFFIXES = {".json", ".jsonld", ".xml", ".txt"}
# Definitions of queries, jobs of a capture interface, and the list of the vectors.
NO_DOCUMENTS = {"Queries", "CaptureJob", "expected.json"}

Entry = dict[str, str]


def _entries() -> dict[str, Entry]:
    listed: list[Entry] = tomllib.loads(LISTED.read_text())["document"]
    entries = {entry["path"]: entry for entry in listed}
    assert len(entries) == len(listed), "a path stands twice"
    return entries


class Official:
    """The official schemas, by kind of document."""

    def __init__(self, schemas: Path) -> None:
        text = (schemas / "json-schema/epcis-json-schema-2.0.1.json").read_text()
        self._json = jsonschema_rs.validator_for(json.loads(text), validate_formats=True)
        self._xsd = {
            (version, kind): etree.XMLSchema(
                etree.parse(schemas / f"xsd/{version}_0/EPCglobal-epcis{kind}-{version}.xsd")
            )
            for version in ("1_2", "2_0")
            for kind in ("", "-query", "-masterdata")
        }

    def verdict(self, raw: bytes) -> str:
        valid = self._is_xml_valid(raw) if b"<" in raw[:4] else self._is_json_valid(raw)
        return "accept" if valid else "reject"

    def _is_json_valid(self, raw: bytes) -> bool:
        # Not by json: how deep it reads is the recursion limit's doing, which other tests raise.
        try:
            return self._json.is_valid(orjson.loads(raw))
        except orjson.JSONDecodeError:
            return False

    def _is_xml_valid(self, raw: bytes) -> bool:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        root: Any = etree.fromstring(raw, parser)
        namespace = etree.QName(root).namespace or ""
        kind = next((name for name in ("-query", "-masterdata") if name in namespace), "")
        version = "1_2" if namespace.endswith(":1") else "2_0"
        return bool(self._xsd[version, kind].validate(root))


@pytest.fixture(scope="module")
def official(conformance_data: Path) -> Official:
    return Official(conformance_data / "epcis/schemas")


def _documents(epcis: Path) -> dict[str, Path]:
    files = (file for group in GROUPS for file in (epcis / group).rglob("*"))
    return {
        file.relative_to(epcis).as_posix(): file
        for file in files
        if file.suffix in SUFFIXES and not NO_DOCUMENTS & set(file.parts)
    }


def test_every_document_is_listed_and_no_other(conformance_data: Path) -> None:
    assert set(_entries()) == set(_documents(conformance_data / "epcis"))


def test_no_difference_is_unexplained(
    conformance_data: Path, official: Official, conformance_tally: Callable[[int, int], None]
) -> None:
    documents = _documents(conformance_data / "epcis")
    wrong = []
    for path, entry in _entries().items():
        raw = documents[path].read_bytes()
        checked = check_document(raw, at_ms=AT_MS)
        form = checked.document.format.value if checked.document else "json"
        found = {
            "path": path, "format": form, "schema": official.verdict(raw),
            "verdict": checked.verdict.value,
        }  # fmt: skip
        if {**entry, "reason": ""} != {**found, "reason": ""}:
            wrong.append((entry, found, checked.findings[:3]))
    conformance_tally(len(documents), len(wrong))
    assert wrong == []


def test_a_reason_stands_where_the_two_differ_and_nowhere_else() -> None:
    for entry in _entries().values():
        assert (entry["schema"] != entry["verdict"]) == bool(entry.get("reason")), entry
