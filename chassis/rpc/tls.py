"""Mutual TLS between services, where certificates are configured."""

from typing import Any

import grpc

from chassis.frozen import Frozen


class Tls(Frozen):
    """A service's certificate, its key and the authority both sides trust, each as PEM text."""

    certificate: str
    key: str
    authority: str

    def server(self) -> Any:
        """Credentials of a port whose callers must show a certificate of the authority."""
        return grpc.ssl_server_credentials(
            [(self.key.encode(), self.certificate.encode())],
            root_certificates=self.authority.encode(),
            require_client_auth=True,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Credentials to call such a port with."""
        return grpc.ssl_channel_credentials(self.authority.encode(), self.key.encode(), self.certificate.encode())

    def __repr__(self) -> str:
        return "Tls(…)"
