"""An installation of its own, driven by its command line; per module, so that each is alone."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def data(done: "subprocess.CompletedProcess[bytes]", code: int = 0) -> Any:  # noqa: ANN401 -- JSON
    assert done.returncode == code, done.stderr.decode()
    return json.loads(done.stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Short, for the socket of PostgreSQL; its parent lets another user through."""
    folder = Path(tempfile.mkdtemp(prefix="unbroken-"))
    yield folder / "home"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def unbroken(home: Path) -> Iterator[Run]:
    """Run the command in an installation of its own; at the end it is down."""
    environment = {
        **os.environ, "UNBROKEN_HOME": str(home), "UNBROKEN_PORT": str(free_port()),
        "UNBROKEN_ANCHOR_INTERVAL_MS": "100", "NO_COLOR": "1",
    }  # fmt: skip

    def run(
        *arguments: str, given: bytes = b"", **more: str
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-m", "ledger.cli.main", *arguments],
            input=given, capture_output=True, check=False, timeout=60, cwd=ROOT,
            env={**environment, **more},
        )  # fmt: skip

    yield run
    assert run("down").returncode == 0


@pytest.fixture(scope="module")
def running(unbroken: Run) -> Run:
    """The installation, up, with one party whose key is `maker`."""
    assert unbroken("key", "new", "maker").returncode == 0
    assert {row["state"] for row in data(unbroken("up", "--json"))} == {"running"}
    made = unbroken("party", "add", "--name", "Maker", "--gln", "4012345000009", "--key", "maker")
    assert made.returncode == 0, made.stderr.decode()
    return unbroken
