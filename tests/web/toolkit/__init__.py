"""The exporter-toolkit itself, built from its Go module, and the same files in both. `make toolkit` runs it."""
