"""EPCIS documents: every format in, one model, every format out. Pure."""
