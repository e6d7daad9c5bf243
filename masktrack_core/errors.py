"""The one exception that bad input raises, and how a lack of memory is told from all others."""

import errno

#: What libraries that have no exception for it say, each in its own words.
_NO_MEMORY = (
    "insufficient memory",
    "out of memory",
    "not enough memory",
    "allocate memory",
    "failed to map segment",
    "can't start new thread",
    "could not create a primitive",  # oneDNN, below torch on a CPU
)


class InputError(ValueError):
    """What a person gave cannot be used.

    The message answers four questions: which file, key or argument; what was expected; what
    came; what to do. The command line and the workflow print it without a traceback.
    """


def describe(error: BaseException) -> str:
    """Return what came instead of a good file, in a few words for a message."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder"
    return f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error, of whatever library, says that memory ran out."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    told = isinstance(error, RuntimeError | ImportError | OSError) or _is_opencvs(error)
    return told and any(words in str(error).lower() for words in _NO_MEMORY)


def _is_opencvs(error: BaseException) -> bool:
    """Return whether an error is ``cv2.error``, by its name: importing OpenCV takes a while."""
    return (type(error).__module__, type(error).__name__) == ("cv2", "error")
