"""`hashlib.scrypt` and `hashlib.pbkdf2_hmac`, which are OpenSSL's elsewhere. The runtime computes them: a password of Flask's takes a
million rounds."""

import hashlib

from wit_world.imports import derivation

# OpenSSL's bound where a program names none, in bytes.
_MEMORY = 32 << 20


def _derived(function, *arguments):
    try:
        return bytes(getattr(derivation, function)(*arguments))
    except Exception as error:
        # componentize-py's Err.
        raise ValueError(getattr(error, "value", str(error))) from None


def _scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2")
    if 128 * r * (n + p + 2) > (maxmem or _MEMORY):
        raise ValueError("memory limit exceeded")
    return _derived("scrypt", bytes(password), bytes(salt), n, r, p, dklen)


def _pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    name = hash_name.lower().replace("-", "")
    length = hashlib.new(name).digest_size if dklen is None else dklen
    if length < 1:
        raise ValueError("key length must be greater than 0.")
    return _derived("pbkdf2", name, bytes(password), bytes(salt), iterations, length)


def install():
    hashlib.scrypt = _scrypt
    hashlib.pbkdf2_hmac = _pbkdf2_hmac
