"""The background processes of an installation: worker, dispatcher, API; how all are stopped.

A process writes its own id before it runs, so that a kill of the starter at any moment leaves none
that cannot be found. An id counts only while the process behind it is ours: its command line names
the program and its environment this home, so a stale file or a reused id is never signalled.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from ledger.bootstrap import own_devnet
from ledger.chain.errors import DevnetError
from ledger.core.errors import LedgerError
from ledger.settings import Settings, child_environment, prepare_home

PROCESSES = ("worker", "dispatcher", "api")
START_TIMEOUT_S = 40.0
# From the fork to the id on disk: more than this and it ended before it was seen.
APPEAR_TIMEOUT_S = 3.0
# A worker ends its batch first; PostgreSQL writes a checkpoint.
STOP_TIMEOUT_S = 20.0
# For requests that are being answered when the API is stopped.
GRACE_S = 5
# Whoever listens to a query has nothing to say; the default would take 16 MiB of it.
MAX_WS_MESSAGE = 4096
POLL_S = 0.05
LOG_TAIL = 600
# The inner shell becomes the program, so the id it writes is the program's, with no moment between.
_LAUNCH = """sh -c 'echo "$$" > "$0" && exec "$@"' "$@" </dev/null >>"$0" 2>&1 &"""
_WORKING = b"working every"
_MARKERS = {
    "worker": "ledger.worker",
    "dispatcher": "ledger.dispatcher",
    "api": "api.main:create",
}


class ProcessError(LedgerError):
    """A background process does not start or stop: names it, and the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """One part of an installation; pid is None when it does not run, or runs elsewhere."""

    name: str
    running: bool
    pid: int | None
    detail: str


