"""The default TLS settings: certifi's authorities, or those that the environment names."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

from aiobench._errors import ConfigurationError

__all__ = ["default_context"]

# as httpx and OpenSSL know them, then as requests and curl do
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
KEY_LOG = "SSLKEYLOGFILE"


def default_context(environ: Mapping[str, str], *, trust_env: bool) -> ssl.SSLContext:
    """Create the TLS context. This reads files for 30 to 180 ms.

    Args:
        environ: The environment.
        trust_env: Whether it chooses the authorities. Python itself reads `SSLKEYLOGFILE` in any case.

    Raises:
        ConfigurationError: If a file that the environment names cannot be read, or its keys not be logged.
    """
    name = next((name for name in VARIABLES if environ.get(name)), None) if trust_env else None
    try:
        if name is None:
            return httpx.create_ssl_context(trust_env=False)
        path = Path(environ[name]).expanduser()
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        if (log := environ.get(KEY_LOG)) and not _can_be_written(log):
            raise ConfigurationError(f"the key log {log!r} that {KEY_LOG} names cannot be written: {error}") from error
        if name is None:
            raise ConfigurationError(f"the certificate authorities cannot be read: {error}") from error
        raise ConfigurationError(
            f"the certificate authorities in {environ[name]!r}, which {name} names, cannot be read: {error}"
        ) from error


def _can_be_written(path: str) -> bool:
    try:
        with Path(path).open("ab"):
            return True
    except OSError:
        return False
