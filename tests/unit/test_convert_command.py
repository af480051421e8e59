"""`unbroken epcis convert`: formats, files, losses and faults on stderr; those of `hash` too."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ledger.cli.main import app
from ledger.core.epcis.read import read_document
from tests.epcis_xml import EPC, document, observed

ASSOCIATION = observed().replace("ObjectEvent", "AssociationEvent").replace(
    f"<epcList><epc>{EPC}</epc></epcList>",
    "<parentID>urn:x:1</parentID><childEPCs><epc>urn:x:2</epc></childEPCs>",
)  # fmt: skip


def run(*words: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["epcis", "convert", *words], input=given)


@pytest.fixture
def shipment(tmp_path: Path) -> str:
    path = tmp_path / "shipment.xml"
    path.write_bytes(document(observed() + ASSOCIATION))
    return str(path)


def test_the_result_goes_to_stdout_and_losses_to_stderr(shipment: str) -> None:
    result = run(shipment, "--to", "xml12")
    assert result.exit_code == 0
    assert len(read_document(result.stdout_bytes).events) == 1
    assert "lost /epcisBody/eventList/1" in result.stderr
    assert "lost" not in result.stdout


def test_the_result_goes_into_a_file(shipment: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run(shipment, "--to", "json", "-o", str(out), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "file": shipment, "to": "json", "output": str(out), "lost": [],
    }  # fmt: skip
    assert len(read_document(out.read_bytes()).events) == 2


def test_programs_get_result_and_losses_in_one_document(shipment: str) -> None:
    told = json.loads(run(shipment, "--to", "xml12", "--json").stdout)
    assert told["output"] is None
    assert len(read_document(told["document"].encode()).events) == 1
    assert [(one["code"], one["pointer"]) for one in told["lost"]] == [
        ("LOST_IN_CONVERSION", "/epcisBody/eventList/1")
    ]


def test_stdin_is_read_whatever_its_format() -> None:
    as_json = run("-", "--to", "json", given=document(observed(), "1.2"))
    assert json.loads(as_json.stdout)["type"] == "EPCISDocument"
    again = run("-", "--to", "xml20", given=as_json.stdout_bytes)
    assert read_document(again.stdout_bytes).events[0]["epcList"] == [EPC]


def test_a_document_that_breaks_its_format_is_refused() -> None:
    result = run("-", "--to", "json", given=document(observed("<nothing/>")))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "UNKNOWN_ELEMENT /epcisBody/eventList/0/nothing" in result.stderr
    told = json.loads(run("-", "--to", "json", "--json", given=document("<nothing/>")).stdout)
    assert told["refused"][0]["code"] == "UNKNOWN_ELEMENT"


SENSED = observed(
    "<sensorElementList><sensorElement><sensorReport value='5' uom='CEL'/></sensorElement>"
    "</sensorElementList>"
)
WITHOUT_TYPE = "/epcisBody/eventList/0/sensorElementList/0/sensorReport/0/type"


def test_what_would_break_a_rule_of_the_new_format_is_refused_by_pointer(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run("-", "--to", "json", "-o", str(out), given=document(SENSED))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "- cannot be written as json:" in result.stderr
    assert f"MISSING_MEMBER {WITHOUT_TYPE}: " in result.stderr
    assert not out.exists()
    told = json.loads(run("-", "--to", "json", "--json", given=document(SENSED)).stdout)
    assert [(one["code"], one["pointer"]) for one in told["refused"]] == [
        ("MISSING_MEMBER", WITHOUT_TYPE)
    ]
    assert run("-", "--to", "xml20", given=document(SENSED)).exit_code == 0


WRONG = document(observed().replace("+00:00", "Z"))


@pytest.mark.parametrize("words", [("--to", "json"), ("--to", "xml20"), ("--to", "json", "--json")])
def test_errors_of_a_document_are_counted_on_stderr(words: tuple[str, ...]) -> None:
    result = run("-", *words, given=WRONG)
    assert result.exit_code == 0
    assert result.stderr == "- has errors (1): unbroken epcis check -\n"


@pytest.mark.parametrize("words", [(), ("--json",), ("--prehash",)])
def test_a_hash_of_a_document_with_errors_comes_with_a_word(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["epcis", "hash", "-", *words], input=WRONG)
    assert result.exit_code == 0
    assert result.stderr == "- has errors (1): unbroken epcis check -\n"
    right = CliRunner().invoke(app, ["epcis", "hash", "-", *words], input=document(observed()))
    assert (right.exit_code, right.stderr) == (0, "")
