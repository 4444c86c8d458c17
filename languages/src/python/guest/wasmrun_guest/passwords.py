"""`hashlib.scrypt` and `hashlib.pbkdf2_hmac`, which are OpenSSL's elsewhere. The runtime computes them: a password of Flask's takes a
million rounds."""

import hashlib
import operator

from wit_world.imports import derivation

# OpenSSL's bound where a program names none, in bytes.
_MEMORY = 32 << 20


def _derived(function, *arguments):
    try:
        return bytes(getattr(derivation, function)(*arguments))
    except Exception as error:
        # componentize-py's Err.
        raise ValueError(getattr(error, "value", str(error))) from None


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


def _scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    password, salt = _bytes(password), _bytes(salt)
    n, r, p, dklen = _number("n", n), _number("r", r), _number("p", p), _number("dklen", dklen)
    maxmem = operator.index(maxmem) or _MEMORY
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2")
    if 128 * r * (n + p + 2) > maxmem:
        raise ValueError("memory limit exceeded")
    return _derived("scrypt", password, salt, n, r, p, dklen)


def _pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    password, salt, iterations = _bytes(password), _bytes(salt), _number("iterations", iterations)
    name = hash_name.lower().replace("-", "")
    length = hashlib.new(name).digest_size if dklen is None else _number("dklen", dklen)
    return _derived("pbkdf2", name, password, salt, iterations, length)


def install():
    hashlib.scrypt = _scrypt
    hashlib.pbkdf2_hmac = _pbkdf2_hmac
