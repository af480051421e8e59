"""The command `unbroken-verify`.

Exit codes: 0 everything held, 1 a check failed or the evidence was refused, 2 usage (a malformed
policy or a file that cannot be read too), 3 a chain could not be reached, 4 all held but the anchor
is not final yet.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from unbroken_verifier.bundle import MAX_BUNDLE_BYTES
from unbroken_verifier.errors import NotFinalError, PolicyError, RpcError, StepError
from unbroken_verifier.evidence import FORMAT as EVIDENCE
from unbroken_verifier.jsonrpc import HttpRpc
from unbroken_verifier.policy import MAX_POLICY_BYTES, Policy, parse_policy
from unbroken_verifier.probes import run_probes
from unbroken_verifier.report import Finding, Report, printable
from unbroken_verifier.steps import FORMATS, verify_bundle

OK, FAILED, USAGE, UNREACHABLE, NOT_FINAL = range(5)


class _UnreadableError(Exception):
    """A file that was named cannot be read."""


class _Parser(ArgumentParser):
    """Usage errors in one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"unbroken-verify: {printable(message)}\n")
        raise SystemExit(USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code.

    Raises:
        SystemExit: usage errors and --help.
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except (PolicyError, _UnreadableError) as error:
        return _complain(error, USAGE)
    except StepError as error:
        return _complain(error, FAILED)
    except NotFinalError as error:
        return _complain(error, NOT_FINAL)
    except (RpcError, OSError) as error:
        return _complain(error, UNREACHABLE)
    return code


def bundle(arguments: Namespace) -> int:
    """`unbroken-verify bundle FILE`: the steps of the file's format, whichever it has."""
    return _verify(arguments, FORMATS)


def evidence(arguments: Namespace) -> int:
    """`unbroken-verify evidence FILE`: the steps of docs/spec/evidence.md, offline."""
    return _verify(arguments, frozenset({EVIDENCE}))


def _verify(arguments: Namespace, formats: frozenset[str]) -> int:
    policy = parse_policy(_read(arguments.policy, MAX_POLICY_BYTES)) if arguments.policy else None
    raw = _read(arguments.file, MAX_BUNDLE_BYTES)
    report = Report(on_step=None if arguments.json else _print_step)
    try:
        verify_bundle(
            raw,
            policy=policy or Policy(),
            rpcs=arguments.rpc,
            report=report,
            formats=formats,
        )
    finally:
        if arguments.json:
            print(report.to_json())
    if not arguments.json:
        for line in report.not_checked:
            print(f"not checked: {line}")
    return OK


def probes(arguments: Namespace) -> int:
    """`unbroken-verify probes PATH...`: public test vectors against this verifier."""
    tally = run_probes(arguments.paths)
    if arguments.json:
        print(tally.to_json())
    else:
        for file, why in tally.failed:
            print(f"FAILED  {printable(file)}: {printable(why)}")
        for file in tally.unknown:
            print(f"unknown {printable(file)}")
        print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return FAILED if tally.failed else OK


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="unbroken-verify",
        description="Checks Unbroken evidence and trusts nobody.",
        epilog="exit codes: 0 ok, 1 a check failed, 2 usage, 3 unreachable, 4 not final yet",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser(
        "bundle",
        help="check a bundle, an absence proof, a disclosure or evidence",
        allow_abbrev=False,
    )
    one.add_argument(
        "--rpc",
        metavar="URL",
        type=HttpRpc,
        action="append",
        default=[],
        help="a chain endpoint to ask for the anchor; repeat it, and all must agree",
    )
    one.set_defaults(run=bundle)
    two = commands.add_parser(
        "evidence", help="check evidence of a fault, offline", allow_abbrev=False
    )
    two.set_defaults(run=evidence, rpc=[])
    for command in (one, two):
        command.add_argument("file", metavar="FILE", help="the file; - for standard input")
        command.add_argument("--policy", metavar="FILE", help="what you pin (docs/spec/bundle.md)")
    many = commands.add_parser("probes", help="run public test vectors", allow_abbrev=False)
    many.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="files or folders")
    many.set_defaults(run=probes)
    for command in (one, two, many):
        command.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def _read(name: str, limit: int) -> bytes:
    """At most one byte more than the limit, so that the reader of the bytes can refuse them."""
    if name == "-":
        return sys.stdin.buffer.read(limit + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise _UnreadableError(f"{name}: {error.strerror or error}") from error


def _print_step(finding: Finding) -> None:
    print(f"{'ok' if finding.ok else 'FAILED':6}  {finding.step:10}  {finding.detail}", flush=True)


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"unbroken-verify: {printable(str(error))}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
