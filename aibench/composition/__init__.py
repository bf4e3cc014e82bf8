"""Turns words into a typed run: the one room, with `commands`, that knows Hydra. May import `config`."""
