from __future__ import annotations

from tests.support.fleets import fleet, server_of_fleet, standing

__all__ = ["fleet", "server_of_fleet", "standing"]
