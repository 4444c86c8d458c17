"""Errors of `_hashlib`."""


class UnsupportedDigestmodError(ValueError):
    """A hash that HMAC cannot have."""

    __module__ = "_hashlib"
