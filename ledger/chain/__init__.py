"""web3: the only place that knows a chain."""
