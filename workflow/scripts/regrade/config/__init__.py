"""params.yaml, claims.yaml and reported.csv as typed objects, and the messages for mistakes in them."""
