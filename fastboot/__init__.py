"""fastboot: the server that a machine without an operating system talks to first."""
