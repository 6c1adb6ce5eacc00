"""Which certificate a listener shows when it has none of its own."""

from __future__ import annotations

from pathlib import Path

from ostiary.settings import Settings


def default_certificate(settings: Settings, prefix: Path) -> tuple[Path, Path]:
    """Certificate and key: those of the settings, else the one made at the first start."""
    if settings.ssl_cert and settings.ssl_cert_key:
        return Path(settings.ssl_cert), Path(settings.ssl_cert_key)
    return prefix / "ssl" / "default.crt", prefix / "ssl" / "default.key"
