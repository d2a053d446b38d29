"""The replay needs what the kernel's tests need."""

from tests.kernel.conftest import namespaces

__all__ = ["namespaces"]
