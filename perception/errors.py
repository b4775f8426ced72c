"""The one exception that a user is meant to read."""


class WhiteoutError(Exception):
    """Bad input or a failed run, told in one sentence: what was wrong, where (file, field), what to do."""
