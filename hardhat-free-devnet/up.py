"""Start the development network, print its URL, and leave it running in the background."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ledger.chain.devnet import DEFAULT_PORT, Devnet  # noqa: E402 - after the path is set
from ledger.chain.errors import ChainError  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Start it; harmless when it runs already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--home",
        type=Path,
        default=ROOT / ".unbroken" / "devnet",
        help="folder of its state, log and process id (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0: any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--block-time", type=int, metavar="S", help="also mine a block each S seconds"
    )
    given = parser.parse_args(argv)
    try:
        url = Devnet(given.home, port=given.port, block_time_s=given.block_time).start()
    except ChainError as error:
        print(error, file=sys.stderr)
        return 3
    print(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
