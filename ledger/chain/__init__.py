"""The chain: RPC client, anchor contract, development network. The only place that knows web3."""
