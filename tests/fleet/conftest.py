"""The servers of these tests."""

from tests.fleet.object_server import object_server

__all__ = ["object_server"]
