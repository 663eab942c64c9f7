"""Analytic surfaces, one block each, a file for each kind."""

import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from core import Surface
from core.registry import discover, keyed


def surfaces_in(package: ModuleType) -> Mapping[str, Surface]:
    """The surfaces of a package, files in alphabetical order, each file's in the order written."""
    return MappingProxyType(keyed(surface for _, surface in discover(package, Surface)))


SURFACES = surfaces_in(sys.modules[__name__])
