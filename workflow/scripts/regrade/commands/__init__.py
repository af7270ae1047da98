"""The command line: a module per command, each with its arguments and what it does with them."""
