"""The incident replayed on real servers: a node's network, the exporter, Prometheus with the alerts, Alertmanager."""
