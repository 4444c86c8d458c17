"""`_SSLContext`: settings, and nothing of a run."""

import sys
import traceback
import types
import warnings
from typing import NamedTuple

from . import ciphers, constants, errors, identity
from .certificates import decode
from .connection import _HANDSHAKE_FAILURE, _INTERNAL_ERROR, Connection
from .constants import CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED, PROTOCOL_TLS, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER, PROTOCOL_TLSv1_2
from .constants import PROTO_MAXIMUM_SUPPORTED, PROTO_MINIMUM_SUPPORTED, PROTO_TLSv1_2, PROTO_TLSv1_3
from .roots import Roots
from .transport import OfMemory, OfSocket

_OPTIONS = (
    constants.OP_ALL
    | constants.OP_NO_SSLv3
    | constants.OP_CIPHER_SERVER_PREFERENCE
    | constants.OP_NO_COMPRESSION
    | constants.OP_ENABLE_MIDDLEBOX_COMPAT
)
_OLD_OPTIONS = constants.OP_NO_TLSv1 | constants.OP_NO_TLSv1_1 | constants.OP_NO_TLSv1_2 | constants.OP_NO_TLSv1_3
_OLD_VERSIONS = {0x300: "SSLv3", 0x301: "TLSv1", 0x302: "TLSv1_1"}
_CURVES = {"prime256v1", "P-256", "secp256r1", "secp384r1", "P-384", "secp521r1", "P-521", "X25519", "X448", "secp256k1"}
# SSL_CTX_sess_number(3) and those beside it.
_COUNTS = "number connect connect_good connect_renegotiate accept accept_good accept_renegotiate hits misses timeouts cache_full".split()

_UNRAISABLE = ("exc_type", "exc_value", "exc_traceback", "err_msg", "object")


class Settings(NamedTuple):
    """What the runtime makes a configuration of; contexts with equal ones share it."""

    server: bool
    # As the interface's enumerations count: none, the chain, the name, too; no, optional, required.
    verify: int
    ask: int
    system: bool
    roots: tuple
    identity: tuple | None
    protocols: tuple
    minimum: int
    maximum: int


def _integer(value, largest):
    if not isinstance(value, int):
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    if value < 0:
        raise ValueError("value must be positive")
    if value > largest:
        raise OverflowError("Python int too large to convert to C unsigned long")
    return int(value)


