"""`unbroken up`, `down`, `status`: the processes of this installation, and how far its log is."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.clock import now_ms
from ledger.settings import Settings

if TYPE_CHECKING:
    from ledger.processes import Processes

_PARTS = ("name", "state", "pid", "detail")


def up(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Start database, chain, worker, dispatcher and API; harmless when they run."""
    output = output_of(context, as_json=as_json)
    output.say("starting database and chain")
    opened.node()
    running = opened.processes()
    output.say("starting worker, dispatcher and API")
    running.start()
    output.rows(_parts(running), _PARTS)
    output.say(f"docs: {running.url}/docs")


def down(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Stop API, dispatcher, worker, and the database and chain that are our own."""
    output = output_of(context, as_json=as_json)
    stopped = opened.processes().stop_all()
    output.rows([{"name": name, "state": "stopped"} for name in stopped], ("name", "state"))
    if not stopped:
        output.say("nothing was running")


def status(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show the processes and how far the log is; starts nothing."""
    output = output_of(context, as_json=as_json)
    chosen = opened.settings()
    running = opened.processes(chosen)
    parts = _parts(running)
    is_up = any(part["name"] == "database" and part["state"] == "running" for part in parts)
    log = _log(chosen) if is_up else None
    if output.as_json or output.as_lines:
        output.record({"processes": parts, "log": log})
        return
    output.rows(parts, _PARTS)
    if log is None:
        output.say("the database does not run: `unbroken up`")
    else:
        output.record(log)


def _parts(running: "Processes") -> list[dict[str, Any]]:
    return [
        {
            "name": part.name,
            "state": "running" if part.running else "stopped",
            "pid": part.pid,
            "detail": part.detail,
        }
        for part in running.describe()
    ]


def _log(chosen: Settings) -> dict[str, Any]:
    """Return how far the log is, from a database that runs; `accepted` waits for its indexes."""
    from ledger.bootstrap import start_database  # noqa: PLC0415 -- late, as in opened
    from ledger.store.database import migrate, open_engine  # noqa: PLC0415
    from ledger.store.overview import read_totals  # noqa: PLC0415
    from ledger.store.read_store import SqlReadStore  # noqa: PLC0415

    engine = open_engine(start_database(chosen))
    migrate(engine)
    store = SqlReadStore(engine)
    sizes = store.sizes()
    since = store.backlog(sizes.final).unfinal_ms
    return {
        "sizes": asdict(sizes),
        "oldest_not_final_s": None if since is None else round((now_ms() - since) / 1000, 1),
        "totals": asdict(read_totals(engine)),
    }
