"""Runs the demo: progress on stderr, one table of what held, then serves until interrupted."""

import signal
import threading
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from ledger.core.identifiers import canonical_path
from ledger.demo.acts import ACTS, WITNESS, Shown, play
from ledger.demo.stage import Stage, demo_settings, set_up
from ledger.processes import Processes
from ledger.settings import Settings


def run_demo(settings: Settings, *, once: bool, as_json: bool) -> int:
    """Play the demo on a fresh installation; return the exit code: 0 if everything held.

    Args:
        settings: Whose home holds the demo's folder.
        once: Stop when it is played; otherwise serve API and docs until interrupted.
        as_json: Print {name, held, detail} rows instead of the table.
    """
    talk, out = Console(stderr=True), Console()
    started = time.monotonic()
    own = demo_settings(settings)
    try:
        with talk.status("starting database, chain, worker, dispatcher and API") as status:
            stage = set_up(own)
            number = iter(range(1, len(ACTS) + 1))
            shown = play(
                stage, lambda title: status.update(f"[{next(number)}/{len(ACTS)}] {title}")
            )
        _print(out, shown, as_json=as_json)
        held = all(line.held for line in shown)
        talk.print(
            f"{sum(line.held for line in shown)} of {len(shown)} demonstrations held, "
            f"{time.monotonic() - started:.0f} s"
        )
        if not once and held:
            _serve(stage, talk)
    finally:
        Processes(own).stop_all()
    return 0 if held else 1


def _print(out: Console, shown: list[Shown], *, as_json: bool) -> None:
    if as_json:
        rows: list[Any] = [
            {"name": line.name, "held": line.held, "detail": line.detail} for line in shown
        ]
        out.print_json(data=rows)
        return
    if not out.is_terminal:
        for line in shown:
            print(f"{'ok' if line.held else 'NO':<4}{line.name}\n    {line.detail}")
        return
    table = Table("", "demonstration", "how", title="What was shown", title_justify="left")
    for line in shown:
        table.add_row("[green]ok[/]" if line.held else "[red]NO[/]", line.name, line.detail)
    out.print(table)


def _serve(stage: Stage, talk: Console) -> None:
    url = stage.client.url
    talk.print(f"\nAPI          {url}")
    talk.print(f"Docs         {url}/docs")
    item = f"{url}/items{canonical_path(WITNESS)}"
    talk.print(f"One history  {item}")
    talk.print(f"Its proof    {item}/proof")
    talk.print(f"Policy       {stage.policy_file}")
    talk.print("Ctrl-C stops everything.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
