"""Tells why a Kubernetes node lost its uplink: routes, interfaces, load and flannel, as Prometheus metrics."""

__version__ = "0.1.0"
# The address of the project. A fork or a copy changes it here and runs `make docs`: links, chart and documents follow.
HOME = "https://github.com/uplink-exporter/uplink-exporter"
