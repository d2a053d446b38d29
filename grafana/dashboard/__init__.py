"""The dashboard as code: what `make docs` writes to the JSON files beside this package."""
