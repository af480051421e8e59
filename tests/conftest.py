"""What every test shares: no outside network, no leftover settings, third-party data if present."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

CONFORMANCE = "UNBROKEN_CONFORMANCE_DATA"
KEPT = {CONFORMANCE, "UNBROKEN_PYTHON"}
TALLY = "conformance"
# `pytest --hypothesis-profile=long tests/property`: hours instead of seconds.
settings.register_profile("long", max_examples=20_000, deadline=None)


class ConformanceTally(Protocol):
    """Counts what a conformance test looked at; call it as often as convenient."""

    def __call__(self, documents: int, wrong: int = 0) -> None:
        """Add documents, and how many of them were answered wrongly."""


class _Summary:
    """Adds up the tallies, which arrive with the reports: from this process or from workers."""

    def __init__(self) -> None:
        self.documents = self.wrong = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name == TALLY:
                    self.documents += value[0]
                    self.wrong += value[1]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        line = "conformance: NOT RUN"
        if os.environ.get(CONFORMANCE) is not None:
            line = f"conformance: {self.documents} documents, {self.wrong} wrong"
        terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an absent data folder, forget the caller's settings, stay on this machine."""
    given = os.environ.get(CONFORMANCE)
    if given is not None and not (given and Path(given).is_dir() and any(Path(given).iterdir())):
        raise pytest.UsageError(f"{CONFORMANCE}={given} is not a folder with files in it")
    for name in [name for name in os.environ if name.startswith("UNBROKEN_")]:
        if name not in KEPT:
            del os.environ[name]
    sys.addaudithook(_refuse_the_network)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Summary(), "conformance-summary")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need third-party data when there is none; the summary says so."""
    if os.environ.get(CONFORMANCE) is None:
        needing = [
            item for item in items if "conformance_data" in getattr(item, "fixturenames", ())
        ]
        items[:] = [item for item in items if item not in needing]
        config.hook.pytest_deselected(items=needing)


@pytest.fixture(scope="session")
def conformance_data() -> Path:
    """The folder of third-party documents and vectors."""
    return Path(os.environ[CONFORMANCE]).resolve(strict=True)


@pytest.fixture
def conformance_tally(request: pytest.FixtureRequest) -> ConformanceTally:
    """Counts for the line `conformance: N documents, M wrong` at the end of the run."""
    counted = [0, 0]

    def add(documents: int, wrong: int = 0) -> None:
        counted[0] += documents
        counted[1] += wrong

    request.node.user_properties.append((TALLY, counted))
    return add


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    # Cannot be removed again: it holds for the life of the process.
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_this_machine(address[0]):
            raise RuntimeError(f"tests stay on this machine, not {address[0]}")
    elif event == "socket.getaddrinfo" and not _is_this_machine(arguments[0]):
        raise RuntimeError(f"tests stay on this machine, not {arguments[0]!r}")


def _is_this_machine(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if text in {None, "", "localhost"}:
        return True
    try:
        return ip_address(str(text)).is_loopback or ip_address(str(text)).is_unspecified
    except ValueError:
        return False