class Context:
    __module__ = "_ssl"

    def __new__(cls, protocol, /):
        if protocol not in (PROTOCOL_TLS, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER, PROTOCOL_TLSv1_2):
            raise ValueError("invalid or unsupported protocol version")
        if protocol in (PROTOCOL_TLS, PROTOCOL_TLSv1_2):
            name = "PROTOCOL_TLS" if protocol == PROTOCOL_TLS else "PROTOCOL_TLSv1_2"
            warnings.warn(f"ssl.{name} is deprecated", DeprecationWarning, stacklevel=3)
        self = super().__new__(cls)
        is_client = protocol == PROTOCOL_TLS_CLIENT
        is_fixed = protocol == PROTOCOL_TLSv1_2
        self._protocol = int(protocol)
        self._options = _OPTIONS
        self._verify_mode = CERT_REQUIRED if is_client else CERT_NONE
        self._verify_flags = constants.VERIFY_X509_TRUSTED_FIRST
        self._check_hostname = is_client
        self._minimum = PROTO_TLSv1_2
        self._maximum = PROTO_TLSv1_2 if is_fixed else PROTO_MAXIMUM_SUPPORTED
        self._post_handshake_auth = False
        self._sni_callback = None
        self._tickets = 2
        self._protocols = ()
        self._identity = None
        self._roots = Roots()
        self._ciphers = ciphers.ALL
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._host_flags = constants.HOSTFLAG_NO_PARTIAL_WILDCARDS
        return self

    # -- Settings. ssl.py calls the setters of these properties by name.

    protocol = property(lambda self: self._protocol)
    security_level = property(lambda self: 2)

    @property
    def options(self):
        return self._options

    @options.setter
    def options(self, value):
        value = _integer(value, 0xFFFFFFFFFFFFFFFF)
        if value & ~self._options & _OLD_OPTIONS:
            warnings.warn("ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated", DeprecationWarning, stacklevel=3)
        self._options = value

    @property
    def verify_mode(self):
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        value = _integer(value, 0x7FFFFFFF)
        if value not in (CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if value == CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._verify_mode = value

    @property
    def check_hostname(self):
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value):
        self._check_hostname = bool(value)
        if self._check_hostname and self._verify_mode == CERT_NONE:
            self._verify_mode = CERT_REQUIRED

    @property
    def verify_flags(self):
        return self._verify_flags

    @verify_flags.setter
    def verify_flags(self, value):
        value = _integer(value, 0xFFFFFFFF)
        if value & constants.VERIFY_CRL_CHECK_CHAIN:
            raise NotImplementedError("a guest's TLS reads no lists of revoked certificates (VERIFY_CRL_CHECK_LEAF, VERIFY_CRL_CHECK_CHAIN)")
        self._verify_flags = value

    @property
    def minimum_version(self):
        return self._minimum

    @minimum_version.setter
    def minimum_version(self, value):
        value = self._version(value)
        self._minimum = PROTO_TLSv1_3 if value == PROTO_MAXIMUM_SUPPORTED else value

    @property
    def maximum_version(self):
        return self._maximum

    @maximum_version.setter
    def maximum_version(self, value):
        value = self._version(value)
        self._maximum = PROTO_TLSv1_2 if value == PROTO_MINIMUM_SUPPORTED else value

    def _version(self, value):
        value = int(value)
        if self._protocol == PROTOCOL_TLSv1_2:
            raise ValueError("The context's protocol doesn't support modification of highest and lowest version.")
        if value in _OLD_VERSIONS:
            warnings.warn(f"ssl.TLSVersion.{_OLD_VERSIONS[value]} is deprecated", DeprecationWarning, stacklevel=4)
        elif value not in (PROTO_MINIMUM_SUPPORTED, PROTO_MAXIMUM_SUPPORTED, PROTO_TLSv1_2, PROTO_TLSv1_3):
            raise ValueError(f"Unsupported TLS/SSL version 0x{value & 0xFFFFFFFF:x}")
        if value == constants.PROTO_SSLv3:
            raise ValueError(f"Unsupported protocol version 0x{value:x}")
        return value

    @property
    def num_tickets(self):
        return self._tickets

    @num_tickets.setter
    def num_tickets(self, value):
        if value < 0:
            raise ValueError("value must be non-negative")
        if self._protocol != PROTOCOL_TLS_SERVER:
            raise ValueError("SSLContext is not a server context.")
        self._tickets = int(value)

    @property
    def post_handshake_auth(self):
        return self._post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value):
        # Clients set it before they know whether a server will ask. The runtime does not offer it, so none does.
        self._post_handshake_auth = bool(value)

    @property
    def sni_callback(self):
        return self._sni_callback

    @sni_callback.setter
    def sni_callback(self, call):
        if self._protocol == PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if call is not None and not callable(call):
            raise TypeError("not a callable object")
        self._sni_callback = call

    @property
    def keylog_filename(self):
        return None

    @keylog_filename.setter
    def keylog_filename(self, value):
        if value is not None:
            raise NotImplementedError("a guest's TLS gives nobody its keys: keylog_filename and SSLKEYLOGFILE cannot be set")

    @property
    def _msg_callback(self):
        return None

    @_msg_callback.setter
    def _msg_callback(self, call):
        if call is not None:
            raise NotImplementedError("a guest's TLS shows no messages of its handshakes")

    # -- Certificates

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        self._identity = identity.load(certfile, keyfile, password)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        for what, path in (("cafile", cafile), ("capath", capath)):
            if path is not None and not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
                raise TypeError(f"{what} should be a valid filesystem path")
        if cadata is not None:
            self._roots.add_data(cadata)
        if cafile is not None:
            self._roots.add_file(cafile)
        if capath is not None:
            self._roots.add_folder(capath)

    def set_default_verify_paths(self):
        self._roots.add_default()

    def get_ca_certs(self, binary_form=False):
        """Of those that the program has named; the runtime does not tell this machine's."""
        found = [der for der in self._roots.named() if _is_authority(der)]
        return found if binary_form else [decode(der) for der in found]

    def cert_store_stats(self):
        named = self._roots.named()
        return {"x509": len(named), "crl": 0, "x509_ca": sum(map(_is_authority, named))}

    # -- What is agreed with a peer

    def set_ciphers(self, cipherlist, /):
        self._ciphers = ciphers.select(cipherlist)

    def get_ciphers(self):
        return ciphers.describe(self._ciphers)

    def set_ecdh_curve(self, name, /):
        """The runtime offers those that are safe, X25519 first."""
        if not isinstance(name, (str, bytes)):
            raise TypeError(f"expected str, bytes or os.PathLike object, not {type(name).__name__}")
        name = name if isinstance(name, str) else name.decode()
        if name not in _CURVES:
            raise ValueError(f"unknown elliptic curve name {name!r}")

    def load_dh_params(self, path, /):
        """No suite of the runtime needs them."""
        with open(path, "rb") as file:
            if b"-----BEGIN DH PARAMETERS-----" not in file.read():
                raise errors.of("PEM", "no start line")

    def _set_alpn_protocols(self, protocols, /):
        found, at = [], 0
        while at < len(protocols):
            found.append(bytes(protocols[at + 1 : at + 1 + protocols[at]]))
            at += 1 + protocols[at]
        self._protocols = tuple(found)

    def set_psk_client_callback(self, callback):
        raise NotImplementedError("TLS-PSK is not supported by your OpenSSL version.")

    def set_psk_server_callback(self, callback, identity_hint=None):
        raise NotImplementedError("TLS-PSK is not supported by your OpenSSL version.")

    def session_stats(self):
        return dict(self._counts)

    # -- Connections

    def _wrap_socket(self, sock, server_side, server_hostname=None, *, owner=None, session=None):
        return self._wrap(OfSocket(sock), server_side, server_hostname, owner, session)

    def _wrap_bio(self, incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None):
        return self._wrap(OfMemory(incoming, outgoing), server_side, server_hostname, owner, session)

    def _wrap(self, transport, server_side, name, owner, session):
        if self._protocol == PROTOCOL_TLS_CLIENT and server_side:
            raise errors.error("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context")
        if self._protocol == PROTOCOL_TLS_SERVER and not server_side:
            raise errors.error("Cannot create a client socket with a PROTOCOL_TLS_SERVER context")
        if name is not None:
            if not name or name.startswith("."):
                raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
            if "\0" in name:
                raise TypeError("embedded null character")
        return Connection(self, transport, bool(server_side), name, owner, session)

    def settle(self, server):
        """What a connection that begins now goes by, whatever is set later."""
        system, roots = self._roots.settled() if self._verify_mode != CERT_NONE else (False, ())
        minimum = PROTO_TLSv1_3 if self._options & constants.OP_NO_TLSv1_2 else max(self._minimum, PROTO_TLSv1_2)
        maximum = PROTO_TLSv1_3 if self._maximum == PROTO_MAXIMUM_SUPPORTED else self._maximum
        if self._options & constants.OP_NO_TLSv1_3:
            maximum = min(maximum, PROTO_TLSv1_2)
        verify = 0 if self._verify_mode == CERT_NONE else 2 if self._check_hostname and not server else 1
        ask = self._verify_mode if server else 0
        return Settings(server, verify, ask, system, roots, self._identity, self._protocols, minimum, maximum)

    def ask(self, owner, name):
        """Calls the callback for the name that a client asks for; the alert to refuse it with, or none."""
        if self._sni_callback is None:
            return None
        if owner is None:
            # It is gone.
            return _INTERNAL_ERROR
        try:
            answer = self._sni_callback(owner, name, self)
        except Exception as error:
            self._say(error)
            return _HANDSHAKE_FAILURE
        if answer is None or isinstance(answer, int):
            return answer
        self._say(TypeError(f"an integer is required (got type {type(answer).__name__})"))
        return _INTERNAL_ERROR

    def _say(self, error):
        """As errors are said that nobody can catch. CPython's own way of saying them takes no such words from others."""
        message = "Exception ignored while calling ssl servername callback"
        if sys.unraisablehook is sys.__unraisablehook__:
            print(f"{message} {self._sni_callback!r}:", file=sys.stderr)
            traceback.print_exception(error)
            return
        said = (type(error), error, error.__traceback__, message, self._sni_callback)
        sys.unraisablehook(types.SimpleNamespace(**dict(zip(_UNRAISABLE, said))))

    def count(self, server, how="", resumed=False):
        name = "accept" if server else "connect"
        self._counts[f"{name}_good" if how else name] += 1
        self._counts["hits"] += resumed


def _is_authority(der):
    from . import host

    return host.describe(der).authority


Context.__name__ = Context.__qualname__ = "_SSLContext"
