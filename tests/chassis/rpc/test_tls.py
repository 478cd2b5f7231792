from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.errors import Unavailable
from chassis.rpc.tls import Tls
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from tests.chassis.rpc.given import ScriptedServicer, calling, serving


def a_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Signs certificates for the length of a test."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.key.public_key(), "authority", authority=True)

    def issue(self, name: str) -> Tls:
        """A certificate for a service of this name, here."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Tls(
            certificate=pem(self._sign(key.public_key(), name, authority=False)),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            authority=pem(self.certificate),
        )

    def _sign(self, key: ec.EllipticCurvePublicKey, name: str, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(a_name(name))
            .issuer_name(a_name("authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        return builder.sign(self.key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


async def test_services_with_certificates_of_one_authority_talk() -> None:
    authority = Authority()
    servicers = ScriptedServicer(), ScriptedServicer()
    async with (
        serving(servicers[0], tls=authority.issue("ics")) as first,
        serving(servicers[1], tls=authority.issue("ics")) as second,
    ):
        async with calling(first, tls=authority.issue("ops")) as one:
            await one.Count(VacuumRequest())
        async with calling(first, second, tls=authority.issue("ops")) as both:
            await both.Count(VacuumRequest())
    assert sum(servicer.calls for servicer in servicers) == 2


async def test_who_has_no_certificate_or_one_of_another_authority_is_not_let_in() -> None:
    servicer = ScriptedServicer()
    async with serving(servicer, tls=Authority().issue("ics")) as server:
        for tls in (None, Authority().issue("ops")):
            async with calling(server, tls=tls) as stub:
                with pytest.raises(Unavailable):
                    await stub.Count(VacuumRequest(), timeout=5)
    assert servicer.calls == 0


def test_a_key_does_not_show() -> None:
    assert "PRIVATE" not in repr(Authority().issue("ics"))
