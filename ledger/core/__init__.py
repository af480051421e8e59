"""Pure: values in, values out. No I/O, clock, randomness, settings or logging."""
