"""Who is let in, and by which encryption: what the web config asks for, done. OpenSSL is loaded only if it must be."""

from uplink_exporter.web.config import ConfigError
from uplink_exporter.web.secure.guard import Guard, as_set, guarded

__all__ = ["ConfigError", "Guard", "as_set", "guarded"]
