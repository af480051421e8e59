"""`unbroken case` against a served ledger: what people and programs see, and what is refused."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ledger.bootstrap import Node
from ledger.cli.cases import end_of_mute
from ledger.cli.exit_codes import exit_code
from ledger.cli.main import app
from ledger.clock import now_ms
from ledger.core.facts import claim_key, key_added
from ledger.service.cases import case_of_item
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, new_item, path_of, ship

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def turning(worker: Worker) -> Iterator[None]:
    """The worker at work beside the command."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.05):
            worker.turn()

    thread = threading.Thread(target=turn)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def run(
    api: httpx.Client, node: Node, monkeypatch: pytest.MonkeyPatch,
    turning: None,  # noqa: ARG001 -- it works while the command waits
) -> Run:  # fmt: skip
    """Run the command for this ledger; returns its exit code and what it printed."""
    monkeypatch.setenv("UNBROKEN_HOME", str(node.settings.home))

    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["case", *arguments, "--url", str(api.base_url)])
        code = done.exit_code
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            code = exit_code(done.exception) or code  # type: ignore[arg-type]
        return code, done.stdout

    return call


@pytest.fixture
def quarrel(
    node: Node, partner: Callable[..., Partner], captured: Callable[..., Any]
) -> tuple[str, str]:
    """An item that was shipped twice, and the name of a key of its maker."""
    maker, item = partner("Maker"), new_item()
    captured(maker, commission(item), ship(item, to=partner("A")))
    captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
    name = f"maker-{maker.gln}"
    address, at = node.keystore.create_evm(name), now_ms()
    proof = claim_key(node.keystore.private_key(name), node.identity, maker.signer.party, address)
    fact = key_added(at, node.identity.registrar, maker.signer.party, address, proof)
    node.registrar().submit([fact], at_ms=at)
    return item, name


def test_a_case_is_worked_off_at_the_command_line(run: Run, quarrel: tuple[str, str]) -> None:
    item, key = quarrel
    name = case_of_item(path_of(item), "DOUBLE_SHIP")
    code, listed = run("list", "--item", item, "--code", "DOUBLE_SHIP", "--json")
    (row,) = json.loads(listed)
    assert (code, row["id"], row["state"]) == (0, name, "open")
    code, shown = run("ack", item, "DOUBLE_SHIP", "--key", key, "--note", "Seen")
    assert code == 0
    assert "acknowledged" in shown
    for arguments, state in (
        (("assign", name, "--to", "Jo, Quality"), "assigned"),
        (("resolve", item, "double_ship", "--cause", "scanner_error"), "resolved"),
        (("reopen", name, "--note", "No, it was not"), "open"),
        (("mute", name, "--until", "7d"), "open"),
    ):
        code, told = run(*arguments, "--key", key, "--json")
        assert (code, json.loads(told)["state"]) == (0, state), arguments
    case = json.loads(run("show", name, "--json")[1])
    assert case["muted"] is True
    assert [one["act"] for one in case["acts"]] == [
        "acknowledge", "assign", "resolve", "reopen", "mute",
    ]  # fmt: skip
    assert json.loads(run("list", "--item", item, "--state", "muted", "--json")[1])
    assert json.loads(run("unmute", name, "--key", key, "--json")[1])["muted"] is False
    code, text = run("show", name)
    assert code == 0
    for told in ("DOUBLE_SHIP", "assign to Jo, Quality", "resolve: scanner_error", "Seen",
                 "finding opened"):  # fmt: skip
        assert told in text


def test_what_cannot_be_done_says_so(run: Run, quarrel: tuple[str, str], node: Node) -> None:
    item, key = quarrel
    assert run("show", new_item())[0] == 1
    assert run("ack", item, "DOUBLE_DISPENSE", "--key", key)[0] == 1
    assert run("mute", item, "--until", "for ever", "--key", key)[0] == 2
    assert run("mute", item, "DOUBLE_SHIP", "--until", "60w", "--key", key)[0] == 1
    assert run("resolve", item, "--cause", "bad luck", "--key", key)[0] == 2
    stranger = f"stranger-{now_ms()}"
    node.keystore.create_evm(stranger)
    assert run("ack", item, "DOUBLE_SHIP", "--key", stranger)[0] == 1


def test_the_end_of_a_mute_is_a_span_or_a_time_with_its_zone() -> None:
    assert end_of_mute("12h", 1_000) == 1_000 + 12 * 3_600_000
    assert end_of_mute("2w", 0) == 14 * 86_400_000
    assert end_of_mute("1970-01-01T01:00:00+01:00", 5) == 0
    assert end_of_mute("2026-11-30T18:00:00Z", 5) == 1_796_061_600_000
