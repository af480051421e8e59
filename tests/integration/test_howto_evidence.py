"""docs/howto/evidence.md: its commands print what it says, `…` aside."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import claim_key, key_added, party_added
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.strict_json import parse_json
from ledger.core.submission import Signer
from ledger.worker import Worker
from tests.integration.partners import Partner

PAGE = (Path(__file__).resolve().parents[2] / "docs/howto/evidence.md").read_text()
DOCUMENT = re.compile(r"^`delivery.json`:\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
MAKER = "/417/4012345777703"
# The page shows what a field that the event has not is answered with.
FAILING = "lotNumber"


@pytest.fixture
def maker(node: Node, worker: Worker) -> Partner:
    """The party of the page."""
    key, at, registrar = bytes([77]) * 32, now_ms(), node.identity.registrar
    party, address = party_key(MAKER), address_of(key)
    proof = claim_key(key, node.identity, party, address)
    node.registrar().submit([party_added(at, registrar, MAKER, "Maker")], at_ms=at)
    node.registrar().submit([key_added(at, registrar, party, address, proof)], at_ms=at)
    worker.turn()
    signer = Signer(private_key=key, party=party, party_secret=bytes(32))
    return Partner(signer=signer, path=MAKER, name="Maker")


def expected(told: str) -> str:
    """A pattern of what a command prints; a line `…` stands for any lines."""
    lines = ("(?:.*\n)*" if line == "…" else f"{pattern(line)}\n" for line in told.splitlines())
    return "".join(lines)


def pattern(line: str) -> str:
    return (
        "not checked: (?:.*\n?)*"
        if line == "not checked: …"
        else (re.escape(line).replace("…", ".*"))
    )


def sessions() -> Iterator[tuple[str, str]]:
    for session in SESSION.findall(PAGE):
        yield from COMMAND.findall(session)


def test_the_page_prints_what_it_says(
    api: httpx.Client, captured: Callable[..., dict[str, Any]], maker: Partner,
    settle: Callable[[], int], tmp_path: Path,
) -> None:  # fmt: skip
    (text,) = DOCUMENT.findall(PAGE)
    document: Any = parse_json(text.encode())
    job = captured(maker, *document["epcisBody"]["eventList"])
    assert {one["verdict"] for one in job["results"]} == {"accepted"}
    settle()
    environment = {
        "UNBROKEN_HOME": str(tmp_path / "home"), "UNBROKEN_PORT": str(api.base_url.port),
        "NO_COLOR": "1", "COLUMNS": "300", "PATH": "",
    }  # fmt: skip
    commands = list(sessions())
    assert len(commands) == 9
    for command, told in commands:
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        printed = done.stdout.decode() + done.stderr.decode()
        assert re.fullmatch(expected(told), printed), f"$ {command}\n{printed}"
        failing = program == "unbroken" and FAILING in command
        assert done.returncode == failing, command
