"""DHCPv6 (RFC 8415), as far as booting needs it, and the router advertisement before."""
