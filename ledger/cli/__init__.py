"""The command `unbroken`: one file per group of commands."""
