"""Use cases, one file per verb, over the ports they declare."""
