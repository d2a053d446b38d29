"""What `--web.config.file` may hold, in the words of Prometheus' exporter-toolkit: bytes in, a value out. Pure."""

from uplink_exporter.web.config.document import ConfigError
from uplink_exporter.web.config.model import ClientAuth, Pem, RateLimit, Tls, Version, WebConfig
from uplink_exporter.web.config.sections import parse

__all__ = ["ClientAuth", "ConfigError", "Pem", "RateLimit", "Tls", "Version", "WebConfig", "parse"]
