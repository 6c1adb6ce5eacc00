"""
Which of the installed plugins a node may use.

Spec: Kong's setting `plugins` (gateway §5.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.kit import Catalog

BUNDLED = "bundled"


class PluginMissing(Exception):
    """A plugin that is to be enabled is not installed; the text names it."""

    code = "plugin_missing"


def choose_plugins(names: Sequence[str], catalog: Catalog) -> Catalog:
    """
    The plugins of a catalog that the setting names; `bundled` is all of them.

    Raises:
        PluginMissing: One of them is not in the catalog.
    """
    missing = [name for name in names if name != BUNDLED and name not in catalog]
    if missing:
        raise PluginMissing(
            f"in 'plugins': {missing[0]} plugin is enabled but not installed; "
            f"there are {', '.join(sorted(catalog))}"
        )
    if BUNDLED in names:
        return catalog
    return {name: plugin for name, plugin in catalog.items() if name in names}
