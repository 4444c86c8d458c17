"""Certificates as `ssl` shows them, and their PEM text."""

import binascii
import re
import time

from . import errors, host
from .constants import ENCODING_DER, ENCODING_PEM

_SECTION = re.compile(rb"^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----\s*$(.*?)^-----END ", re.M | re.S)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def split(pem):
    """The certificates in PEM text, in DER."""
    found = []
    for section in _SECTION.finditer(pem):
        try:
            der = binascii.a2b_base64(section[1])
        except binascii.Error:
            raise errors.of("PEM", "bad base64 decode") from None
        # Of a trusted one, what it is trusted for follows.
        found.append(der[: _end(der, 0)])
    return found


def split_der(data):
    """Certificates in DER, one after the other."""
    found, at = [], 0
    while at < len(data):
        end = _end(data, at)
        if end is None:
            raise errors.error("not enough data: cadata does not contain a certificate")
        found.append(data[at:end])
        at = end
    return found


def _end(data, at):
    """Where an ASN.1 sequence ends that begins here; none where there is no whole one."""
    if len(data) < at + 2 or data[at] != 0x30:
        return None
    length, size = data[at + 1], 0
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[at + 2 : at + 2 + size])
    end = at + 2 + size + length
    return end if end <= len(data) else None


def _date(seconds):
    """As ASN1_TIME_print(3)."""
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{_MONTHS[month - 1]} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT"


def decode(der):
    """A dictionary, as `getpeercert` gives."""
    fields = host.describe(der)
    found = {
        "subject": tuple(((part.long, part.value),) for part in fields.subject),
        "issuer": tuple(((part.long, part.value),) for part in fields.issuer),
        "version": fields.version,
        "serialNumber": fields.serial,
        "notBefore": _date(fields.not_before),
        "notAfter": _date(fields.not_after),
    }
    lists = {
        "subjectAltName": [tuple(name) for name in fields.alternatives],
        "OCSP": fields.ocsp,
        "caIssuers": fields.ca_issuers,
        "crlDistributionPoints": fields.crl,
    }
    return found | {name: tuple(values) for name, values in lists.items() if values}


def read(path):
    """Of a file in PEM."""
    with open(path, "rb") as file:
        found = split(file.read())
    if not found:
        raise errors.error("Error decoding PEM-encoded file")
    return decode(found[0])


class Certificate:
    __module__ = "_ssl"
    __slots__ = ("_der",)

    def __init__(self, der):
        self._der = der

    def public_bytes(self, format=ENCODING_PEM):
        if format == ENCODING_DER:
            return self._der
        if format != ENCODING_PEM:
            raise ValueError("Unsupported format")
        lines = binascii.b2a_base64(self._der, newline=False).decode()
        lines = [lines[at : at + 64] for at in range(0, len(lines), 64)]
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])

    def get_info(self):
        return decode(self._der)

    def __eq__(self, other):
        return self._der == other._der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self):
        return hash(self._der)

    def __repr__(self):
        subject = ",".join(f"{part.short}={part.value}" for part in reversed(host.describe(self._der).subject))
        return f"<_ssl.Certificate '{subject}'>"
