# What jobs ask a cluster for, from the table `needs` of the configuration; twice as much a retry.


def needs(rule):
    """Return memory (MB) and run time (minutes) of a rule's jobs as functions of the attempt."""

    def doubled(amount):
        return lambda wildcards, attempt: amount * 2 ** (attempt - 1)

    return {name: doubled(amount) for name, amount in config["needs"][rule].items()}