class Processes:
    """Starts, stops and describes the processes of one home."""

    def __init__(self, settings: Settings) -> None:
        """Name the installation; nothing is started."""
        self._settings = settings
        self._url = f"http://{_bracketed(settings.host)}:{settings.port}"

    @property
    def url(self) -> str:
        """Where the API answers."""
        return self._url

    def pid_file(self, name: str) -> Path:
        """Return where a process writes its id."""
        return self._settings.runtime_dir / f"{name}.pid"

    def log_file(self, name: str) -> Path:
        """Return what a process prints."""
        return self._settings.logs_dir / f"{name}.log"

    def start(self, *names: str) -> None:
        """Start what of names, or of all, does not run yet; wait until ready; harmless twice.

        Raises:
            ProcessError: One ended, or was not ready in time.
        """
        prepare_home(self._settings)
        with self._locked():
            wanted = [name for name in names or PROCESSES if self.find(name) is None]
            launched = {name: self._launch(name) for name in wanted}
            for name, log_size in launched.items():
                self._await_ready(name, log_size)

    def stop(self, name: str) -> bool:
        """Stop a process, by force when it must be; tell whether it ran.

        Raises:
            ProcessError: It did not end even when killed.
        """
        with self._locked():
            pid = self.find(name)
            if pid is not None:
                _end(name, lambda: self.find(name), (signal.SIGTERM, signal.SIGKILL))
            self.pid_file(name).unlink(missing_ok=True)
        return pid is not None

    def kill(self, name: str) -> None:
        """Kill a process and its children at once, as a power cut would."""
        with self._locked():
            _end(name, lambda: self.find(name), (signal.SIGKILL,))

    def stop_all(self) -> list[str]:
        """Stop the processes, and the database and chain that are ours; return what ran."""
        stopped = [name for name in reversed(PROCESSES) if self.stop(name)]
        if self.find_postgres() is not None:
            # PostgreSQL's fast shutdown, then its immediate one, which it recovers from.
            _end("database", self.find_postgres, (signal.SIGINT, signal.SIGQUIT), group=False)
            stopped.append("database")
        if self._settings.has_own_devnet:
            devnet = own_devnet(self._settings)
            if devnet.is_running():
                stopped.append("chain")
            if self._settings.devnet_dir.exists():
                devnet.stop()
        return stopped

    def describe(self) -> list[ProcessState]:
        """Return the state of every part, without starting any."""
        return [self._describe_database(), self._describe_chain(), *map(self._describe, PROCESSES)]

    def find(self, name: str) -> int | None:
        """Return the id of the running process, None when there is none of ours."""
        pid = _read_pid(self.pid_file(name))
        if pid is None or self._marker(name) not in _command_line(pid):
            return None
        return pid if _belongs_to(pid, self._settings.home) else None

    def port_is_taken(self) -> bool:
        """Tell whether anything listens where the API does."""
        return _is_taken(self._settings.host, self._settings.port)

    def find_postgres(self) -> int | None:
        """Return the id of the embedded PostgreSQL, None when it does not run."""
        folder = self._settings.postgres_dir.resolve()
        pid = _read_pid(folder / "postmaster.pid")
        return pid if pid is not None and str(folder) in _command_line(pid) else None

    def _describe(self, name: str) -> ProcessState:
        pid = self.find(name)
        detail = self._url if name == "api" else str(self.log_file(name))
        return ProcessState(name=name, running=pid is not None, pid=pid, detail=detail)

    def _describe_database(self) -> ProcessState:
        if self._settings.database_url is not None:
            return ProcessState(name="database", running=True, pid=None, detail="by URL")
        pid = self.find_postgres()
        detail = str(self._settings.postgres_dir)
        return ProcessState(name="database", running=pid is not None, pid=pid, detail=detail)

    def _describe_chain(self) -> ProcessState:
        chain = f"chain {self._settings.chain_id}"
        if not self._settings.has_own_devnet:
            return ProcessState(name="chain", running=True, pid=None, detail=f"{chain} by URL")
        try:
            url = own_devnet(self._settings).rpc_url
        except DevnetError:
            return ProcessState(name="chain", running=False, pid=None, detail=f"{chain}, devnet")
        pid = _read_pid(self._settings.devnet_dir / "anvil.pid")
        return ProcessState(name="chain", running=True, pid=pid, detail=f"{chain}, devnet, {url}")

    def _command(self, name: str) -> list[str]:
        if name != "api":
            return [sys.executable, "-m", self._marker(name)]
        host, port = self._settings.host, str(self._settings.port)
        return [
            *(sys.executable, "-m", "uvicorn", self._marker(name), "--factory"),
            *("--host", host, "--port", port, "--loop", "uvloop", "--http", "httptools"),
            *("--ws", "websockets-sansio", "--ws-max-size", str(MAX_WS_MESSAGE)),
            *("--timeout-graceful-shutdown", str(GRACE_S)),
            *("--no-access-log", "--log-level", "warning"),
        ]

    def _marker(self, name: str) -> str:
        return _MARKERS[name]

    def _launch(self, name: str) -> int:
        """Start a process; return how long its log was."""
        if name == "api" and self.port_is_taken():
            raise ProcessError(
                f"port {self._settings.port} is taken by another process: set UNBROKEN_PORT"
            )
        log = self.log_file(name)
        size = log.stat().st_size if log.exists() else 0
        launch = ["/bin/sh", "-c", _LAUNCH, str(log), str(self.pid_file(name))]
        subprocess.run(
            [*launch, *self._command(name)],
            check=True, cwd=_ROOT, env=child_environment(self._settings), start_new_session=True,
        )  # fmt: skip
        return size

    def _await_ready(self, name: str, log_size: int) -> None:
        began = time.monotonic()
        seen = False
        while (waited := time.monotonic() - began) < START_TIMEOUT_S:
            running = self.find(name) is not None
            if not running and (seen or waited > APPEAR_TIMEOUT_S):
                break
            seen = seen or running
            if running and self._is_ready(name, log_size):
                return
            time.sleep(POLL_S)
        why = "was not ready in time" if self.find(name) else "ended"
        raise ProcessError(
            f"{name} {why}; {self.log_file(name)} ends: {self._tail(name, log_size)}"
        )

    def _is_ready(self, name: str, log_size: int) -> bool:
        if name != "api":
            return _WORKING in self._printed(name, log_size)
        try:
            answer = httpx.get(f"{self._url}/health", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == HTTPStatus.OK

    def _printed(self, name: str, log_size: int) -> bytes:
        with self.log_file(name).open("rb") as file:
            file.seek(log_size)
            return file.read()

    def _tail(self, name: str, log_size: int) -> str:
        return self._printed(name, log_size)[-LOG_TAIL:].decode(errors="replace").strip()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one starter or stopper at a time; a killed holder's lock ends with it."""
        self._settings.runtime_dir.mkdir(parents=True, exist_ok=True)
        with (self._settings.runtime_dir / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


# `python -m` finds our packages from here, installed or not.
_ROOT = Path(__file__).resolve().parents[1]


def _end(
    name: str, find: Callable[[], int | None], signals: Sequence[signal.Signals], *,
    group: bool = True,
) -> None:  # fmt: skip
    """Send one signal after the other until the process is gone.

    The last one goes to its children too: those of a killed worker would wait for ever.
    """
    for number in signals:
        pid = find()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if group and number == signal.SIGKILL and os.getpgid(pid) != os.getpgrp():
                os.killpg(os.getpgid(pid), number)
            else:
                os.kill(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline and find() == pid:
            time.sleep(POLL_S)
    if find() is not None:
        raise ProcessError(f"{name} does not stop")


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _command_line(pid: int) -> list[str]:
    """Return the arguments of a living process, none when it is dead or a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            content = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in content.split(b"\0")]
    listed = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return listed.stdout.split()


def _belongs_to(pid: int, home: Path) -> bool:
    """Tell whether a process was started for this home; true where that cannot be read."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return not Path("/proc/self/environ").exists()
    return f"UNBROKEN_HOME={home}".encode() in environment.split(b"\0")


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        return probe.connect_ex((host, port)) == 0


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
