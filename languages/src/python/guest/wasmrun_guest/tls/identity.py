"""A certificate and its key, as `load_cert_chain` takes them."""

import os

from . import errors, host

_LONGEST = 1024


def load(certificates, key, password):
    """What the runtime takes: both files, and the password where the key is encrypted."""
    if certificates is None:
        raise TypeError("certfile should be a valid filesystem path")
    if not (password is None or callable(password) or isinstance(password, (str, bytes, bytearray))):
        raise TypeError("password should be a string or callable")
    chain = _read(certificates)
    secret = chain if key is None else _read(key)
    if callable(password):
        password = password() if b"ENCRYPTED" in secret else None
        if password is not None and not isinstance(password, (str, bytes, bytearray)):
            raise TypeError("password callback must return a string")
    if isinstance(password, str):
        password = password.encode()
    if password is not None and len(password) > _LONGEST:
        raise ValueError(f"password cannot be longer than {_LONGEST} bytes")
    identity = (chain, secret, None if password is None else bytes(password))
    if host.is_there():
        check(identity)
    return identity


def _read(path):
    try:
        with open(os.fspath(path), "rb") as file:
            return file.read()
    except OSError as error:
        # CPython's has no name.
        raise OSError(error.errno, os.strerror(error.errno)) from None


def check(identity):
    failure = host.check(identity)
    if failure is None:
        return
    if failure.text == "key values mismatch":
        raise errors.of("X509", failure.text)
    raise errors.error(f"PEM lib: {failure.text}", number=errors.PEM_LIB, library="SSL")
