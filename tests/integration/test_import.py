"""A spreadsheet of a partner, from the command line to the ledger and its findings."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from ledger.bootstrap import Node
from ledger.cli.main import app
from ledger.clock import now_ms
from ledger.core.facts import claim_key, key_added, party_added
from ledger.core.identifiers import party_key
from ledger.tabular_files import write_xlsx
from ledger.worker import Worker

KEY = "importer"
GLN = "4012345999990"
HEADER = ["kind", "event_time", "gtin", "serial", "lot", "expiry", "from_party"]
Run = Callable[..., Result]


@contextmanager
def turning(worker: Worker) -> Iterator[None]:
    """Turn the worker while a command waits for it."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.05):
            worker.turn()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def unbroken(node: Node, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with a registered key of this installation."""
    if KEY not in {entry.name for entry in node.keystore.list()}:
        address = node.keystore.create_evm(KEY)
        node.keystore.create_secret(KEY, 32)
        party, at = party_key(f"/417/{GLN}"), now_ms()
        registrar = node.identity.registrar
        proof = claim_key(node.keystore.private_key(KEY), node.identity, party, address)
        facts = [
            party_added(at, registrar, f"/417/{GLN}", "Importer"),
            key_added(at, registrar, party, address, proof),
        ]
        node.registrar().submit(facts, at_ms=at)
        worker.turn()
    monkeypatch.setenv("UNBROKEN_HOME", str(node.settings.home))

    def run(*arguments: object) -> Result:
        with turning(worker):
            return CliRunner().invoke(app, [*map(str, arguments), "--key", KEY, "--json"])

    return run


def taken(node: Node) -> tuple[int, int]:
    """How much the ledger was given: what waits, and what has an index."""
    sizes = node.reader().sizes()
    return sizes.accepted, sizes.sequenced


def table(folder: Path, *rows: list[str]) -> Path:
    file = folder / "table.xlsx"
    file.write_bytes(write_xlsx(HEADER, rows))
    return file


def made(serial: str, gtin: str = "04012345111118") -> list[str]:
    return ["commissioning", "2026-10-05T08:00:00+02:00", gtin, serial, "L1", "2028-12-31", ""]


def test_rows_are_signed_logged_and_duplicates_when_sent_again(
    unbroken: Run, api: httpx.Client, tmp_path: Path
) -> None:
    ship = ["shipping", "2026-10-06T16:30:00+02:00", "04012345111118", "I1", "", "", GLN]
    file = table(tmp_path, made("I1"), made("I2"), ship)
    url = str(api.base_url)
    result = unbroken("import", file, "--url", url)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    assert [(row["verdict"], row["rows"], row["findings"]) for row in rows] == [
        ("accepted", "2-3", []), ("accepted", "4", ["OVERDUE_RECEIPT"]),
    ]  # fmt: skip
    history = api.get("/items/01/04012345111118/21/I2").json()
    assert [step["index"] for step in history["events"]] == [rows[0]["log_index"]]
    again = json.loads(unbroken("import", file, "--url", url).stdout)
    assert [row["verdict"] for row in again] == ["duplicate", "duplicate"]


def test_a_table_with_an_error_is_refused_whole_and_nothing_is_sent(
    unbroken: Run, api: httpx.Client, node: Node, tmp_path: Path
) -> None:
    before = taken(node)
    file = table(tmp_path, made("I3"), made("I4", gtin="4012345111118"))
    result = unbroken("import", file, "--url", api.base_url)
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    assert (found["verdict"], [one["row"] for one in found["findings"]]) == ("reject", [3])
    assert taken(node) == before


def test_a_preview_a_dry_run_and_a_document_send_nothing(
    unbroken: Run, node: Node, tmp_path: Path
) -> None:
    before = taken(node)
    file = table(tmp_path, made("I5"))
    preview = json.loads(unbroken("import", file, "--preview").stdout)
    assert preview["events"][0]["epcis"]["epcList"] == [
        "https://id.gs1.org/01/04012345111118/21/I5"
    ]
    (dry,) = json.loads(unbroken("import", file, "--dry-run").stdout)
    assert (dry["verdict"], dry["findings"]) == ("accept", [])
    written = tmp_path / "made.json"
    assert unbroken("import", file, "-o", written).exit_code == 0
    assert json.loads(written.read_bytes())["epcisBody"]["eventList"] == [
        {name: value for name, value in preview["events"][0]["epcis"].items() if name != "@context"}
    ]
    assert taken(node) == before


def test_a_saved_mapping_is_the_keys_own(unbroken: Run, node: Node, tmp_path: Path) -> None:
    file = tmp_path / "local.csv"
    file.write_text("Ware;Nummer;Zeit\n04012345111118;S1;05.10.2026 08:00\n")
    given = tmp_path / "given.json"
    given.write_text(json.dumps({
        "format": "unbroken/table-mapping/v1", "date_format": "DD.MM.YYYY", "zone": "Europe/Berlin",
        "columns": {"Ware": "gtin", "Nummer": "serial", "Zeit": "event_time"},
    }))  # fmt: skip
    saved = unbroken(
        "import", file, "--mapping", given, "--kind", "receiving", "--save-mapping", "goods-in",
        "--dry-run",
    )  # fmt: skip
    assert saved.exit_code == 0, saved.output
    preview = json.loads(unbroken("import", file, "--mapping", "goods-in", "--preview").stdout)
    assert preview["events"][0]["time"] == "2026-10-05T08:00:00+02:00"
    assert (node.settings.home / "mappings" / KEY / "goods-in.json").is_file()
    assert unbroken("import", file, "--mapping", "../keys/x", "--preview").exit_code != 0
    assert unbroken("import", file, "--save-mapping", "../x", "--preview").exit_code != 0
