"""The one exception that bad input raises."""


class InputError(ValueError):
    """What a person gave cannot be used.

    The message answers four questions: which file, key or argument; what was expected; what
    came; what to do. The command line and the workflow print it without a traceback.
    """
