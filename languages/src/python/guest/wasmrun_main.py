"""The component's own module. What is imported here is in the snapshot that every start begins with."""

from wasmrun_guest import absent, compression, database, ending, hashes, sockets, storage, streams, threads, tls  # First: others take names from what these change.

hashes.install()
streams.install()
storage.install()
ending.install()
threads.install()
sockets.install()
absent.install()
tls.install()
compression.install()
database.install()

from wasmrun_guest import servers, loops, stdlib, packages, start

servers.install()
loops.install()
start.remember()
stdlib.remember()
packages.preload()

from wit_world import exports


class Run(exports.Run):
    def run(self):
        start.run()
