"""The names of `_hashlib`."""

from _operator import _compare_digest as compare_digest

from . import derivation, hash, mac
from .errors import UnsupportedDigestmodError

# Python's name of a hash, and OpenSSL's.
_CONSTRUCTORS = "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 shake_128 shake_256".split()


def get_fips_mode():
    return 0


def names():
    found = {
        "HASH": hash.HASH,
        "HASHXOF": hash.HASHXOF,
        "HMAC": mac.HMAC,
        "UnsupportedDigestmodError": UnsupportedDigestmodError,
        "_GIL_MINSIZE": 2048,
        "compare_digest": compare_digest,
        "get_fips_mode": get_fips_mode,
        "hmac_digest": mac.hmac_digest,
        "hmac_new": mac.hmac_new,
        "new": hash.new,
        "openssl_md_meth_names": frozenset(hash.NAMES),
        "pbkdf2_hmac": derivation.pbkdf2_hmac,
        "scrypt": derivation.scrypt,
    }
    for name in _CONSTRUCTORS:
        found[f"openssl_{name}"] = hash.constructor(name)
    return found
