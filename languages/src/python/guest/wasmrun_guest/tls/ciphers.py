"""Cipher suites. The runtime has these nine and chooses among them; a program's list (ciphers(1)) is read, and says what it would have."""

import re

from .errors import SSLError


def _suite(number, name, version, authentication, symmetric, bits):
    exchange = "any" if version == "TLSv1.3" else "ecdhe"
    shown = {"any": "any", "ecdhe": "ECDH"}[exchange]
    encryption = f"AESGCM({bits})" if "gcm" in symmetric else "CHACHA20/POLY1305(256)"
    who = authentication if authentication == "any" else authentication.upper()
    return {
        "id": number,
        "name": name,
        "protocol": version,
        "description": f"{name:30} {version} Kx={shown:8} Au={who:5} Enc={encryption:22} Mac=AEAD",
        "strength_bits": bits,
        "alg_bits": bits,
        "aead": True,
        "symmetric": symmetric,
        "digest": None,
        "kea": f"kx-{exchange}",
        "auth": f"auth-{authentication}",
    }


_ALWAYS = (
    _suite(0x03001302, "TLS_AES_256_GCM_SHA384", "TLSv1.3", "any", "aes-256-gcm", 256),
    _suite(0x03001303, "TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3", "any", "chacha20-poly1305", 256),
    _suite(0x03001301, "TLS_AES_128_GCM_SHA256", "TLSv1.3", "any", "aes-128-gcm", 128),
)
_CHOSEN = (
    _suite(0x0300C02C, "ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", "ecdsa", "aes-256-gcm", 256),
    _suite(0x0300C030, "ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2", "rsa", "aes-256-gcm", 256),
    _suite(0x0300C02B, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", "ecdsa", "aes-128-gcm", 128),
    _suite(0x0300C02F, "ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", "rsa", "aes-128-gcm", 128),
    _suite(0x0300CCA9, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", "ecdsa", "chacha20-poly1305", 256),
    _suite(0x0300CCA8, "ECDHE-RSA-CHACHA20-POLY1305", "TLSv1.2", "rsa", "chacha20-poly1305", 256),
)
ALL = tuple(suite["name"] for suite in _CHOSEN)
# What is one of ciphers(1)'s words, or a name of another suite: it may select what is not here.
_WORDS = set(
    """
    DEFAULT COMPLEMENTOFDEFAULT ALL COMPLEMENTOFALL HIGH MEDIUM LOW eNULL NULL aNULL kRSA aRSA RSA kDHE kEDH DHE EDH ADH kECDHE kEECDH
    ECDHE EECDH ECDH AECDH aDSS DSS aECDSA ECDSA TLSv1.2 TLSv1.0 TLSv1 SSLv3 AES128 AES256 AES AESGCM AESCCM AESCCM8 ARIA ARIA128 ARIA256
    ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 CHACHA20 3DES DES RC4 RC2 IDEA SEED MD5 SHA1 SHA SHA256 SHA384 PSK kPSK aPSK SRP kSRP aSRP
    FIPS SUITEB128 SUITEB192 GOST
    """.split()
)
_NAME = re.compile(r"(TLS_|SSL_)?[A-Z0-9]+([-_][A-Z0-9]+)+")


def _has(suite, word):
    name, (_, authentication) = suite["name"], suite["auth"].split("-")
    if word in ("ALL", "DEFAULT", "HIGH", "kECDHE", "kEECDH", "ECDHE", "EECDH", "ECDH", "TLSv1.2", "FIPS"):
        return True
    if word in ("AES", "AES128", "AES256", "AESGCM", "CHACHA20", "SHA256", "SHA384"):
        return {"AESGCM": "GCM"}.get(word, word) in name
    return word == name or authentication == {"aRSA": "rsa", "aECDSA": "ecdsa", "ECDSA": "ecdsa"}.get(word)


def select(text):
    """The names that a program's list selects of TLS 1.2. The suites of TLS 1.3 are always there."""
    selected, refused, is_known = [], set(), False
    for token in re.split(r"[:, ;]+", text.strip()):
        mark, words = (token[:1], token[1:]) if token[:1] in "!-+@" else ("", token)
        words, _, _ = words.partition("@")
        if not words or mark == "@":
            continue
        parts = words.split("+")
        matching = [suite["name"] for suite in _CHOSEN if all(_has(suite, part) for part in parts)]
        if mark in ("!", "-"):
            selected = [name for name in selected if name not in matching]
            refused.update(matching if mark == "!" else ())
        elif mark != "+":
            is_known |= bool(matching) or all(part in _WORDS or _NAME.fullmatch(part) for part in parts)
            selected += [name for name in matching if name not in selected and name not in refused]
    if not is_known:
        raise SSLError("No cipher can be selected.")
    return tuple(selected)


def describe(names):
    by_name = {suite["name"]: suite for suite in _CHOSEN}
    return [dict(suite) for suite in (*_ALWAYS, *(by_name[name] for name in names))]
