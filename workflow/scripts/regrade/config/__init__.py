"""params.yaml, claims.yaml and reported.csv as typed objects, and what is said when they are wrong."""
