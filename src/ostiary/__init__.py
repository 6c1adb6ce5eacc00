"""Ostiary: an open API gateway that puts OpenID Connect in front of HTTP services."""

from __future__ import annotations

__version__ = "0.1.0"
