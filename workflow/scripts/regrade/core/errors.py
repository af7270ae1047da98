"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Bad input, in one sentence: what is wrong, where (file, key, value), what to do. Shown without a traceback."""

    def __init__(self, sentence: object):
        # A value may have line breaks, a sentence has not
        super().__init__("\\n".join(str(sentence).splitlines()))
