"""What stands between a Python program and a WebAssembly guest: no threads, no blocking calls, no files but given ones."""
