"""The ledger: signed custody events, one append-only log, anchored heads."""
