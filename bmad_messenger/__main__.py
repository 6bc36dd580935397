"""`python -m bmad_messenger`: the command line, where its script is not on the path."""

import sys

from bmad_messenger.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
