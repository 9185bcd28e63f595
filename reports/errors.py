"""Errors that a user can mend."""


class ReportError(Exception):
    """Something is wrong with what the caller gave or with a run folder.

    The message says what was wrong, where, what is allowed and what to do next. `exit_code` is what
    the command line ends with (2: usage, configuration, cannot load).
    """

    exit_code = 2
