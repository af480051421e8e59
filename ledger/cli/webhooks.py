"""`unbroken webhook`: what is pushed to whom; dead letters sent again. An operator's commands."""

from typing import Annotated, Any

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.core.times import format_time

app = typer.Typer(help="Webhooks.", no_args_is_help=True, rich_markup_mode=None)
_COLUMNS = ("id", "follows", "dest", "state", "last_notified_at", "attempts", "error")


@app.command("list")
def list_webhooks(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show all subscriptions to queries and webhooks, with what is on its way."""
    output = output_of(context, as_json=as_json)
    subscriber = opened.node().subscriber()
    rows = []
    for one in subscriber.all():
        latest = next(iter(subscriber.deliveries(one.id)), None)
        waiting = None if latest is None or latest.state == "delivered" else latest
        row: dict[str, Any] = {
            "id": one.id,
            "follows": one.query_name or list(one.types),
            "dest": one.dest,
            "state": "stopped" if one.stopped else "running",
            "last_notified_at": None if one.notified_ms is None else format_time(one.notified_ms),
            "delivery": waiting and waiting.id,
            "attempts": waiting and waiting.attempts,
            "error": waiting and (waiting.error or waiting.status),
        }
        rows.append(row)
    output.rows(rows, _COLUMNS)


@app.command("replay")
def replay(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="As `unbroken webhook list` shows it.")],
    as_json: JsonFlag = False,
) -> None:
    """Send the dead letter of a subscription or webhook again, and go on behind it."""
    output = output_of(context, as_json=as_json)
    delivery = opened.node().subscriber().replay(name)
    output.record({"id": name, "delivery": delivery, "state": "running"})
