"""Packages that hash passwords and sign."""

import hashes  # noqa: F401
from django.conf import settings
from itsdangerous import URLSafeTimedSerializer
from passlib.hash import pbkdf2_sha256, scrypt, sha512_crypt
from werkzeug.security import check_password_hash, generate_password_hash

settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in ("PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher", "ScryptPasswordHasher", "MD5PasswordHasher")])

from django.contrib.auth.hashers import check_password, make_password

for method in ("scrypt", "pbkdf2", "pbkdf2:sha1:1000"):
    made = generate_password_hash("secret", method=method)
    print(method, check_password_hash(made, "secret"), check_password_hash(made, "guess"))
for hasher in ("pbkdf2_sha256", "pbkdf2_sha1", "scrypt", "md5"):
    made = make_password("secret", hasher=hasher)
    print(hasher, check_password("secret", made), check_password("guess", made))
print(make_password("secret", "salt", "pbkdf2_sha256").rsplit("$", 1)[0].split("$")[0])
for kind in (pbkdf2_sha256, scrypt.using(rounds=10), sha512_crypt.using(rounds=5000)):
    made = kind.hash("secret")
    print(kind.name, kind.verify("secret", made), kind.verify("guess", made))
signer = URLSafeTimedSerializer("key")
print(signer.loads(signer.dumps({"a": 1})))
