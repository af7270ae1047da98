"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Bad input, in one sentence: what is wrong, where (file, key, value), what to do. Shown without a traceback."""
