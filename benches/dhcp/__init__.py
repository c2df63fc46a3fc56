"""DHCP servers beside each other: what machines are told to boot, and their addresses.

Server and machines are in networks of their own with a cable between them, for machines
are answered by broadcast. The load clients are `load/discover.c` and `load/dora.c`;
perfdhcp of the Kea project is a second opinion.
"""

from . import leases, offers

OFFERS = offers.COMPARISON
LEASES = leases.COMPARISON

__all__ = ["LEASES", "OFFERS"]
