"""Object identifiers by their names and OpenSSL's numbers (OBJ_txt2obj(3)): those that programs ask `ssl` for."""

_KNOWN = (
    (6, "rsaEncryption", "rsaEncryption", "1.2.840.113549.1.1.1"),
    (13, "CN", "commonName", "2.5.4.3"),
    (14, "C", "countryName", "2.5.4.6"),
    (15, "L", "localityName", "2.5.4.7"),
    (16, "ST", "stateOrProvinceName", "2.5.4.8"),
    (17, "O", "organizationName", "2.5.4.10"),
    (18, "OU", "organizationalUnitName", "2.5.4.11"),
    (48, "emailAddress", "emailAddress", "1.2.840.113549.1.9.1"),
    (85, "subjectAltName", "X509v3 Subject Alternative Name", "2.5.29.17"),
    (126, "extendedKeyUsage", "X509v3 Extended Key Usage", "2.5.29.37"),
    (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
    (131, "codeSigning", "Code Signing", "1.3.6.1.5.5.7.3.3"),
    (132, "emailProtection", "E-mail Protection", "1.3.6.1.5.5.7.3.4"),
    (133, "timeStamping", "Time Stamping", "1.3.6.1.5.5.7.3.8"),
    (180, "OCSPSigning", "OCSP Signing", "1.3.6.1.5.5.7.3.9"),
    (910, "anyExtendedKeyUsage", "Any Extended Key Usage", "2.5.29.37.0"),
)


def txt2obj(txt, name=False):
    for known in _KNOWN:
        if txt == known[3] or name and txt in known[1:3]:
            return known
    raise ValueError(f"unknown object '{txt[:100]}'")


def nid2obj(nid, /):
    # OpenSSL's number of what is none.
    if nid < 1:
        raise ValueError("NID must be positive.")
    for known in _KNOWN:
        if nid == known[0]:
            return known
    raise ValueError(f"unknown NID {nid}")
