"""What the configuration is once it has been read, and the error if it cannot be.

By itself, for what reads it is not kept in memory: see app.
"""


class ConfigError(Exception):
    """The configuration can't be used; the text says which field, why, and what is allowed."""


class Section:
    """One object of the configuration, its fields as attributes."""

    def __init__(self, fields):
        for name in fields:
            setattr(self, name, fields[name])
