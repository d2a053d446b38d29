"""Tells why a Kubernetes node lost its uplink: routes, interfaces, load and flannel, as Prometheus metrics."""

__version__ = "0.1.0"
