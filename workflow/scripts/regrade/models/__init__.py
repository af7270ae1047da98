"""Networks. Every layer holds the parameters of several runs at once, stacked along the first dimension."""
