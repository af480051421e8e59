"""The HTTP face of the ledger: capture, evidence and reads over the services (docs at /docs)."""
