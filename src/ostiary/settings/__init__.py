"""
Settings of a node: a kong.conf-style file and the environment, frozen. Pure.

Every setting has Kong's name where Kong has it. `KONG_<NAME>` and `OSTIARY_<NAME>` both set
it, the latter wins; ours that Kong does not have answer to `OSTIARY_<NAME>` only.

Spec: Kong's configuration loading (gateway §5.1); decision D24.
"""

from __future__ import annotations

from ostiary.settings.listen import ListenAddress, is_loopback, parse_listen
from ostiary.settings.load import LOG_LEVELS, LoadedSettings, read_settings
from ostiary.settings.shown import show_settings
from ostiary.settings.sources import parse_file
from ostiary.settings.table import OURS_ONLY, Settings, SettingsInvalid

__all__ = [
    "LOG_LEVELS",
    "OURS_ONLY",
    "ListenAddress",
    "LoadedSettings",
    "Settings",
    "SettingsInvalid",
    "is_loopback",
    "parse_file",
    "parse_listen",
    "read_settings",
    "show_settings",
]
