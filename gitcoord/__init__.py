"""gitcoord: locks, tasks, presence and handoffs for many agents in one git repository.

The promise to other programs is the command line and the stored format, not
these modules. Importing the package loads nothing: start-up time is a feature.
"""

__version__ = "0.1.0"
