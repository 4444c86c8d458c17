"""`SSLSession`: that a handshake was done. The runtime keeps what sessions are resumed with, and resumes them by itself."""

import os
import time

# OpenSSL's, in seconds.
_TIMEOUT = 7200


class SSLSession:
    __module__ = "_ssl"

    def __init__(self, context):
        self._context = context
        self.id = os.urandom(32)
        self.time = int(time.time())
        self.timeout = self.ticket_lifetime_hint = _TIMEOUT
        self.has_ticket = True

    def __eq__(self, other):
        return self.id == other.id if isinstance(other, SSLSession) else NotImplemented

    def __hash__(self):
        return hash(self.id)
