"""What the exporter costs, beside Debian's prometheus-node-exporter at equal work: `python -m tests.bench`."""
