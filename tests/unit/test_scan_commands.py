"""`unbroken item`, `scan` and `barcode` as a person or program calls them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ledger.cli.exit_codes import ExitCode
from ledger.cli.main import app
from ledger.core.strict_json import parse_json

GS = "\x1d"
GTIN = "09501101530003"
SCAN = f"01{GTIN}1728013110AB-123{GS}21ABC12"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def rows(*arguments: str, stdin: bytes | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*arguments, stdin=stdin).stdout)
    return found


def test_items_of_one_call_teach_each_other_prefixes() -> None:
    urn, link = "urn:epc:id:sgtin:4012345.011111.1", "https://x.example/01/04012345111118/21/2"
    first, second = rows("item", link, urn, "--json")
    assert first["input"] == link
    assert first["item"] == "/01/04012345111118/21/2"
    assert first["kind"] == "sgtin"
    assert first["attributes"]["urn"] == "urn:epc:id:sgtin:4012345.011111.2"
    assert second["attributes"]["urn"] == urn
    assert set(first) == {"input", "item", "item_key", "kind", "attributes"}


def test_a_refused_item_leaves_the_others_and_fails() -> None:
    found = run("item", "--json", f"(01){GTIN[:-1]}4", f"(01){GTIN}")
    bad, good = json.loads(found.stdout)
    assert set(bad) == {"input", "error"}
    assert bad["error"]["code"] == "INVALID_CHECK_DIGIT"
    assert set(bad["error"]) == {"code", "message"}
    assert good["item"] == f"/01/{GTIN}"
    assert found.exit_code == ExitCode.FAILED
    assert run("item", f"(01){GTIN}").exit_code == ExitCode.OK


@pytest.mark.parametrize("before", [True, False])
def test_options_stand_before_or_after_and_two_hyphens_end_them(before: bool) -> None:
    arguments = ["--json", SCAN] if before else [SCAN, "--json"]
    (found,) = rows("scan", *arguments)
    assert found["input"] == SCAN
    assert found["verdict"] == "ok"
    (odd,) = rows("scan", "--json", "--", "-x")
    assert odd["input"] == "-x"
    assert rows("--json", "scan", SCAN) == [found]


def test_stdin_is_read_byte_for_byte() -> None:
    lines = f"{SCAN}\n{SCAN}\r\n\n".encode() + b"\xff\n]d2" + SCAN.encode()
    found = rows("scan", "-", "--json", stdin=lines)
    assert [one["input"] for one in found] == [
        SCAN, f"{SCAN}\r", "", "\ufffd", f"]d2{SCAN}"
    ]  # fmt: skip
    assert [one.get("input_hex") for one in found] == [None, None, None, "ff", None]
    assert [one["verdict"] for one in found] == ["ok", "refused", "refused", "refused", "ok"]
    assert found[1]["diagnosis"][0]["code"] == "WHITESPACE"
    many = run("scan", "--jsonl", "-", stdin=f"{SCAN}\n".encode() * 2000)
    assert len(many.stdout.splitlines()) == 2000
    assert many.exit_code == ExitCode.OK


@pytest.mark.parametrize("command", ["item", "scan"])
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_json_of_junk_is_read_by_strict_readers(command: str, form: str) -> None:
    junk = bytes(one for one in range(256) if one != ord("\n"))
    for stdin in (junk, SCAN.encode() + b"\xa4", b"\xed\xa0\x80", b"\xc3"):
        found: Any = parse_json(run(command, form, "-", stdin=stdin).stdout.encode())
        row = found[0] if form == "--json" else found
        assert bytes.fromhex(row["input_hex"]) == stdin
        assert "\ufffd" in row["input"]
    assert "input_hex" not in rows(command, "--json", "-", stdin="pâté".encode())[0]


def test_known_items_are_the_evidence(tmp_path: Path) -> None:
    file = tmp_path / "known"
    raw = f"01{GTIN}21aBc"
    for known in (f"\r\n(01){GTIN}(21)AbC\r\n", json.dumps([f"/01/{GTIN}/21/AbC"])):
        file.write_text(known)
        (found,) = rows("scan", raw, "--known", str(file), "--json")
        assert found["verdict"] == "suspect"
        assert found["elements"] == {"01": GTIN, "21": "aBc"}
        assert found["diagnosis"][0]["suggestion"]["item"] == f"/01/{GTIN}/21/AbC"
    assert run("scan", raw, "--known", str(file)).exit_code == ExitCode.FAILED
    assert rows("scan", raw, "--json")[0]["verdict"] == "ok"
    for wrong in ("(01)1", "[ 1]"):
        file.write_text(wrong)
        assert run("scan", raw, "--known", str(file)).exit_code != ExitCode.OK


def test_people_see_what_no_terminal_shows() -> None:
    shown = run("scan", SCAN.replace(GS, ""), SCAN + "\r").stdout
    assert "\u241d21ABC12" in shown
    assert "\u240d" in shown
    assert "SEPARATOR_LOST" in shown
    item = run("item", "(01)00312345678906", "(01)1", f"01{GTIN}10L<GS>21AB").stdout
    assert "NDC 1234-5678-90 or 12345-678-90 or 12345-6789-0" in item
    assert "refused" in item
    assert "suspect: SEPARATOR_REPLACED" in item


def test_barcode_is_written_whole(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    assert run("barcode", SCAN, "-o", str(svg)).exit_code == ExitCode.OK
    assert svg.read_text().startswith("<?xml")
    found = run("barcode", SCAN, "-o", str(png), "--symbol", "gs1-qr", "--module", "4", "--json")
    assert json.loads(found.stdout) == {
        "file": str(png), "symbol": "gs1-qr", "reads": f"]Q3{SCAN}"
    }  # fmt: skip
    assert png.read_bytes().startswith(b"\x89PNG")
    assert run("barcode", SCAN, "-o", "-").stdout.encode() == svg.read_bytes()
    assert run("barcode", SCAN, "-o", str(svg), "--symbol", "x").exit_code == ExitCode.USAGE
