"""`python -m fastboot`: the command, whatever else is called fastboot on PATH."""

from .cli import main

main()
