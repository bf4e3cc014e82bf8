"""Defines the two errors that a user reads: a configuration that cannot run, and data that cannot be used."""

from __future__ import annotations


class ConfigError(Exception):
    """Reports a configuration that cannot run, in one line: `KEY as typed: what is wrong. What would do.`"""


class DataError(Exception):
    """Reports data that cannot be used, in one line that names the file, and the line in it where there is one."""
