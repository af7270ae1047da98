"""The one kind of error that users can fix."""

from collections.abc import Iterable


class UserError(Exception):
    """Bad input, in one sentence: what is wrong, where (file, key, value), what to do. Shown without a traceback.

    `each`: a sentence for every single mistake, where the first stands for several.
    """

    def __init__(self, sentence: object, each: Iterable[object] = ()):
        super().__init__(_one_line(sentence))
        self.each = [*map(_one_line, each)] or [str(self)]


def _one_line(sentence: object) -> str:
    # A value may contain line breaks, but a sentence must not
    return "\\n".join(str(sentence).splitlines())
