"""`unbroken epcis check`: rows, exit codes, and copies that overwrite nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from ledger.cli.main import app
from ledger.core.epcis.quality import MAX_PER_CODE
from tests.unit.epcis_events import ITEM, document, event

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
GOOD = VECTORS / "semantic/00-ok-object.json"
BAD = VECTORS / "semantic/35-dl-bad-check-digit.json"
run = CliRunner().invoke


def rows(*arguments: str, stdin: bytes | None = None) -> tuple[int, list[dict[str, Any]]]:
    done = run(app, ["epcis", "check", *arguments, "--json"], input=stdin)
    return done.exit_code, json.loads(done.stdout)


def test_every_file_has_its_row_and_a_rejected_one_fails() -> None:
    code, found = rows(str(GOOD), str(BAD))
    assert code == 1
    assert [(row["file"], row["verdict"]) for row in found] == [
        (str(GOOD), "accept"), (str(BAD), "reject"),
    ]  # fmt: skip
    (finding,) = [one for one in found[1]["findings"] if one["severity"] == "error"]
    assert finding == {
        "code": "INVALID_GTIN_CHECK_DIGIT", "severity": "error",
        "pointer": "/epcisBody/eventList/0/epcList/0",
        "value": "https://id.gs1.org/01/09506000134350/21/1", "message": finding["message"],
        "line": 21,
    }  # fmt: skip


def test_a_flag_is_no_failure() -> None:
    assert rows(str(VECTORS / "semantic/12-agg-self-parent.json"))[0] == 0


def test_stdin_is_a_file() -> None:
    code, found = rows("-", stdin=BAD.read_bytes())
    assert (code, found[0]["file"], found[0]["verdict"]) == (1, "-", "reject")


def test_a_file_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    assert run(app, ["epcis", "check", str(tmp_path / "none.json")]).exit_code == 2
    assert run(app, ["epcis", "check", str(tmp_path)]).exit_code == 2


def test_formats_are_told_from_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_bytes((VECTORS / "dscsa/ok-gs1us-2.2.1.1.xml").read_bytes())
    assert rows(str(file))[1][0]["verdict"] == "accept"


def test_people_see_fifty_of_a_kind(tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    bad = [event(bizStep="teleporting", epcList=[f"{ITEM}{i}"]) for i in range(70)]
    file.write_text(json.dumps(document(*bad)))
    _, found = rows(str(file))
    codes = [one["code"] for one in found[0]["findings"]]
    assert codes.count("UNKNOWN_CBV_WORD") == MAX_PER_CODE
    assert "FINDINGS_TRUNCATED" in codes


def test_a_wrong_hash_is_told_of_a_document_without_any_other_fault(tmp_path: Path) -> None:
    event_id = f"ni:///sha-256;{'0' * 64}?ver=CBV2.0"
    file = tmp_path / "hashed.json"
    lately = datetime.now(UTC) - timedelta(days=1)
    time = lately.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    file.write_text(json.dumps(document(event(eventID=event_id, eventTime=time))))
    _, (row,) = rows(str(file))
    assert row["verdict"] == "accept"
    assert [one["code"] for one in row["findings"]] == ["EVENT_ID_HASH_MISMATCH"]
    assert row["findings"][0]["line"] == 1


def test_copies_overwrite_nothing(tmp_path: Path) -> None:
    arguments = ["epcis", "check", str(BAD), "--annotate", str(tmp_path / "copies")]
    assert run(app, arguments).exit_code == 1
    first = tmp_path / "copies" / f"{BAD.name}.annotated.jsonc"
    kept = first.read_bytes()
    assert b"// unbroken: error INVALID_GTIN_CHECK_DIGIT" in kept
    first.write_bytes(b"mine")
    assert run(app, arguments).exit_code == 1
    assert first.read_bytes() == b"mine"
    assert (tmp_path / "copies" / f"{BAD.name}.2.annotated.jsonc").read_bytes() == kept


def test_a_folder_that_cannot_be_made_is_a_mistake_of_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["epcis", "check", str(GOOD), "--annotate", str(tmp_path / "file")]
    assert run(app, arguments).exit_code == 2
