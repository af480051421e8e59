"""Deploy the anchor contract to the running development network and print its address.

The payer is the network's first account, whose key is public. The state is checkpointed afterwards.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ledger.chain.anchor_contract import deploy  # noqa: E402 - after the path is set
from ledger.chain.devnet import Devnet, dev_accounts  # noqa: E402
from ledger.chain.errors import ChainError  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Deploy; each call makes another contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--home",
        type=Path,
        default=ROOT / ".unbroken" / "devnet",
        help="folder of the network (default: %(default)s)",
    )
    network = Devnet(parser.parse_args(argv).home)
    try:
        address = deploy(network.client(), dev_accounts()[0].private_key)
        network.settle()
        network.checkpoint()
    except ChainError as error:
        print(error, file=sys.stderr)
        return 3
    print(address)
    return 0


if __name__ == "__main__":
    sys.exit(main())
