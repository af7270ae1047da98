"""One module per format of one's own data, with the interface of a dataset's. See `regrade.datasets.registry`."""
