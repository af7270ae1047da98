"""What a process is given: logs, a device, settings of the libraries."""
