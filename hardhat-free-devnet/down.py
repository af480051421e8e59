"""Stop the development network; its state is kept for the next start."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ledger.chain.devnet import Devnet  # noqa: E402 - after the path is set
from ledger.chain.errors import ChainError  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Stop it; harmless when it does not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--home",
        type=Path,
        default=ROOT / ".unbroken" / "devnet",
        help="folder of its state, log and process id (default: %(default)s)",
    )
    parser.add_argument("--forget", action="store_true", help="also delete that folder")
    given = parser.parse_args(argv)
    try:
        Devnet(given.home).stop()
    except ChainError as error:
        print(error, file=sys.stderr)
        return 3
    if given.forget:
        shutil.rmtree(given.home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
