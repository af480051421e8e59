"""The development network: one Anvil process of hardhat-free-devnet, on loopback.

Blocks are mined when a transaction arrives, and by `mine` and `settle`: an idle network stays
small, where a block a second adds 150 MB of state a day, all of it written out at each dump. With
one slot to an epoch `finalized` is two blocks behind `latest`, so two mined blocks make an anchor
final. A block time can be asked for instead; it suits what runs for minutes.

Crashes: the process survives its starter and writes its own process id before it runs, so that it
can always be found. Its state is dumped every second; a kill loses at most that second, which looks
like a reorganisation to the ledger, and it then broadcasts the same bytes again. A dump that was
cut short is recognised at the next start, which then takes the copy of the last `checkpoint`.
"""

import contextlib
import fcntl
import gzip
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from ledger.chain.client import FULL_TRANSACTIONS, ChainClient
from ledger.chain.errors import ChainError, DevnetError

CHAIN_ID = 31337
DEFAULT_PORT = 8545
STATE_INTERVAL_S = 1
BLOCKS_TO_FINAL = 2
# `finalized` is two blocks behind; a loaded state knows only its last block, so older balances
# and records can be read again once these are mined.
BLOCKS_AFTER_LOAD = 3
POLL_S = 0.05
LOOPBACK = "127.0.0.1"
FOLDER = Path(__file__).resolve().parents[2] / "hardhat-free-devnet"

# The inner shell becomes Anvil, so the id it writes is Anvil's, with no moment between.
_LAUNCH = """sh -c 'echo "$$" > "$0" && exec "$@"' "$@" </dev/null >>"$0" 2>&1 &"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevAccount:
    """One of Anvil's well-known accounts: its key is public, never fund it on another chain."""

    address: str
    private_key: bytes


def dev_accounts() -> list[DevAccount]:
    """Return the ten accounts that the development network funds."""
    accounts = orjson.loads((FOLDER / "accounts.json").read_bytes())["accounts"]
    return [
        DevAccount(
            address=entry["address"],
            private_key=bytes.fromhex(entry["privateKey"].removeprefix("0x")),
        )
        for entry in accounts
    ]


def anvil_binary() -> Path:
    """Return Anvil as npm installed it.

    Raises:
        DevnetError: It is not installed for this platform.
    """
    packages = FOLDER / "node_modules" / "@foundry-rs"
    for path in sorted(packages.glob("anvil-*/bin/anvil*")):
        return path
    raise DevnetError("Anvil is not installed: npm ci --prefix hardhat-free-devnet")


