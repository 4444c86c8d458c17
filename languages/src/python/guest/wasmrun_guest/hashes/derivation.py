"""`scrypt` and `pbkdf2_hmac`. The runtime computes them: a password of Flask's takes a million rounds."""

import operator

from . import host
from .hash import TRAITS, find

# OpenSSL's bound where a program names none, in bytes.
_MEMORY = 32 << 20


def _number(name, value):
    """What the interface takes: anything else would be a trap."""
    value = operator.index(value)
    if value < 1:
        raise ValueError(f"{name} must be greater than 0.")
    if value >= 1 << 32:
        raise OverflowError(f"{name} is too great.")
    return value


def _bytes(value):
    return bytes(memoryview(value))


def scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    password, salt = _bytes(password), _bytes(salt)
    n, r, p, dklen = _number("n", n), _number("r", r), _number("p", p), _number("dklen", dklen)
    maxmem = operator.index(maxmem) or _MEMORY
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2")
    if 128 * r * (n + p + 2) > maxmem:
        raise ValueError("memory limit exceeded")
    try:
        return host.scrypt(password, salt, n, r, p, dklen)
    except host.Refused as refused:
        limit = refused.args[0] == host.LIMIT
        raise ValueError("memory limit exceeded" if limit else "invalid parameters of scrypt") from None


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    password, salt, iterations = _bytes(password), _bytes(salt), _number("iterations", iterations)
    openssl = find(hash_name)
    if openssl is None or openssl.startswith("shake"):
        raise ValueError(f"unsupported hash type {hash_name}")
    length = TRAITS[openssl][1] if dklen is None else _number("dklen", dklen)
    try:
        return host.pbkdf2(openssl, password, salt, iterations, length)
    except host.Refused:
        raise ValueError("time limit exceeded") from None
