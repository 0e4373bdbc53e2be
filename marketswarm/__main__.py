"""``python -m marketswarm`` is the ``marketswarm`` command."""

from marketswarm.cli import main

if __name__ == "__main__":
    main()
