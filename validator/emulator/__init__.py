"""Loopback registries that answer as the real ones do: for the demo, for tests, and for anybody's own CI.

`python -m validator.emulator` runs them alone. Each knows accounts, keys and repositories in states, and no test case
and no verdict; it imports nothing of `validator.protocol`, because one misreading on both sides would prove nothing.
"""
