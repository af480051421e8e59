"""`unbroken doctor`: what is wrong with this installation, and what mends it. Changes nothing."""

import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, requires
from typing import TYPE_CHECKING

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode, one_line
from ledger.cli.output import JsonFlag, output_of
from ledger.clock import now_ms
from ledger.core.errors import LedgerError
from ledger.settings import Settings

if TYPE_CHECKING:
    from ledger.core.facts import LogIdentity
    from ledger.processes import Processes

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
# A million events need about this; PostgreSQL stops for good on a full disk.
LITTLE_DISK, NO_DISK = 5 << 30, 512 << 20
# A log clock this far ahead of ours: one of the two is wrong, and batches keep the log's.
MAX_CLOCK_LEAD_MS = 5_000
OK, WARNING, FAILED = "ok", "warning", "failed"
_COLUMNS = ("check", "state", "detail", "fix")


@dataclass(frozen=True, slots=True)
class Checked:
    """One check's outcome; fix is empty when nothing is to be done."""

    check: str
    state: str
    detail: str
    fix: str = ""


def doctor(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Check this installation; every finding comes with what mends it."""
    output = output_of(context, as_json=as_json)
    found = list(examine(opened.settings()))
    output.rows([{name: getattr(one, name) for name in _COLUMNS} for one in found], _COLUMNS)
    if any(one.state == FAILED for one in found):
        raise typer.Exit(ExitCode.FAILED)


def examine(settings: Settings) -> Iterator[Checked]:
    """Yield every check of an installation; starts nothing."""
    from ledger.bootstrap import STORE_ERRORS  # noqa: PLC0415 -- late, as in opened

    expected: tuple[type[Exception], ...] = (LedgerError, OSError, *STORE_ERRORS)
    running = opened.processes(settings)
    checks: tuple[tuple[str, Callable[[], Iterator[Checked]]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("disk", partial(_disk, settings)),
        ("keys", partial(_keys, settings)),
        ("processes", partial(_processes, running)),
        ("devnet", partial(_devnet, settings)),
        ("log", partial(_log, settings, running)),
    )
    for name, check in checks:
        try:
            yield from check()
        except expected as error:
            yield Checked(name, FAILED, one_line(error), _FIXES.get(name, ""))


_FIXES = {
    "keys": "chmod -R go= on the state folder's keys; set UNBROKEN_KEYSTORE_PASSWORD",
    "log": "unbroken up; check UNBROKEN_DATABASE_URL, UNBROKEN_RPC_URL and UNBROKEN_CHAIN_ID",
}


def _python() -> Iterator[Checked]:
    running = sys.version_info[:2]
    fits = OLDEST_PYTHON <= running <= NEWEST_PYTHON
    yield Checked(
        "python", OK if fits else FAILED, sys.version.split(maxsplit=1)[0],
        "" if fits else "use Python 3.11, 3.12 or 3.13",
    )  # fmt: skip


def _packages() -> Iterator[Checked]:
    missing = []
    wanted = [line for line in requires("unbroken") or () if "extra ==" not in line]
    for line in wanted:
        match = re.match(r"[A-Za-z0-9._-]+", line)
        try:
            distribution(match[0] if match else line)
        except PackageNotFoundError:
            missing.append(line)
    if missing:
        yield Checked("packages", FAILED, f"missing: {', '.join(missing)}", "scripts/setup run")
    else:
        yield Checked("packages", OK, f"{len(wanted)} installed")


def _disk(settings: Settings) -> Iterator[Checked]:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = FAILED if free < NO_DISK else WARNING if free < LITTLE_DISK else OK
    fix = "" if state == OK else "free some, or move UNBROKEN_HOME"
    yield Checked("disk", state, f"{free / (1 << 30):.1f} GiB free at {folder}", fix)


def _keys(settings: Settings) -> Iterator[Checked]:
    folder = settings.keys_dir
    if not folder.exists():
        yield Checked("keys", WARNING, "there are no keys yet", "unbroken up")
        return
    private = [folder, *folder.iterdir()]
    if settings.secret_file.exists():
        private.append(settings.secret_file)
    is_open = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if is_open:
        fix = f"chmod go= {' '.join(is_open)}"
        yield Checked("keys", FAILED, f"others may read {', '.join(is_open)}", fix)
        return
    keys = opened.keystore()
    entries = keys.list()
    signing = [entry.name for entry in entries if entry.kind == "evm"]
    if signing:
        keys.private_key(signing[0])  # the password opens it, or the check fails
    yield Checked("keys", OK, f"{len(signing)} keys, {len(entries) - len(signing)} secrets")


def _processes(running: "Processes") -> Iterator[Checked]:
    for part in running.describe():
        if part.running:
            yield Checked(part.name, OK, f"running, {part.detail}")
        elif running.pid_file(part.name).exists():
            yield Checked(part.name, WARNING, "ended without being stopped", "unbroken up")
        else:
            yield Checked(part.name, WARNING, "stopped", "unbroken up")
    api_is_up = running.find("api") is not None
    if not api_is_up and running.port_is_taken():
        yield Checked(
            "port", FAILED, f"another process listens at {running.url}", "set UNBROKEN_PORT"
        )


def _devnet(settings: Settings) -> Iterator[Checked]:
    from ledger.chain.devnet import anvil_binary  # noqa: PLC0415 -- late, as in opened

    if settings.has_own_devnet:
        anvil_binary()
        yield Checked("devnet", OK, "Anvil is installed")


def _log(settings: Settings, running: "Processes") -> Iterator[Checked]:
    """Check database, clock, chain and contract, where database and chain run."""
    from ledger.bootstrap import start_database  # noqa: PLC0415 -- late, as in opened
    from ledger.store.database import open_engine  # noqa: PLC0415
    from ledger.store.log_store import SqlLogStore  # noqa: PLC0415

    parts = {part.name: part.running for part in running.describe()}
    if not parts["database"]:
        return
    log = SqlLogStore(open_engine(start_database(settings)))
    state, identity = log.state(), log.identity()
    yield Checked("log", OK, f"{state.sequenced} entries, log {identity.log_id().hex()}")
    lead = state.clock_ms - now_ms()
    if lead > MAX_CLOCK_LEAD_MS:
        detail = f"the log's clock is {lead / 1000:.0f} s ahead of this machine's"
        yield Checked("clock", FAILED, detail, "set this machine's clock by NTP")
    else:
        yield Checked("clock", OK, "the log's clock is not ahead of this machine's")
    if parts["chain"]:
        yield from _contract(settings, identity)


def _contract(settings: Settings, identity: "LogIdentity") -> Iterator[Checked]:
    from ledger.bootstrap import open_chain  # noqa: PLC0415 -- late, as in opened
    from ledger.chain.anchored_records import AnchoredRecords  # noqa: PLC0415

    client = open_chain(settings)
    records = AnchoredRecords(client, identity)
    records.verify_code()
    head = records.head()
    anchored = "no head yet" if head is None else f"head of size {head[0]}"
    address = f"0x{identity.contract.hex()}"
    yield Checked("contract", OK, f"chain {client.chain_id}, {address}, {anchored}")
