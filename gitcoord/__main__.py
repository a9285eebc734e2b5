"""Runs the command line: `python -m gitcoord`."""

from gitcoord.entrypoints.main import main

if __name__ == "__main__":
    main()
