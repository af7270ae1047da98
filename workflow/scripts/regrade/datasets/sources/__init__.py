"""One module per dataset; a dataset is known by its module's presence. See `regrade.datasets.registry`."""