class Devnet:
    """The network whose process id, port, log and state are in one folder."""

    def __init__(
        self, home: Path, *, port: int = DEFAULT_PORT, block_time_s: int | None = None
    ) -> None:
        """Name the network; nothing is started.

        Args:
            home: Its folder, created when missing.
            port: Where to listen; 0 takes any free port. A running network keeps the port it has.
            block_time_s: Also mine a block each so many seconds.
        """
        self.home = home.resolve()
        self._port = port
        self._block_time_s = block_time_s
        self._pid_file = self.home / "anvil.pid"
        self._log_file = self.home / "anvil.log"
        self._state_file = self.home / "state.json"
        self._checkpoint_file = self.home / "state.checkpoint.json"

    @property
    def rpc_url(self) -> str:
        """Where the running network answers.

        Raises:
            DevnetError: It is not running.
        """
        running = self._find()
        if running is None:
            raise DevnetError(f"no development network is running in {self.home}")
        return f"http://{LOOPBACK}:{running[1]}"

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._find() is not None

    def client(self, timeout_s: float = 10.0) -> ChainClient:
        """Return a client of the running network."""
        return ChainClient(self.rpc_url, chain_id=CHAIN_ID, timeout_s=timeout_s)

    def start(self, timeout_s: float = 20.0) -> str:
        """Start the network unless it runs, wait until it answers, and return its URL.

        Raises:
            DevnetError: It is not installed, its port is taken, or it did not answer in time.
        """
        with self._locked():
            was_running = self._find() is not None
            if not was_running:
                self._launch()
            self._await_answer(time.monotonic() + timeout_s)
            if not was_running and self.client().latest_number() > 0:
                self.mine(BLOCKS_AFTER_LOAD)
        return self.rpc_url

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the network, which writes its state, and return when it is gone; harmless twice.

        Raises:
            DevnetError: It did not end even when killed.
        """
        with self._locked():
            for number in (signal.SIGTERM, signal.SIGKILL):
                running = self._find()
                if running is None:
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running[0], number)
                self._await_end(time.monotonic() + timeout_s)
            if self._find() is not None:
                raise DevnetError(f"the development network in {self.home} does not stop")
            self._pid_file.unlink(missing_ok=True)

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks: two make everything mined before them final."""
        self.client().rpc("anvil_mine", hex(blocks))

    def settle(self) -> None:
        """Mine what is missing for every transaction to be final, nothing when all are.

        For a process that serves the network for long: unlike a block time it adds no block while
        nothing happens. Three requests.
        """
        client = self.client()
        latest, final = client.latest_number(), client.finalized_number()
        for number in range(latest, final, -1):
            block = client.rpc("eth_getBlockByNumber", hex(number), FULL_TRANSACTIONS)
            if block is not None and block["transactions"]:
                self.mine(number + BLOCKS_TO_FINAL - latest)
                return

    def checkpoint(self) -> None:
        """Keep a whole copy of the state, for the case that a kill cuts a dump short."""
        packed = self.client(timeout_s=60).rpc("anvil_dumpState")
        content = gzip.decompress(bytes.fromhex(packed.removeprefix("0x")))
        partial = self._checkpoint_file.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._checkpoint_file)

    def _launch(self) -> None:
        port = self._port or _free_port()
        if _is_taken(port):
            raise DevnetError(f"port {port} is taken by another process")
        self._repair_state()
        command = [
            str(anvil_binary()),
            *("--host", LOOPBACK, "--port", str(port), "--chain-id", str(CHAIN_ID)),
            *("--state", str(self._state_file), "--state-interval", str(STATE_INTERVAL_S)),
            *("--slots-in-an-epoch", "1", "--silent"),
        ]
        if self._block_time_s is not None:
            command += ["--block-time", str(self._block_time_s), "--mixed-mining"]
        launch = ["/bin/sh", "-c", _LAUNCH, str(self._log_file), str(self._pid_file), *command]
        subprocess.run(launch, check=True, cwd=self.home, start_new_session=True)

    def _repair_state(self) -> None:
        """Replace a dump that is missing, cut short or older by the last checkpoint.

        Without either the chain starts empty: it then died within a second of its first start.
        """
        state, checkpoint = _height(self._state_file), _height(self._checkpoint_file)
        if self._state_file.exists() and state is None:
            self._state_file.replace(self.home / "state.damaged.json")
        if checkpoint is not None and (state is None or state < checkpoint):
            self._state_file.write_bytes(self._checkpoint_file.read_bytes())

    def _await_answer(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            with contextlib.suppress(ChainError):
                if self._find() is not None and self.client(timeout_s=2).chain_id == CHAIN_ID:
                    return
            time.sleep(POLL_S)
        tail = self._log_file.read_text(errors="replace")[-400:] if self._log_file.exists() else ""
        raise DevnetError(f"the development network did not answer in time; its log ends: {tail}")

    def _await_end(self, deadline: float) -> None:
        while time.monotonic() < deadline and self._find() is not None:
            time.sleep(POLL_S)

    def _find(self) -> tuple[int, int] | None:
        """Return (process id, port) when the process of the pid file is this network's Anvil."""
        try:
            pid = int(self._pid_file.read_text().strip())
        except (FileNotFoundError, ValueError):
            return None
        arguments = _command_line(pid)
        if str(self._state_file) not in arguments or "--port" not in arguments:
            return None
        return pid, int(arguments[arguments.index("--port") + 1])

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one starter or stopper at a time; a killed holder's lock ends with it."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _command_line(pid: int) -> list[str]:
    """Return the arguments of a living process, none when it is dead or a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            content = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in content.split(b"\0")]
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return listed.stdout.split()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _height(path: Path) -> int | None:
    """Return the height of a dumped chain, None when there is no dump or a damaged one."""
    try:
        number = orjson.loads(path.read_bytes())["block"]["number"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return int(number, 16) if isinstance(number, str) else int(number)
