"""Writes the dashboard's JSON."""

from grafana.dashboard.files import written

for path, text in written().items():
    path.write_text(text)
