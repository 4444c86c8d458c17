"""Whom a context trusts: the roots of this machine, and those that the program names."""

import errno
import os
import re

from . import certificates, errors, host

# The file and the folder that programs find this machine's roots by.
DEFAULT = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs")
# Where distributions have them. A guest has none of these files: the runtime has the roots themselves.
_SYSTEM = {
    *DEFAULT,
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/certs",
}
# Files in a folder are named by a hash of their subject (openssl-rehash(1)).
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
# What files had, by path, size and time: clients read the same one for every connection.
_files = {}


def _read(path):
    found = os.stat(path)
    key = (path, found.st_size, found.st_mtime_ns)
    if key not in _files:
        with open(path, "rb") as file:
            _files[key] = certificates.split(file.read())
    return _files[key]


class Roots:
    def __init__(self):
        self._named = {}
        self._folders = []
        self._has_system = False
        # As SSL_CERT_FILE and SSL_CERT_DIR say when the program runs.
        self._has_default = False

    def add_default(self):
        self._has_default = True

    def add_file(self, path):
        path = os.fsdecode(path)
        if path in _SYSTEM:
            self._has_system = True
            return
        try:
            found = _read(path)
        except errors.SSLError:
            raise errors.error("PEM lib", number=errors.SSL_ERROR_SSL, library="X509") from None
        except OSError as error:
            # CPython's has no name.
            raise OSError(error.errno, os.strerror(error.errno)) from None
        if not found:
            raise errors.of("X509", "no certificate or crl found")
        # A company's own roots are this machine's, and certifi's file does not have them. Debian's certifi does the same.
        if path.endswith("/certifi/cacert.pem"):
            self._has_system = True
        self._named.update(dict.fromkeys(found))

    def add_folder(self, path):
        path = os.fsdecode(path)
        if path.rstrip("/") in _SYSTEM:
            self._has_system = True
        else:
            self._folders.append(path)

    def add_data(self, data):
        if isinstance(data, str):
            try:
                data = data.encode("ascii")
            except UnicodeEncodeError:
                raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
            split, missing = certificates.split, "no start line"
        else:
            try:
                data = bytes(memoryview(data))
            except TypeError:
                raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
            split, missing = certificates.split_der, "not enough data"
        if not data:
            raise ValueError("Empty certificate data")
        found = split(data)
        if not found:
            raise errors.error(f"{missing}: cadata does not contain a certificate")
        if host.is_there():
            for der in found:
                host.describe(der)
        self._named.update(dict.fromkeys(found))

    def named(self):
        """Those that are not this machine's, by now: folders and variables are looked at anew."""
        named, folders = dict(self._named), list(self._folders)
        if self._has_default:
            file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            if file and file not in _SYSTEM and os.path.isfile(file):
                named.update(dict.fromkeys(_read(file)))
            if folder and folder.rstrip("/") not in _SYSTEM:
                folders.append(folder)
        for folder in folders:
            named.update(dict.fromkeys(_in_folder(folder)))
        return list(named)

    def settled(self):
        """Whether this machine's are among them, and the others."""
        named = self.named()
        return self._has_system or self._has_default, (b"".join(named),) if named else ()


def _in_folder(folder):
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM):
            return
        raise
    for name in names:
        if _HASHED.fullmatch(name):
            yield from _read(os.path.join(folder, name))
