"""A certificate authority for one run of the tests, and certificates of it that are good or not."""

import datetime
import ssl
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates; `root` is the file that a client must trust."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _signed("An Invented Authority", self._key, None, is_authority=True)
        self.root = directory / "root.pem"
        self.root.write_bytes(_pem(self._certificate))

    @cache  # noqa: B019 - one authority lives as long as the run of the tests
    def context(self, kind: str) -> ssl.SSLContext:
        """What a server of localhost shows: one of CERTIFICATES."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(kind))
        return context

    def certificate(self, kind: str) -> Path:
        """The file of a certificate and its key."""
        key, stranger = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        signers = {"self-signed": (key, None), "of an unknown authority": (stranger, self._certificate)}
        signer, issuer = signers.get(kind, (self._key, self._certificate))
        name = "elsewhere.example" if kind == "wrong name" else "localhost"
        signed = _signed(name, signer, issuer, key=key, ends=-DAY if kind == "expired" else DAY)
        file = self._directory / f"{kind.replace(' ', '-')}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(_pem(signed) + private)
        return file


def _signed(
    name: str,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    ends: datetime.timedelta = DAY,
    is_authority: bool = False,
) -> x509.Certificate:
    """A certificate for a name, by its issuer or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name), *([x509.IPAddress(ip_address("127.0.0.1"))] if name == "localhost" else [])]
    building = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key((key or signer).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - 2 * DAY)
        .not_valid_after(today + ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        building = building.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return building.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
