"""The one kind of error that users can fix."""


class UserError(Exception):
    """Bad input, in one sentence: what is wrong, where (file, key, value), what to do. Shown without a traceback."""

    def __init__(self, sentence: object):
        # A value may contain line breaks, but a sentence must not
        super().__init__("\\n".join(str(sentence).splitlines()))
