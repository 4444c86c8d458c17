"""Hashes and HMAC; what it prints is the same at every run, and under CPython."""

import hashlib
import hmac
import io

large = bytes(range(256)) * 4000


def tried(call):
    try:
        print(call())
    except Exception as error:
        # The text of an argument that is missing has changed with 3.13.
        print(type(error).__name__, str(error).replace("required parameter", "required argument"))


for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"):
    made = getattr(hashlib, name)
    for data in (b"", b"abc", large, bytearray(b"abc"), memoryview(large)[::1]):
        tried(lambda: (name, made(data).hexdigest()))
    one = hashlib.new(name, usedforsecurity=False)
    for part in (b"ab", large, b"c", large[:70000]):
        one.update(part)
    other = one.copy()
    other.update(b"x")
    print(name, one.hexdigest(), other.hexdigest(), one.digest() == one.digest())
    print(one.name, one.digest_size, one.block_size)
    if not name.startswith("blake"):
        for data in (b"", b"abc", large):
            print(hmac.new(b"key", data, name).hexdigest(), hmac.digest(b"key", data, name).hex(), hmac.digest(b"key" * 100, data, made).hex())
        mac = hmac.new(b"key", digestmod=made)
        mac.update(large)
        again = mac.copy()
        mac.update(large)
        print(mac.name, mac.digest_size, mac.block_size, mac.hexdigest(), again.hexdigest())
for name in ("shake_128", "shake_256"):
    one = hashlib.new(name, large)
    print(one.name, one.digest_size, one.hexdigest(5), one.digest(300)[-5:], one.copy().hexdigest(3))
print(hashlib.new("ripemd160", b"abc").hexdigest(), hashlib.new("sha512_256", b"abc").hexdigest(), hashlib.new("SHA256", b"abc").hexdigest())
print(hashlib.file_digest(io.BytesIO(large), "sha256").hexdigest(), hashlib.file_digest(open(__file__, "rb"), "sha1").digest_size)
print({"md5", "sha256", "sha512_256", "ripemd160"} <= hashlib.algorithms_available)
changing = bytearray(large)
one = hashlib.sha256(changing)
changing[0] = 255
print(one.hexdigest() == hashlib.sha256(large).hexdigest())
tried(lambda: hashlib.sha256("text"))
tried(lambda: hashlib.sha256(5))
tried(lambda: hashlib.new("nope"))
tried(lambda: type(hashlib.sha256())())
tried(lambda: hmac.new(b"key", b"data"))
tried(lambda: hmac.new("key", b"data", "sha256"))
print(hmac.compare_digest(b"a", b"a"), hmac.compare_digest("a", "b"))
print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex(), hashlib.pbkdf2_hmac("sha3_256", b"password", b"salt", 10, 50).hex())
print(hashlib.scrypt(b"password", salt=b"salt", n=1024, r=8, p=1, dklen=20).hex())
