"""Mutual TLS between services, if certificates are configured."""

from typing import Any

import grpc

from chassis.frozen import Frozen
from chassis.settings import BaseSettings, SettingsError


class Tls(Frozen):
    """A service's certificate, its key and the certificate authority, each as PEM text."""

    certificate: str
    key: str
    authority: str

    def server(self) -> Any:
        """Server credentials that require client certificates of the authority."""
        return grpc.ssl_server_credentials(
            [(self.key.encode(), self.certificate.encode())],
            root_certificates=self.authority.encode(),
            require_client_auth=True,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Client credentials for such a port."""
        return grpc.ssl_channel_credentials(self.authority.encode(), self.key.encode(), self.certificate.encode())

    def __repr__(self) -> str:
        return "Tls(…)"


def tls_of(settings: BaseSettings) -> Tls | None:
    """The certificates from the settings, or None. Raises `SettingsError` if one or two of the three are missing."""
    pems = (settings.grpc_tls_certificate, settings.grpc_tls_key, settings.grpc_tls_authority)
    if not any(pems):
        return None
    if not all(pems):
        raise SettingsError("GRPC_TLS_CERTIFICATE, GRPC_TLS_KEY and GRPC_TLS_AUTHORITY go together")
    return Tls(certificate=pems[0], key=pems[1], authority=pems[2])
