"""The two errors that a user reads: a configuration that cannot run, and data that cannot be used."""

from __future__ import annotations


class ConfigError(Exception):
    """A configuration that cannot run. The message is one line: `KEY as typed: what is wrong. What would do.`"""


class DataError(Exception):
    """Data that cannot be used. The message is one line that names the file, and the line in it where there is one."""
