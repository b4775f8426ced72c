"""Long studies that print the figures of `docs/results/`; each has a `make study-NAME` target."""
