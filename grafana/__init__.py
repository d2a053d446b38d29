"""The Grafana dashboard, its provisioning, and the code that writes it."""
