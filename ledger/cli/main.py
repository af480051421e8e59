"""The entry point: the commands, and errors as one line and an exit code."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from ledger.cli import (
    audit,
    capture,
    cases,
    demo,
    disclose,
    doctor,
    dscsa,
    epcis,
    erase,
    evidence,
    fsck,
    import_export,
    item,
    keys,
    parties,
    policy,
    prove,
    registrars,
    running,
    scan,
    scenario,
    webhooks,
)
from ledger.cli.exit_codes import ExitCode, exit_code, one_line
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output

app = typer.Typer(
    name="unbroken",
    help="The open ledger of custody for medicines and medical devices.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("up")(running.up)
app.command("down")(running.down)
app.command("status")(running.status)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="key")
app.add_typer(parties.app, name="party")
app.add_typer(registrars.app, name="registrar")
app.command("erase")(erase.erase)
app.command("capture")(capture.capture)
app.command("prove")(prove.prove)
app.command("policy")(policy.policy)
app.command("disclose")(disclose.disclose)
app.command("evidence")(evidence.evidence)
app.command("audit")(audit.audit)
app.command("fsck")(fsck.fsck)
app.add_typer(cases.app, name="case")
app.command("item")(item.item)
app.command("scan")(scan.scan)
app.command("barcode")(scan.barcode)
app.command("scenario")(scenario.scenario)
app.command("import")(import_export.import_table)
app.command("export")(import_export.export)
app.add_typer(epcis.app, name="epcis")
app.add_typer(dscsa.app, name="dscsa")
app.add_typer(webhooks.app, name="webhook")


def _print_version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"unbroken {version('unbroken')}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:  # fmt: skip
    """The open ledger of custody for medicines and medical devices."""
    context.obj = Output(as_json=as_json, as_lines=as_lines)


def _is_help(error: TyperException) -> bool:
    """Tell whether an error is the help page of a group that was called without a command."""
    context = getattr(error, "ctx", None)
    return context is not None and error.message == context.get_help()


def main() -> None:
    """Run the command line; exit codes are those of `ledger.cli.exit_codes`."""
    try:
        sys.exit(app(prog_name="unbroken", standalone_mode=False))
    except typer.Abort:
        sys.stderr.write("unbroken: aborted\n")
        sys.exit(ExitCode.FAILED)
    except Exception as error:
        if isinstance(error, TyperException) and _is_help(error):
            sys.stderr.write(f"{error.message}\n")
            sys.exit(ExitCode.USAGE)
        code = exit_code(error)
        if code is None:
            raise
        sys.stderr.write(f"unbroken: {one_line(error)}\n")
        sys.exit(code)


if __name__ == "__main__":
    main()
