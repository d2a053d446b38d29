"""The rules in VictoriaMetrics: `make victoriametrics`."""
