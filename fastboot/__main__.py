"""The way in: `fastboot`, and `python -m fastboot` whatever else is called so on PATH."""

from __future__ import annotations

import sys

from .errors import SetupError


def main() -> None:
    """Run the command; quiet and brief also where it ends while it is being loaded."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)  # as shells count a program that SIGINT ended
    except SetupError as error:  # FASTBOOT_EXTENSIONS
        from .report import complain

        complain(str(error))
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
