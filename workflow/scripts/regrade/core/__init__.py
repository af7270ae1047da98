"""What everything else stands on: files, errors, checksums, digests of code. Imports nothing above it."""
