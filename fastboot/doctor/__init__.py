"""`fastboot doctor`: what machines on this network will do when they boot, and why."""
