"""Fixtures of the package's tests."""

from tests.llm_server import llm_server

__all__ = ["llm_server"]
